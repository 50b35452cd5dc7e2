import { RegistryError } from '../copy/error.ts';
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
  const { records, share, signal } = options;
  const due = records.oldest(destination, Math.ceil(records.count(destination) * share));
  for (let start = 0; start < due.length; start += batchSize) {
    const batch = due.slice(start, start + batchSize);
    try {
      await look(batch, options);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      return options.tally.failed(`${destination} could not be audited: ${error.message}`);
    }
  }
}

async function look(batch: readonly TagRecord[], options: AuditOptions): Promise<void> {
  const { records, tally, now } = options;
  const right: Seen[] = [];
  const wrong = new Set<string>();
  await parallel(batch, width, async (record) => {
    const at = now();
    const digest = await digestThere(record, options);
    tally.sweep.audited++;
    if (digest === record.digest) return void right.push({ copy: record, digest, at });
    tally.sweep.mismatched++;
    wrong.add(record.destinationRepository);
    tally.note(mismatchOf(record, digest));
  });
  records.confirm(right);
  for (const repository of wrong) records.distrust(batch[0]?.destination ?? '', repository);
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
