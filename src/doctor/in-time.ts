import type { Clock } from '../clock.ts';

/** The answer, or `otherwise` where it does not come within `patience` milliseconds. */
export async function inTime<T>(
  question: Promise<T>,
  otherwise: T,
  { patience, clock }: { patience: number; clock: Clock },
): Promise<T> {
  const late = Promise.withResolvers<T>();
  const timer = clock.after(patience, () => late.resolve(otherwise));
  try {
    return await Promise.race([question, late.promise]);
  } finally {
    timer.cancel();
  }
}
