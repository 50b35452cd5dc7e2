import { RegistryError } from '../copy/error.ts';
import { outages } from './listed.ts';
import { parallel } from './parallel.ts';
import type { RecordStore, Seen, TagRecord } from './record.ts';
import type { Registries } from './registries.ts';
import type { Tally } from './tally.ts';

export interface AuditOptions {
  registries: Registries;
  records: RecordStore;
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
 * records is trusted until the sweep has asked for each. Throws `StorageError`, and what ends the sweep.
 */
export async function audit(destination: string, options: AuditOptions): Promise<void> {
  const { records, share, signal, tally } = options;
  for (let left = Math.ceil(records.count(destination) * share); left > 0; left -= batchSize) {
    // Those that were looked at are the youngest now.
    const batch = records.oldest(destination, Math.min(left, batchSize));
    try {
      await look(destination, batch, options);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      return tally.failed(`${destination} could not be audited: ${error.message}`);
    }
  }
}

/** Throws `RegistryError` when the destination is away. */
async function look(destination: string, batch: readonly TagRecord[], options: AuditOptions): Promise<void> {
  const { records, tally } = options;
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
  for (const repository of wrong) records.distrust(destination, repository);
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
