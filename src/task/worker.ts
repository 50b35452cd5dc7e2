import type { BlobCounts, BlobTraffic } from '../copy/blob.ts';
import { copy, type CopyRequest } from '../copy/copy.ts';
import { CopyError } from '../copy/error.ts';
import type { Destination, Source } from '../copy/repository.ts';
import type { Clock } from '../clock.ts';
import type { Digest } from '../oci/digest.ts';
import { verdictOf } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import type { Verdict } from './store.ts';
import type { Attempt, Task } from './task.ts';

/** Both ends of a task, as the configuration has them now. Throws when a registry is no longer in it. */
export interface Ends {
  source: Source;
  destination: Destination;
  /** The blobs under way to the destination's registry. */
  traffic: BlobTraffic;
}

export interface WorkerOptions {
  ends(task: Task): Ends;
  /** Whether a rule still puts the source repository into the destination repository. */
  wanted(task: Task): boolean;
  policy: RetryPolicy;
  clock: Clock;
}

/** One attempt at a task. Returns what it did and what should become of the task; throws only when aborted. */
export async function work(
  task: Task,
  options: WorkerOptions,
  signal: AbortSignal,
): Promise<{ attempt: Attempt; verdict: Verdict }> {
  const { clock } = options;
  const startedAt = clock.now();
  const counts: BlobCounts = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  const did = (): Attempt => ({ number: task.attempts, startedAt, finishedAt: clock.now(), ...counts });
  if (!options.wanted(task))
    return { attempt: { ...did(), message: unwanted(task) }, verdict: { kind: 'cancel' } };
  let resolved: Digest | undefined;
  const onResolved = (digest: Digest): void => void (resolved = digest);
  try {
    const result = await attempt(task, options.ends(task), { counts, signal, onResolved });
    const again = result.outcome === 'copied' && result.moved;
    const digest = result.outcome === 'source-gone' ? {} : { digest: result.digest };
    return {
      attempt: { ...did(), outcome: result.outcome, ...digest },
      verdict: { kind: 'complete', outcome: result.outcome, again },
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      attempt: { ...did(), ...failureOf(error), ...(resolved && { digest: resolved }) },
      verdict: verdictOf(error, task, options.policy, clock),
    };
  }
}

function attempt(
  task: Task,
  ends: Ends,
  { counts, ...rest }: { counts: BlobCounts } & Pick<CopyRequest, 'signal' | 'onResolved'>,
): ReturnType<typeof copy> {
  return copy({
    source: ends.source,
    sourceTag: task.sourceTag,
    destination: ends.destination,
    destinationTag: task.destinationTag,
    blobs: ends.traffic.mover(task.destinationRepository, counts),
    force: task.force,
    ...rest,
  });
}

/** The rules changed while it waited: by now the destination may belong to another source repository. */
function unwanted({ source, sourceRepository, destination, destinationRepository }: Task): string {
  return `no rule sends ${source}/${sourceRepository} to ${destination}/${destinationRepository} any more`;
}

function failureOf(error: unknown): Pick<Attempt, 'reason' | 'message'> {
  const message = error instanceof Error ? error.message : String(error);
  return { reason: error instanceof CopyError ? error.reason : 'internal', message };
}
