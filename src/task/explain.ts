import type { Reason } from '../copy/error.ts';
import { companionOf } from '../oci/companion.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { causeWords, refusedWords, summary, unseenWords, wordsOf } from './explain-words.ts';
import type { Place, RecordStore, TagRecord } from './record.ts';
import type { EnqueueStore, TaskStore } from './store.ts';
import type { Cause, Outcome, Task, TaskState } from './task.ts';

/*
 * Why a source tag is, or is not yet, at its destinations: from what is known here, without asking a registry.
 */

/** What there is to say where no task stands for the tag. */
export const standings = ['mirrored', 'unverified', 'overtaken', 'not-seen'] as const;
/**
 * A sweep has found it right; it was right once, and may have changed; another source tag of the repository has the
 * destination tag; nothing is known of it.
 */
export type Standing = (typeof standings)[number];

/** How one destination of a tag stands. Times are milliseconds since 1970. */
export interface Explained extends Place, Pick<Wanted, 'rule'> {
  reason: Reason | Outcome | TaskState | Standing;
  /** For a person: what, since when, what next. */
  words: string;
  /** Absent where nothing has happened. */
  since?: number;
  /** Why no webhook told of the last change, if none did. */
  cause?: { code: Cause; words: string };
  /** What the destination tag named when it was last looked at. */
  record?: Pick<TagRecord, 'digest' | 'verifiedAt' | 'trusted'>;
  /** Id of the task that stands for it. */
  task?: number;
  nextAttemptAt?: number;
}

export interface Explanation {
  repository: string;
  tag: string;
  words: string;
  /** In the order of the rules; none when no rule takes the tag. */
  destinations: Explained[];
}

export interface ExplainOptions {
  rules: { match(repository: string, tag: string, of: readonly string[]): (Wanted | Refused)[] };
  events: Pick<EnqueueStore, 'tagsOf'>;
  tasks: Pick<TaskStore, 'newestFor'>;
  records: Pick<RecordStore, 'find'>;
}

/** Throws `StorageError`. */
export function explain(
  { repository, tag }: { repository: string; tag: string },
  options: ExplainOptions,
): Explanation {
  const digest = companionOf(tag);
  const of = digest ? options.events.tagsOf(repository, digest) : [];
  const destinations = options.rules
    .match(repository, tag, of)
    .map((wanted) => ('reason' in wanted ? explainRefused(wanted, options) : explainWanted(wanted, options)));
  const words = summary(`${repository}:${tag}`, destinations.length, of.length > 0 ? undefined : digest);
  return { repository, tag, words, destinations };
}

function explainRefused(wanted: Refused, { tasks }: ExplainOptions): Explained {
  const newest = tasks.newestFor(wanted);
  const task = newest?.reason === wanted.reason ? newest : undefined;
  const { reason, message } = wanted;
  return { ...placeOf(wanted), reason, words: refusedWords(message), ...factsOf(task, wanted) };
}

function explainWanted(wanted: Wanted, { tasks, records }: ExplainOptions): Explained {
  const found = records.find(wanted);
  const record = found && isFrom(found, wanted) ? found : undefined;
  const newest = tasks.newestFor(wanted);
  const known = newest && record && isOutdated(newest, record, wanted) ? record : (newest ?? record);
  const words = known ? wordsOf(known, sinceOf(known), wanted, record) : unseenWords(wanted);
  const facts = { ...factsOf(known, wanted), ...(record && { record: lookOf(record) }) };
  return { ...placeOf(wanted), reason: reasonOf(known, wanted), words, ...facts };
}

/** Which rule, and where it goes. */
function placeOf({ rule, destination, destinationRepository, destinationTag }: Wanted) {
  return { rule, destination, destinationRepository, destinationTag };
}

function lookOf({ digest, verifiedAt, trusted }: TagRecord): NonNullable<Explained['record']> {
  return { digest, verifiedAt, trusted };
}

function factsOf(known: Task | TagRecord | undefined, { sourceTag }: Wanted): Partial<Explained> {
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

/** What another repository once had there says nothing about this one. */
function isFrom(record: TagRecord, { source, sourceRepository }: Wanted): boolean {
  return record.source === source && record.sourceRepository === sourceRepository;
}

/** A task that did not bring the tag, and ended before a sweep found it right: somebody has mended it. */
function isOutdated({ sourceTag, outcome, finishedAt }: Task, record: TagRecord, wanted: Wanted): boolean {
  const brought = sourceTag === wanted.sourceTag && (outcome === 'copied' || outcome === 'unchanged');
  return !brought && finishedAt !== undefined && record.trusted && record.verifiedAt > finishedAt;
}

function reasonOf(known: Task | TagRecord | undefined, wanted: Wanted): Explained['reason'] {
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
