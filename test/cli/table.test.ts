import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameOf } from '../../src/cli/progress.ts';
import { tableOf } from '../../src/cli/table.ts';

test('columns are as wide as they have to be, and a last cell widens none', () => {
  const rows = [
    ['would copy', 'a:1', '-> b:1', '1.0 MiB'],
    ['skipped', 'library/app:1', '-> c', 'a reason that is far longer than any size'],
    ['failed', 'short', 'why'],
  ];
  assert.deepEqual(tableOf(rows), [
    'would copy  a:1            -> b:1  1.0 MiB',
    'skipped     library/app:1  -> c    a reason that is far longer than any size',
    'failed      short          why',
  ]);
});

test('while both ends are compared, the progress counts the tags', () => {
  const shown = { tags: undefined, compared: 1_234, ended: 0, failed: 0, underWay: [], bytes: 0 };
  assert.deepEqual(frameOf(shown, { rate: 0, elapsed: 3_000, columns: 80 }), [
    'comparing both ends: 1234 tags so far, 3 s',
  ]);
});
