import type { Release } from '../task/listing.ts';

/** What a release can, by the version that it shows, e.g. `v2.15.2-080b0220`. */
export function releaseOf(version: string): Release {
  const since = (...wanted: number[]): boolean => !isBefore(numbersOf(version), wanted);
  return {
    version,
    artifacts: since(2, 11, 1),
    deliveries: since(2, 8, 0),
    tagCreations: since(2, 13, 0),
  };
}

/** A version of another kind is one that somebody built from the newest source. */
function numbersOf(version: string): number[] {
  const numbers = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(version)?.slice(1).map(Number);
  return numbers ?? [Infinity];
}

function isBefore(numbers: readonly number[], wanted: readonly number[]): boolean {
  const first = wanted.findIndex((number, place) => number !== (numbers[place] ?? 0));
  return first >= 0 && (numbers[first] ?? 0) < (wanted[first] ?? 0);
}
