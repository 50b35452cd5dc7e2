import type { Log } from '../log.ts';
import type { SyncRule } from '../imagesyncer/pairs.ts';
import { nameOfRule, whyOf } from './outcome.ts';
import type { RuleFailure, TagOutcome } from './outcome.ts';

/**
 * The lines of image-syncer's log that scripts look for, in its words (its spelling, too):
 * https://github.com/AliyunContainerService/image-syncer/blob/v1.5.5/pkg/client/client.go
 * Its *task* is a rule, or a tag.
 */
export class Journal {
  readonly #log: Log;
  readonly #dryRun: boolean;
  #processed = 0;
  #tasks = 0;

  constructor(log: Log, dryRun: boolean) {
    this.#log = log;
    this.#dryRun = dryRun;
  }

  expect(tasks: number): void {
    this.#tasks += tasks;
  }

  rule(rule: SyncRule, found: { tags: number } | RuleFailure): void {
    const task = `analyzing image rule for ${nameOfRule(rule)}`;
    if ('message' in found) return this.#failed(task, `${found.reason}: ${found.message}`);
    if (found.tags === 0) this.#log.warn(`${nameOfRule(rule)}: the rule selects no tag`);
    this.#finished(task, `${found.tags} tags`);
  }

  /** A list of tags that is to be asked for again. */
  list(name: string, why: string): void {
    this.#log.warn(`Failed to executed analyzing image rules for ${name}: ${why}. ${this.#now()}`);
  }

  /** A rule that cannot be begun. */
  mistake(failure: RuleFailure): void {
    this.#tasks++;
    this.#failed(`analyzing image rule for ${nameOfRule(failure)}`, failure.message);
  }

  /** A tag at its end. */
  tag(tag: TagOutcome): void {
    const task = taskOf(tag);
    const why = whyOf(tag);
    if (tag.outcome === 'failed') return this.#failed(task, why);
    if (tag.outcome === 'copied')
      return this.#finished(task, this.#dryRun ? 'would be copied' : existing(tag));
    this.#finished(task, why === '' ? tag.outcome : `${tag.outcome}, ${why}`);
  }

  /** A tag that is to be tried again. */
  attempt(tag: Pick<TagOutcome, 'source' | 'destination'>, why: string): void {
    this.#log.warn(`Failed to executed ${taskOf(tag)}: ${why}. ${this.#now()}`);
  }

  retry(): void {
    this.#log.info('Start to retry tasks, please wait ...');
  }

  warn(message: string): void {
    this.#log.warn(message);
  }

  end(failed: number, milliseconds: number): void {
    this.#log.info(`Synchronization finished, ${failed} tasks failed, cost ${costOf(milliseconds)}.`);
  }

  /** In other words than the end: whoever looks for those must not find them. */
  interrupted(failed: number, milliseconds: number): void {
    this.#log.warn(`Synchronization interrupted, ${failed} tasks failed, cost ${costOf(milliseconds)}.`);
  }

  #finished(task: string, message: string): void {
    this.#processed++;
    this.#log.info(`Finish ${task}${message === '' ? '' : `: ${message}`}. ${this.#now()}`);
  }

  #failed(task: string, why: string): void {
    this.#processed++;
    this.#log.error(`Failed to executed ${task}: ${why}. ${this.#now()}`);
  }

  #now(): string {
    return `Now ${this.#processed}/${this.#tasks} tasks have been processed.`;
  }
}

function taskOf({ source, destination }: Pick<TagOutcome, 'source' | 'destination'>): string {
  return `synchronizing manifest from ${source} to ${destination}`;
}

/** Blobs are no tasks here, so what is said of those that were not sent stands with their tag. */
function existing({ blobs: { copied, mounted, skipped } }: TagOutcome): string {
  return skipped === 0 ? '' : `ignore exist blob (${skipped} of ${copied + mounted + skipped})`;
}

/** As Go writes a duration: `1m2.5s`. */
function costOf(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
