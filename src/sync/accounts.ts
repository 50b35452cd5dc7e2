import type { CopyResult } from '../copy/copy.ts';
import { failureOf } from '../copy/error.ts';
import type { Attempt, Task } from '../task/task.ts';
import { destinationOf, sourceOf } from './outcome.ts';
import type { Copy, Outcome, RuleFailure, TagOutcome } from './outcome.ts';
import type { Plan } from './plan.ts';

const nothing = { bytes: 0, blobs: { copied: 0, mounted: 0, skipped: 0 }, attempts: 0, seconds: 0 };

/** What became of everything that the rules come to: each tag is in it once, from the first moment on. */
export class Accounts {
  readonly failures: readonly RuleFailure[];
  readonly #copies: readonly Copy[];
  readonly #ended: (TagOutcome | undefined)[];
  readonly #skipped: readonly TagOutcome[];

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

  /** A task at its end; `result`: of the copy, if it came to one. */
  settle(task: Task, attempt: Attempt, result: CopyResult | undefined): TagOutcome {
    const copy = this.#copyOf(task);
    const { bytes, copied, mounted, skipped, startedAt, finishedAt, digest } = attempt;
    const tag = {
      ...endsOf(copy),
      ...(result ? fateOf(copy, result) : givenUp(task)),
      ...(digest && { digest }),
      bytes,
      blobs: { copied, mounted, skipped },
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

type Fate = Pick<TagOutcome, 'outcome' | 'reason' | 'message' | 'destinationDigest'>;

function fateOf({ named }: Copy, result: CopyResult): Fate {
  switch (result.outcome) {
    case 'copied':
      return { outcome: 'copied', ...(result.reduced && { destinationDigest: result.reduced }) };
    case 'unchanged':
      return unchanged(result);
    case 'filtered':
      return { outcome: 'skipped', reason: 'filtered', message: 'no manifest fits platform filters' };
    case 'source-gone':
      return gone(named);
  }
}

function unchanged({ reduced, equivalent }: Extract<CopyResult, { outcome: 'unchanged' }>): Fate {
  const outcome = 'unchanged';
  if (equivalent === undefined) return { outcome, ...(reduced && { destinationDigest: reduced }) };
  const message = 'the same but for the layout of its JSON';
  return { outcome, reason: 'equivalent', message, destinationDigest: equivalent };
}

/** Who names a tag expects it to be there; of those that were listed, one may be deleted meanwhile. */
function gone(named: boolean): Fate {
  if (named) return { outcome: 'failed', reason: 'not-found', message: 'the source has no such tag' };
  return { outcome: 'skipped', reason: 'source-gone', message: 'deleted since it was listed' };
}

function givenUp({ reason = 'internal', message }: Task): Fate {
  return { outcome: 'failed', reason, ...(message && { message }) };
}
