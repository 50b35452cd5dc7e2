import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameOf } from '../../src/cli/frame.ts';
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
  const frame = { columns: 80, rows: 24, colour: false, rate: { bytes: 0, tags: 0 }, elapsed: 3_000 };
  assert.deepEqual(frameOf(shown, frame), ['1234 tags compared, 3 s']);
});
