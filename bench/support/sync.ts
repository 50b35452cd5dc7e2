import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../src/sync/report.ts';
import { Child } from './child.ts';
import type { Reached } from './skopeo.ts';
import type { Stand } from './stand.ts';

export interface SyncOptions {
  source: Reached;
  destination: Reached;
  caFile: string;
  /** Source repositories, and where each goes. */
  repositories: ReadonlyMap<string, string>;
  flags?: readonly string[];
}

export interface Synced {
  /** From the process's start to its end. */
  seconds: number;
  processor: number;
  memory: number;
  counts: Report['counts'];
}

/** A run of `tagferry sync` did not end well. */
class SyncError extends Error {
  override readonly name = 'SyncError';
}

/** `tagferry sync` as a user runs it, in a process of its own, with image-syncer's file. */
export async function runSync(stand: Stand, options: SyncOptions): Promise<Synced> {
  const file = join(stand.folder, `sync-${Math.random().toString(36).slice(2)}`);
  writeFileSync(`${file}.json`, JSON.stringify(configuration(options)));
  const args = ['sync', `--config=${file}.json`, `--report=${file}.report`, ...(options.flags ?? [])];
  const { program, flags } = stand.measured;
  const begin = performance.now();
  const child = new Child(stand, program, args, flags, { SSL_CERT_FILE: options.caFile });
  let [memory, processor] = [0, 0];
  // What the system says of a process goes with it.
  const watch = setInterval(() => {
    memory = child.peakMemory() || memory;
    processor = child.processorTime() || processor;
  }, 50);
  const code = await child.ended().finally(() => clearInterval(watch));
  const seconds = (performance.now() - begin) / 1000;
  if (code !== 0) throw new SyncError(`sync ended with ${code}:\n${child.said()}`);
  return { seconds, processor, memory, counts: countsOf(`${file}.report`) };
}

function configuration({ source, destination, repositories }: SyncOptions) {
  const [from, to] = [new URL(source.url).host, new URL(destination.url).host];
  const login = ({ credential }: Reached) =>
    credential && { username: credential.name, password: credential.password };
  return {
    auth: { [from]: login(source), [to]: login(destination) },
    images: Object.fromEntries(
      [...repositories].map(([here, there]) => [`${from}/${here}`, `${to}/${there}`]),
    ),
  };
}

function countsOf(file: string): Report['counts'] {
  const { counts }: Pick<Report, 'counts'> = JSON.parse(readFileSync(file, 'utf8'));
  return counts;
}
