import { setTimeout } from 'node:timers/promises';

/** What was waited for did not come. */
export class NotReached extends Error {
  override readonly name = 'NotReached';
}

/** Asks until the answer is something else than `undefined` or `false`, for 30 s unless told. */
export async function eventually<T>(
  what: string | (() => string),
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: { patience?: number; every?: number } = {},
): Promise<T> {
  const { patience = 30_000, every = 10 } = options;
  const end = performance.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end)
      throw new NotReached(`${typeof what === 'string' ? what : what()}: not within ${patience} ms`);
    await setTimeout(every);
  }
}
