import { setImmediate } from 'node:timers/promises';
import { RegistryError } from '../copy/error.ts';
import { outages } from './listed.ts';
import { parallel } from './parallel.ts';
import type { RecordStore, Seen, TagRecord } from './record.ts';
import type { Registries } from './registries.ts';
import type { Tally } from './tally.ts';

export interface AuditOptions {
  registries: Registries;
  records: RecordStore;
  /** Of source tags that never move: their records have no turn. Absent where no rule declares any. */
  isImmutable?: ((record: TagRecord) => boolean) | undefined;
  tally: Tally;
  /** Of the trusted records, from 0 to 1. */
  share: number;
  now(): number;
  signal: AbortSignal;
}

/** Requests that an audit has under way. */
const width = 4;
/** Records looked at between two commits. */
const batchSize = 100;

/**
 * Looks at a share of a destination's trusted records, those not looked at for the longest time first: after 1/share
 * sweeps all have had their turn. Where one is wrong, somebody else writes to its repository, and none of its
 * records is trusted until the sweep has asked for each, nor what is known of its blobs. Throws `StorageError`, and what ends the sweep.
 */
export async function audit(destination: string, options: AuditOptions): Promise<void> {
  const { share, signal, tally } = options;
  if (share === 0) return;
  let left = Math.ceil((await countOf(destination, options)) * share);
  if (left === 0) return;
  for await (const due of pagesOf(destination, options)) {
    const batch = due.slice(0, left);
    left -= batch.length;
    try {
      await look(destination, batch, options);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      return tally.failed(`${destination} could not be audited: ${error.message}`);
    }
    if (left === 0) return;
  }
}

/** Of records that have a turn. The rules say which, and not the database: so all are read where a rule declares some immutable. */
async function countOf(destination: string, options: AuditOptions): Promise<number> {
  if (options.isImmutable === undefined) return options.records.count(destination);
  let count = 0;
  for await (const page of pagesOf(destination, options)) count += page.length;
  return count;
}

/** Those that have a turn, the longest not looked at first. Between two pages others have theirs. */
async function* pagesOf(
  destination: string,
  { records, isImmutable = () => false, signal }: AuditOptions,
): AsyncGenerator<TagRecord[]> {
  for (let page = records.oldest(destination, batchSize); page.length > 0;) {
    const last = page.at(-1);
    yield page.filter((record) => !isImmutable(record));
    await setImmediate();
    signal.throwIfAborted();
    page = records.oldest(destination, batchSize, last);
  }
}

/** Throws `RegistryError` when the destination is away. */
async function look(destination: string, batch: readonly TagRecord[], options: AuditOptions): Promise<void> {
  const { registries, records, tally } = options;
  const right: Seen[] = [];
  const wrong = new Set<string>();
  await parallel(batch, width, async (record) => {
    const seen = await seenOf(record, options);
    if (seen === 'right') return;
    if (seen === 'wrong') wrong.add(record.destinationRepository);
    else right.push(seen);
    tally.sweep.audited++;
  });
  records.confirm(right);
  for (const repository of wrong) {
    records.distrust(destination, repository);
    registries.doubt?.(destination, repository);
  }
}

/** `right`: by another look, or copy, since the batch was read. */
async function seenOf(record: TagRecord, options: AuditOptions): Promise<Seen | 'right' | 'wrong'> {
  const { records, tally, now } = options;
  const at = now();
  try {
    const digest = await digestThere(record, options);
    if (digest === record.digest) return { copy: record, digest, at };
    if (records.find(record)?.verifiedAt !== record.verifiedAt) return 'right';
    tally.sweep.mismatched++;
    tally.note(mismatchOf(record, digest));
  } catch (error) {
    // One repository that refuses to be looked at must not stand in the way of all others.
    if (!(error instanceof RegistryError) || outages.has(error.fault)) throw error;
    tally.failed(
      `${record.destination}/${record.destinationRepository} could not be audited: ${error.message}`,
    );
  }
  return 'wrong';
}

async function digestThere(
  record: TagRecord,
  { registries, signal }: AuditOptions,
): Promise<string | undefined> {
  const { destination, destinationRepository, destinationTag } = record;
  return (await registries.destination(destination, destinationRepository).resolve(destinationTag, signal))
    ?.digest;
}

function mismatchOf(record: TagRecord, digest: string | undefined): string {
  const { destination, destinationRepository, destinationTag } = record;
  const got = digest ?? 'no such tag';
  return `${destination}/${destinationRepository}:${destinationTag}: expected ${record.digest}, got ${got}; who else writes there?`;
}
