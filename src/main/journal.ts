import type { Log } from '../log.ts';
import type { AttemptResult, Metrics } from '../metrics.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { TaskEvent } from '../task/dispatcher.ts';
import type { Entered, Entry, Sweep } from '../task/store.ts';
import type { Attempt, Task } from '../task/task.ts';

/** What happens, told to the log, one line each, and to the metrics. */
export class Journal {
  readonly #log: Log;
  readonly #metrics: Metrics;

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  entered(entry: Entry, entered: Entered): void {
    const { door, event, wanted, cause } = entry;
    if (cause !== undefined && entered.created > 0) this.#metrics.missed(cause, entered.created);
    // A push that joins waiting tasks changes nothing that anyone waits for.
    const level = entered.created + entered.refused > 0 ? 'info' : 'debug';
    for (const [position, task] of entered.tasks.entries()) {
      const copy = wanted[position];
      const fields = { task, door, cause, event: event?.type, ...(copy && endsOf(copy)) };
      if (copy && 'reason' in copy) this.#refused(copy, fields, level);
      else this.#log[level]('task enqueued', fields);
    }
  }

  /** The rules declare that its tag never moves: then no sweep would have seen it. */
  immutableMoved(task: Task, before: string, now: string): void {
    const fields = { ...fieldsOf(task), before, now };
    this.#log.warn(
      'a source tag that is declared immutable has moved: correct `immutable` of its rule',
      fields,
    );
  }

  /** An administrator's word. */
  asked(what: 'retry' | 'cancel', task: number): void {
    this.#log.info(what === 'retry' ? 'task to be tried again' : 'task to be cancelled', {
      task,
      door: 'admin',
    });
  }

  /** What was missing at a destination and has been made: `there` by somebody else meanwhile. */
  prepared(registry: string, what: 'namespace' | 'repository', name: string, how: 'made' | 'there'): void {
    const did = how === 'made' ? 'made' : 'made meanwhile by somebody else, or by a request that was cut';
    this.#log.info(`destination ${what} ${did}`, { registry, [what]: name });
  }

  task(event: TaskEvent): void {
    if (event.kind === 'storage-failed') {
      return this.#log.error('database does not take writes; trying again', { error: event.error });
    }
    const fields = fieldsOf(event.task);
    if (event.kind === 'settled') return this.#settled(event);
    if (event.kind === 'faulted') {
      return this.#log.error('task met a mistake in this program; trying again', {
        ...fields,
        error: event.error,
      });
    }
    if (event.kind === 'released') return this.#log.info('task put back', fields);
    this.#log.info('task started', { ...fields, attempt: event.task.attempts });
  }

  sweep(sweep: Sweep): void {
    const { id, rule, dryRun, trigger, listed, unchanged, enqueued, missed, failed, errors } = sweep;
    const { causes, audited, mismatched, invalidNames, collisions } = sweep;
    this.#names(sweep);
    const seconds = ((sweep.finishedAt ?? sweep.startedAt) - sweep.startedAt) / 1000;
    const fields = {
      sweep: id,
      rule,
      dryRun,
      trigger,
      seconds,
      listed,
      unchanged,
      enqueued,
      missed,
      causes,
      audited,
      mismatched,
      failed,
      errors,
      invalidNames,
      collisions,
    };
    this.#metrics.sweepDuration(seconds);
    this.#metrics.mismatched(mismatched);
    if (sweep.state === 'failed') return this.#log.error('sweep failed', fields);
    if (failed === 0 && !dryRun && rule === undefined)
      this.#metrics.sweepSucceeded((sweep.finishedAt ?? sweep.startedAt) / 1000);
    if (failed > 0) return this.#log.warn('sweep done, but not all could be compared', fields);
    if (mismatched > 0) return this.#log.warn('sweep done; somebody else writes to the destination', fields);
    this.#log.info('sweep done', fields);
  }

  /** Once a sweep, whether or not there is a tag to copy. */
  #names({ id, nameErrors, invalidNames, collisions }: Sweep): void {
    for (const detail of nameErrors) this.#log.error('a name that is never copied', { sweep: id, detail });
    const untold = invalidNames + collisions - nameErrors.length;
    if (untold > 0) this.#log.error('more names that are never copied', { sweep: id, names: untold });
  }

  #refused({ reason, message }: Refused, fields: Record<string, unknown>, level: 'info' | 'debug'): void {
    this.#log[level === 'info' ? 'error' : 'debug']('task discarded', {
      ...fields,
      reason,
      detail: message,
    });
  }

  #settled({
    task,
    attempt,
    verdict: { kind: verdict },
    wantedAt,
  }: Extract<TaskEvent, { kind: 'settled' }>): void {
    this.#count(task, attempt, wantedAt);
    const fields = { ...fieldsOf(task), ...didOf(attempt), state: task.state };
    if (verdict === 'cancel') return this.#log.info('task cancelled', fields);
    if (attempt.outcome !== undefined) return this.#log.info(`task ${attempt.outcome}`, fields);
    if (task.state === 'discarded') return this.#log.error('task discarded', fields);
    const nextAttempt = task.state === 'retryable' ? { nextAttempt: new Date(task.runAt).toISOString() } : {};
    this.#log.warn('task failed', { ...fields, ...nextAttempt });
  }

  #count(task: Task, attempt: Attempt, wantedAt: number): void {
    const metrics = this.#metrics;
    metrics.taskAttempt(resultOf(task, attempt), attempt.reason);
    metrics.copied(attempt.bytes);
    metrics.blobs('copied', attempt.copied);
    metrics.blobs('mounted', attempt.mounted);
    metrics.blobs('skipped', attempt.skipped);
    const there = attempt.outcome === 'copied' || attempt.outcome === 'unchanged';
    if (there) metrics.lag(Math.max(0, attempt.finishedAt - wantedAt) / 1000);
  }
}

function resultOf(task: Task, attempt: Attempt): AttemptResult {
  if (attempt.outcome !== undefined) return attempt.outcome;
  return task.state === 'running' || task.state === 'completed' ? 'available' : task.state;
}

function fieldsOf(task: Task): Record<string, unknown> {
  return { task: task.id, ...endsOf(task) };
}

function endsOf(copy: Wanted): Record<string, unknown> {
  return {
    rule: copy.rule,
    source: `${copy.source}/${copy.sourceRepository}:${copy.sourceTag}`,
    destination: `${copy.destination}/${copy.destinationRepository}:${copy.destinationTag}`,
  };
}

function didOf(attempt: Attempt): Record<string, unknown> {
  // A line's `message` says what happened; the failure's own words stand beside it.
  const { number, startedAt, finishedAt, message: detail, ...rest } = attempt;
  return { ...rest, detail, attempt: number, seconds: (finishedAt - startedAt) / 1000 };
}
