import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'node:test';
import { sizeOf, timeOf } from '../../src/cli/amount.ts';
import { type Frame, frameOf, type Shown } from '../../src/cli/frame.ts';
import { Rate } from '../../src/cli/rate.ts';

const mib = 1024 * 1024;
const shown: Shown = {
  tags: 100,
  ended: 40,
  failed: 0,
  underWay: [
    { source: 'harbor.example.com/library/nginx:1.27', age: 12_000 },
    { source: 'harbor.example.com/library/redis:7', age: 3_000 },
  ],
  bytes: 12.3 * mib,
};
const frame: Frame = {
  columns: 120,
  rows: 24,
  colour: false,
  rate: { bytes: 4.5 * mib, tags: 0.5 },
  elapsed: 80_000,
};

test('a frame says how far the run is, and what is under way since when', () => {
  assert.deepEqual(frameOf(shown, frame), [
    '[#########---------------]  40 of 100 tags, 12.3 MiB, 4.5 MiB/s, 2:00 left',
    '  harbor.example.com/library/nginx:1.27  12 s',
    '  harbor.example.com/library/redis:7  3 s',
  ]);
});

test('failures are counted in red, where colour is wanted', () => {
  const failed = { ...shown, failed: 2, underWay: [] };
  assert.match(frameOf(failed, { ...frame, colour: true })[0] ?? '', /\u001B\[31m2 failed\u001B\[39m/);
  assert.equal(
    frameOf(failed, frame)[0],
    '[#########---------------]  40 of 100 tags, 2 failed, 12.3 MiB, 4.5 MiB/s, 2:00 left',
  );
});

test('before the lists are there, only the time is known', () => {
  assert.deepEqual(frameOf({ ...shown, tags: undefined, underWay: [] }, frame), [
    'asking for the lists of tags, 1:20',
  ]);
});

test('the bar is full when everything is done, and not before', () => {
  const barOf = (ended: number, tags = 1000) =>
    (frameOf({ ...shown, ended, tags, underWay: [] }, frame)[0] ?? '').slice(1, 25);
  assert.equal(barOf(999), '#'.repeat(23) + '-');
  assert.equal(barOf(1000), '#'.repeat(24));
  assert.equal(barOf(0), '-'.repeat(24));
  assert.equal(barOf(0, 0), '#'.repeat(24));
});

const timeIn = (shown: Shown, rate: Frame['rate']) =>
  frameOf(shown, { ...frame, rate })[0]
    ?.split(', ')
    .at(-1);

test('a few large images at the end: the time left is no less than the oldest has taken', () => {
  const last = { ...shown, ended: 98, underWay: [{ source: 'r.io/p/huge:1', age: 300_000 }] };
  assert.equal(timeIn(last, { bytes: mib, tags: 2 }), '5:00 left');
});

test('while no tag ends nobody knows the time left: it is for how long the run has gone on', () => {
  assert.equal(timeIn(shown, { bytes: mib, tags: 0 }), '1:20');
  assert.equal(timeIn({ ...shown, ended: 100 }, { bytes: mib, tags: 2 }), '1:20');
});

test('no line fills the terminal and none is missing for the cursor, whatever its size', () => {
  const many = Array.from({ length: 30 }, (_, index) => ({
    source: `harbor.example.com/a/repository/with/a/long/name-${index}:v1.${index}`,
    age: index * 1000,
  }));
  for (const failed of [0, 12])
    for (const colour of [false, true])
      for (let columns = 1; columns <= 130; columns++)
        for (const rows of [1, 2, 3, 5, 24]) {
          const lines = frameOf({ ...shown, failed, underWay: many }, { ...frame, columns, rows, colour });
          assert.ok(lines.length <= Math.max(1, rows - 1), `${lines.length} lines in ${rows} rows`);
          for (const line of lines.map(stripVTControlCharacters))
            assert.ok(line.length <= Math.max(1, columns - 1), `${columns} columns: ${line}`);
        }
});

test('20 columns and 5 rows: what matters most', () => {
  const small = { ...frame, columns: 20, rows: 5 };
  const more = { ...shown, underWay: [...shown.underWay, ...shown.underWay, ...shown.underWay] };
  assert.deepEqual(frameOf(more, small), [
    '40/100, 2:00 left',
    '  ...inx:1.27  12 s',
    '  ...y/redis:7  3 s',
    '  and 4 more',
  ]);
});

test('names of others command no terminal', () => {
  const nasty = { ...shown, underWay: [{ source: 'r.io/p/x:\u001B[2J\nv1', age: 0 }] };
  assert.equal(frameOf(nasty, frame)[1], '  r.io/p/x: [2J v1  0 s');
});

test('a rate is of the last seconds only', () => {
  const rate = new Rate(5_000);
  assert.equal(rate.at(0, 100), 0);
  assert.equal(rate.at(1_000, 1_100), 1_000);
  assert.equal(rate.at(5_000, 1_100), 200);
  assert.equal(rate.at(6_000, 1_100), 0);
  assert.equal(rate.at(60_000, 6_500), 100);
});

test('amounts for people', () => {
  assert.deepEqual([0, 999, 1023, 1024, 1536, 1024 * 1024 - 1, 1024 ** 3, 5000 * 1024 ** 4].map(sizeOf), [
    '0 B',
    '999 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 MiB',
    '1.0 GiB',
    '5000.0 TiB',
  ]);
  assert.deepEqual([0, 1, 59_000, 59_001, 125_000, 3_725_000].map(timeOf), [
    '0 s',
    '1 s',
    '59 s',
    '1:00',
    '2:05',
    '1:02:05',
  ]);
});
