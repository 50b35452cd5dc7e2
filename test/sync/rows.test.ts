import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = import.meta.dirname;

/** The numbers of the rows that tests of this folder are named after. */
async function tested(): Promise<string[]> {
  const numbers = new Set<string>();
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.test.ts')) continue;
    const text = await readFile(join(folder, name), 'utf8');
    for (const [, number = ''] of text.matchAll(/\btest\(\s*['"`]row (\w+): /g)) numbers.add(number);
  }
  return [...numbers];
}

test("each row of image-syncer's compatibility table has a test, and no test is of a row that is not there", async () => {
  const table = await readFile(join(folder, '../fixtures/image-syncer-rows.txt'), 'utf8');
  const rows = table.trimEnd().split('\n');
  const numbers = await tested();
  const without = rows.filter((row) => !numbers.includes(row));
  assert.deepEqual(without, [], 'rows without a test');
  const unknown = numbers.filter((number) => !rows.includes(number));
  assert.deepEqual(unknown, [], 'tests of a row that the table does not have');
});
