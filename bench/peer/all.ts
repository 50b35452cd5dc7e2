import { execFileSync } from 'node:child_process';
import { isThere } from '../support/command.ts';
import { crane } from './crane.ts';
import { imageSyncer } from './image-syncer.ts';
import { oras } from './oras.ts';
import type { Peer } from './peer.ts';
import { regsync } from './regsync.ts';
import { skopeo } from './skopeo.ts';

/** Those that are on PATH. */
export function peersHere(): readonly Peer[] {
  return [crane, oras, regsync, skopeo, imageSyncer].filter(({ name }) => isThere(name));
}

/** By name, what each says of itself, or that it is not installed. */
export function versions(): Record<string, string> {
  return Object.fromEntries(
    [crane, oras, regsync, skopeo, imageSyncer].map((peer) => [
      peer.name,
      isThere(peer.name) ? said(peer) : 'not installed',
    ]),
  );
}

function said({ name, version }: Peer): string {
  try {
    return execFileSync(name, version, { encoding: 'utf8' }).trim().replace(/\s+/g, ' ').slice(0, 200);
  } catch {
    return 'does not say';
  }
}
