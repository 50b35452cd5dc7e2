import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** An answer of a real Harbor, v2.16.0-c50c7ddd, with the request that it answered. */
export interface Recording {
  file: string;
  note: string;
  request: { method: string; path: string; as: string; body?: object };
  status: number;
  headers: [name: string, value: string][];
  body: unknown;
}

const folder = join(import.meta.dirname, '../fixtures/harbor/rest-answers');

export const recordings: readonly Recording[] = readdirSync(folder)
  .toSorted()
  .map((file) => ({ file, ...JSON.parse(readFileSync(join(folder, file), 'utf8')) }));

export function headerOf({ headers }: Recording, name: string): string | undefined {
  return headers.find(([given]) => given.toLowerCase() === name)?.[1];
}
