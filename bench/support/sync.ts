import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../src/sync/report.ts';
import { type Job, type Ran, repositoriesOf } from '../peer/peer.ts';
import { Child } from './child.ts';
import type { Reached } from './place.ts';
import type { Stand } from './stand.ts';

/** A run of `tagferry sync` did not end well. */
class SyncError extends Error {
  override readonly name = 'SyncError';
}

type SyncJob = Omit<Job, 'atOnce'> & { atOnce?: number };

export interface Synced extends Ran {
  counts: Report['counts'];
}

/** Without `atOnce` it finds out for itself. */
function procOf({ atOnce }: SyncJob): string[] {
  return atOnce === undefined ? [] : [`--proc=${atOnce}`];
}

/** `tagferry sync` as a user runs it, in a process of its own, with image-syncer's file. */
export async function runSync(stand: Stand, job: SyncJob, more: readonly string[] = []): Promise<Synced> {
  const file = join(job.folder, `sync-${Math.random().toString(36).slice(2)}`);
  writeFileSync(`${file}.json`, JSON.stringify(configuration(job)), { mode: 0o600 });
  const args = ['sync', `--config=${file}.json`, `--report=${file}.report`, ...procOf(job), ...more];
  const { program, flags } = stand.measured;
  const begin = performance.now();
  const child = new Child(stand, program, args, flags, { SSL_CERT_FILE: job.caFile });
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

function configuration({ source, destination, pairs }: SyncJob) {
  const [from, to] = [new URL(source.url).host, new URL(destination.url).host];
  const login = ({ credential: { name, password } }: Reached) => ({ username: name, password });
  const rules = [...repositoriesOf(pairs)].map(([here, there]) => [`${from}/${here}`, `${to}/${there}`]);
  return { auth: { [from]: login(source), [to]: login(destination) }, images: Object.fromEntries(rules) };
}

function countsOf(file: string): Report['counts'] {
  const { counts }: Pick<Report, 'counts'> = JSON.parse(readFileSync(file, 'utf8'));
  return counts;
}
