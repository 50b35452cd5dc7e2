import type { CopyResult } from '../copy/copy.ts';
import { failureOf } from '../copy/error.ts';
import type { Attempt, Task } from '../task/task.ts';
import { destinationOf, sourceOf } from './outcome.ts';
import type { Copy, Outcome, RuleFailure, TagOutcome } from './outcome.ts';
import type { Plan } from './plan.ts';

const nothing = { bytes: 0, blobs: { copied: 0, mounted: 0, skipped: 0 }, attempts: 0, seconds: 0 };

/** What a tag's attempts have done together. */
interface Done extends Pick<Attempt, 'bytes' | 'copied' | 'mounted' | 'skipped'> {
  /** The destination tag was written, or may have been. */
  wrote: boolean;
}

const nothingYet: Done = { bytes: 0, copied: 0, mounted: 0, skipped: 0, wrote: false };

/** What became of everything that the rules come to: each tag is in it once, from the first moment on. */
export class Accounts {
  readonly failures: readonly RuleFailure[];
  readonly #copies: readonly Copy[];
  readonly #ended: (TagOutcome | undefined)[];
  readonly #skipped: readonly TagOutcome[];
  /** By the ids of tasks that have failed and go again. */
  readonly #earlier = new Map<number, Done>();

  constructor({ copies, skipped, failures }: Plan) {
    this.failures = failures;
    this.#copies = copies;
    this.#ended = copies.map(() => undefined);
    this.#skipped = skipped.map(({ copy, reason, message }) => ({
      ...endsOf(copy),
      outcome: 'skipped',
      reason,
      message,
      ...nothing,
    }));
  }

  /** A task goes again after this attempt. */
  retry({ id }: Task, attempt: Attempt, wrote: boolean): void {
    const earlier = this.#earlier.get(id) ?? nothingYet;
    this.#earlier.set(id, { ...together(earlier, attempt), wrote: wrote || earlier.wrote });
  }

  /** A task at its end; `result`: of the copy, if it came to one. */
  settle(task: Task, attempt: Attempt, result: CopyResult | undefined): TagOutcome {
    const copy = this.#copyOf(task);
    const { startedAt, finishedAt, digest } = attempt;
    const earlier = this.#earlier.get(task.id) ?? nothingYet;
    const { bytes, ...blobs } = together(earlier, attempt);
    const tag = {
      ...endsOf(copy),
      ...(result ? fateOf(copy, result, earlier) : givenUp(task)),
      ...(digest && { digest }),
      bytes,
      blobs,
      attempts: task.attempts,
      seconds: (finishedAt - startedAt) / 1000,
    };
    this.#ended[task.id - 1] = tag;
    return tag;
  }

  /** A task that met a mistake of this program. */
  fault(task: Task, error: unknown): TagOutcome {
    const { attempts } = task;
    const failed = { outcome: 'failed', ...failureOf(error) } as const;
    const tag = { ...endsOf(this.#copyOf(task)), ...nothing, ...failed, attempts };
    this.#ended[task.id - 1] = tag;
    return tag;
  }

  /** A task's id is its place among the copies, from 1. */
  #copyOf({ id }: Pick<Task, 'id'>): Copy {
    const copy = this.#copies[id - 1];
    if (copy === undefined) throw new RangeError(`expected a task of this run, got the id ${id}`);
    return copy;
  }

  /** In the order of the plan, what is skipped last. What has not come to an end was interrupted. */
  get tags(): TagOutcome[] {
    const interrupted = { outcome: 'skipped', reason: 'interrupted', ...nothing } as const;
    const tags = this.#copies.map((copy, index) => this.#ended[index] ?? { ...endsOf(copy), ...interrupted });
    return [...tags, ...this.#skipped];
  }
}

export function countsOf(tags: readonly TagOutcome[]): Record<Outcome, number> {
  const counts = { copied: 0, unchanged: 0, skipped: 0, failed: 0 };
  for (const { outcome } of tags) counts[outcome]++;
  return counts;
}

function endsOf(copy: Copy): Pick<TagOutcome, 'source' | 'destination'> {
  return { source: sourceOf(copy), destination: destinationOf(copy) };
}

/** What an attempt finds there that an earlier one has brought was not skipped. */
function together(earlier: Done, attempt: Attempt): Omit<Done, 'wrote'> {
  const brought = earlier.copied + earlier.mounted;
  return {
    bytes: earlier.bytes + attempt.bytes,
    copied: earlier.copied + attempt.copied,
    mounted: earlier.mounted + attempt.mounted,
    skipped: Math.max(earlier.skipped, attempt.skipped - brought),
  };
}

type Fate = Pick<TagOutcome, 'outcome' | 'reason' | 'message' | 'destinationDigest'>;

function fateOf({ named }: Copy, result: CopyResult, { wrote }: Done): Fate {
  switch (result.outcome) {
    case 'copied':
      return { outcome: 'copied', ...(result.reduced && { destinationDigest: result.reduced }) };
    case 'unchanged':
      return unchanged(result, wrote);
    case 'filtered':
      return { outcome: 'skipped', reason: 'filtered', message: 'no manifest fits platform filters' };
    case 'source-gone':
      return gone(named);
  }
}

/** What is found as an earlier attempt has written it was copied in this run. */
function unchanged(
  { reduced, equivalent }: Extract<CopyResult, { outcome: 'unchanged' }>,
  wrote: boolean,
): Fate {
  const outcome = wrote ? 'copied' : 'unchanged';
  if (equivalent === undefined) return { outcome, ...(reduced && { destinationDigest: reduced }) };
  const message = 'the same but for the layout of its JSON';
  return { outcome: 'unchanged', reason: 'equivalent', message, destinationDigest: equivalent };
}

/** Who names a tag expects it to be there; of those that were listed, one may be deleted meanwhile. */
function gone(named: boolean): Fate {
  if (named) return { outcome: 'failed', reason: 'not-found', message: 'the source has no such tag' };
  return { outcome: 'skipped', reason: 'source-gone', message: 'deleted since it was listed' };
}

function givenUp({ reason = 'internal', message }: Task): Fate {
  return { outcome: 'failed', reason, ...(message && { message }) };
}
