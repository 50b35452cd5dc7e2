import { after } from 'node:test';
import type { Ending } from './temporary.ts';

/** For what all tests of a file share: ended after the last of them, in reverse order. */
export function wholeFile(): Ending {
  const endings: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const end of endings.toReversed()) await end();
  });
  return { after: (end) => void endings.push(end) };
}
