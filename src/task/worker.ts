import type { BlobCounts, BlobTraffic } from '../copy/blob.ts';
import { copy, type CopyRequest, type CopyResult } from '../copy/copy.ts';
import { failureOf } from '../copy/error.ts';
import { shared } from '../abort.ts';
import type { Clock } from '../clock.ts';
import type { Digest } from '../oci/digest.ts';
import { verdictOf } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import type { Verdict } from './store.ts';
import type { Attempt, Task } from './task.ts';

/** Both ends of a task, as the configuration has them now. Throws when a registry is no longer in it. */
export interface Ends extends Pick<
  CopyRequest,
  'source' | 'destination' | 'listed' | 'holds' | 'present' | 'proofs'
> {
  /** The blobs under way to the destination's registry. */
  traffic: BlobTraffic;
}

export interface WorkerOptions {
  ends(task: Task): Ends | Promise<Ends>;
  /** Whether a rule still puts the source repository into the destination repository. */
  wanted(task: Task): boolean;
  policy: RetryPolicy;
  clock: Clock;
  /** What a single run may ask of its copies; no task of the mirror does. */
  asked?: Pick<CopyRequest, 'platforms' | 'equivalent' | 'follow'>;
  /** Told before the destination tag is written. */
  onWrite?(task: Task): void;
}

export interface Work {
  attempt: Attempt;
  verdict: Verdict;
  /** Of an attempt that came to its end: more than a task keeps. */
  result?: CopyResult;
  /** The destination tag was written, or may have been. */
  wrote: boolean;
}

/** One attempt at a task. Returns what it did and what should become of the task; throws only when aborted. */
export async function work(task: Task, options: WorkerOptions, signal: AbortSignal): Promise<Work> {
  const { clock } = options;
  const startedAt = clock.now();
  const counts: BlobCounts = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  const did = (): Attempt => ({ number: task.attempts, startedAt, finishedAt: clock.now(), ...counts });
  if (!options.wanted(task))
    return { attempt: { ...did(), message: unwanted(task) }, verdict: { kind: 'cancel' }, wrote: false };
  let resolved: Digest | undefined;
  let wrote = false;
  const onWrite = (): void => {
    wrote = true;
    options.onWrite?.(task);
  };
  const onResolved = (digest: Digest): void => void (resolved = digest);
  try {
    const how = { ...options.asked, counts, signal, onResolved, onWrite };
    const ends = await shared(Promise.resolve(options.ends(task)), signal);
    const result = await attempt(task, ends, how);
    return { ...concluded(result, did()), result, wrote };
  } catch (error) {
    signal.throwIfAborted();
    return {
      attempt: { ...did(), ...failureOf(error), ...(resolved && { digest: resolved }) },
      verdict: verdictOf(error, task, options.policy, clock),
      wrote,
    };
  }
}

function concluded(result: CopyResult, did: Attempt): Pick<Work, 'attempt' | 'verdict'> {
  const digest = result.outcome === 'source-gone' ? {} : { digest: result.digest };
  if (result.outcome === 'filtered') {
    const message = 'no manifest fits the platforms that are wanted';
    return { attempt: { ...did, ...digest, message }, verdict: { kind: 'cancel' } };
  }
  const { outcome } = result;
  const again = outcome === 'copied' && result.moved;
  return { attempt: { ...did, outcome, ...digest }, verdict: { kind: 'complete', outcome, again } };
}

type How = { counts: BlobCounts } & Pick<
  CopyRequest,
  'signal' | 'onResolved' | 'onWrite' | 'platforms' | 'equivalent' | 'follow'
>;

function attempt(task: Task, { traffic, ...ends }: Ends, { counts, ...rest }: How): Promise<CopyResult> {
  return copy({
    ...ends,
    sourceTag: task.sourceTag,
    // Told just now; a later attempt may find that an earlier one came further than it could tell.
    news: task.door === 'webhook' && task.cause === undefined && task.attempts <= 1,
    missed: task.door === 'sweep',
    destinationTag: task.destinationTag,
    blobs: traffic.mover(task.destinationRepository, counts, task.door === 'webhook' ? 'first' : 'later'),
    force: task.force,
    ...rest,
  });
}

/** The rules changed while it waited: by now the destination may belong to another source repository. */
function unwanted({ source, sourceRepository, destination, destinationRepository }: Task): string {
  return `no rule sends ${source}/${sourceRepository} to ${destination}/${destinationRepository} any more`;
}
