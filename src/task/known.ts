import type { Refused, Wanted } from '../rule/rule.ts';
import { causeWords, immutableWords, refusedWords, unseenWords, wordsOf } from './explain-words.ts';
import { isOf, isOfRepository } from './record.ts';
import type { RecordStore, TagRecord } from './record.ts';
import type { Standing } from './standing.ts';
import type { TaskStore } from './store.ts';
import type { Cause, Task } from './task.ts';

/*
 * How one destination of a source tag stands, from what is kept here, without asking a registry.
 */

/** Times are milliseconds since 1970. */
export interface Known {
  reason: Standing;
  /** For a person: what, since when, what next. */
  words: string;
  /** Absent where nothing has happened. */
  since?: number;
  /** Why no webhook told of the last change, if none did. */
  cause?: { code: Cause; words: string };
  /** What the destination tag named when it was last looked at. */
  record?: Pick<TagRecord, 'digest' | 'verifiedAt' | 'trusted'>;
  /** A rule declares that its source tag never moves. */
  immutable?: true;
  /** Id of the task that stands for it. */
  task?: number;
  nextAttemptAt?: number;
  /** What the failure that is the reason has said. */
  message?: string;
}

export interface KnownOptions {
  tasks: Pick<TaskStore, 'newestFor'>;
  records: Pick<RecordStore, 'find'>;
  rules: { isImmutable(copy: Wanted): boolean };
}

/** Throws `StorageError`. */
export function knownOf(wanted: Wanted | Refused, options: KnownOptions): Known {
  return 'reason' in wanted ? knownOfRefused(wanted, options) : knownOfWanted(wanted, options);
}

function knownOfRefused(wanted: Refused, { tasks }: KnownOptions): Known {
  const newest = tasks.newestFor(wanted);
  const task = newest?.reason === wanted.reason ? newest : undefined;
  const { reason, message } = wanted;
  return { reason, words: refusedWords(message), message, ...factsOf(task, wanted) };
}

function knownOfWanted(wanted: Wanted, { tasks, records, rules }: KnownOptions): Known {
  const found = records.find(wanted);
  const record = found && isOfRepository(found, wanted) ? found : undefined;
  const newest = tasks.newestFor(wanted);
  const known = newest && record && isOutdated(newest, record, wanted) ? record : (newest ?? record);
  const words = known ? wordsOf(known, sinceOf(known), wanted, record) : unseenWords(wanted);
  const message = known && 'message' in known ? { message: known.message ?? '' } : {};
  const facts = { ...factsOf(known, wanted), ...(record && { record: lookOf(record) }) };
  const said = { reason: reasonOf(known, wanted), words, ...message, ...facts };
  if (!rules.isImmutable(wanted)) return said;
  const isVerified = record?.trusted === true && isOf(record, wanted);
  return { ...said, words: `${words}; ${immutableWords(isVerified)}`, immutable: true };
}

function lookOf({ digest, verifiedAt, trusted }: TagRecord): NonNullable<Known['record']> {
  return { digest, verifiedAt, trusted };
}

function factsOf(known: Task | TagRecord | undefined, { sourceTag }: Wanted): Partial<Known> {
  if (known === undefined) return {};
  const since = sinceOf(known);
  if ('verifiedAt' in known) return { since };
  const { id, state, runAt, cause } = known;
  return {
    since,
    task: id,
    ...(state === 'retryable' && { nextAttemptAt: runAt }),
    ...(cause && known.sourceTag === sourceTag && { cause: { code: cause, words: causeWords[cause] } }),
  };
}

/** A task that did not bring the tag, and ended before a sweep found it right: somebody has mended it. */
function isOutdated({ sourceTag, outcome, finishedAt }: Task, record: TagRecord, wanted: Wanted): boolean {
  const brought = sourceTag === wanted.sourceTag && (outcome === 'copied' || outcome === 'unchanged');
  return !brought && finishedAt !== undefined && record.trusted && record.verifiedAt > finishedAt;
}

function reasonOf(known: Task | TagRecord | undefined, wanted: Wanted): Standing {
  if (known === undefined) return 'not-seen';
  if (known.sourceTag !== wanted.sourceTag) return 'overtaken';
  if ('verifiedAt' in known) return known.trusted ? 'mirrored' : 'unverified';
  const { state, outcome, reason } = known;
  const failed = state === 'retryable' || state === 'discarded';
  return (failed ? reason : outcome) ?? state;
}

function sinceOf(known: Task | TagRecord): number {
  if ('verifiedAt' in known) return known.verifiedAt;
  const { state, reason, createdAt, wantedAt, startedAt, finishedAt } = known;
  // Every event and sweep that meets a refusal refreshes it; it stands since it was first said.
  if (state === 'discarded' && (reason === 'name-invalid' || reason === 'name-collision')) return createdAt;
  return finishedAt ?? (state === 'running' ? startedAt : undefined) ?? wantedAt;
}
