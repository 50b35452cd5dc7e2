import { execFileSync } from 'node:child_process';
import { isThere } from '../support/command.ts';
import { crane } from './crane.ts';
import { imageSyncer } from './image-syncer.ts';
import { oras } from './oras.ts';
import type { Peer } from './peer.ts';
import { regsync } from './regsync.ts';
import { skopeo } from './skopeo.ts';

const peers: readonly Peer[] = [crane, oras, regsync, skopeo, imageSyncer];

/** Those that are on PATH. */
export function peersHere(): readonly Peer[] {
  return peers.filter(({ name }) => isThere(name));
}

/** By name, what each says of itself, or that it is not installed. */
export function versions(): Record<string, string> {
  return Object.fromEntries(
    peers.map((peer) => [peer.name, isThere(peer.name) ? said(peer) : 'not installed']),
  );
}

function said({ name, version }: Peer): string {
  try {
    return execFileSync(name, version, { encoding: 'utf8' }).trim().replace(/\s+/g, ' ').slice(0, 200);
  } catch {
    return 'does not say';
  }
}
