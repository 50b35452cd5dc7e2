import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limiter, type Limits } from '../../src/registry/limit.ts';
import type { Urgency } from '../../src/registry/urgency.ts';
import { FakeClock } from '../support/clock.ts';
import { pass, settle } from './limit-stand.ts';

const KiB = 1024;
const MiB = KiB * KiB;
const second = 1000;

function limiterOf(clock: FakeClock, bandwidth: Limits['bandwidth']): Limiter {
  return new Limiter('test', { concurrency: 8, requestsPerSecond: 0, bandwidth }, clock);
}

/** A copy that goes on until it is stopped; what it has had, by the second. */
function copyOf(limiter: Limiter, clock: FakeClock, chunk: number, urgency: Urgency = 'push') {
  const stop = new AbortController();
  const begun = clock.now();
  const had: number[] = [];
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await limiter.bytes(chunk, stop.signal, urgency);
      const at = Math.floor((clock.now() - begun) / second);
      had[at] = (had[at] ?? 0) + chunk;
    }
  };
  const ended = run().catch(() => undefined);
  return { had, stop: () => (stop.abort(new Error('enough')), ended) };
}

function assertNear(got: number | undefined, expected: number, what: string): void {
  const ratio = (got ?? 0) / expected;
  assert.ok(ratio > 0.9 && ratio < 1.1, `${what}: ${ratio.toFixed(3)} of what it should be`);
}

for (const [name, sizes] of Object.entries({
  small: [16, 16, 16, 16],
  large: [256, 256, 256, 256],
  'small and large': [16, 256, 64, 256],
}))
  test(`bandwidth: four copies with ${name} chunks have a tenth more or less at most, each second, in equal shares`, async () => {
    const clock = new FakeClock();
    const limiter = limiterOf(clock, 20 * MiB);
    const copies = sizes.map((size) => copyOf(limiter, clock, size * KiB));
    await pass(clock, clock.now() + 5 * second);
    for (let at = 0; at < 5; at++) {
      const sum = copies.reduce((total, { had }) => total + (had[at] ?? 0), 0);
      assertNear(sum, 20 * MiB, `second ${at}`);
      for (const { had } of copies) assertNear(had[at], 5 * MiB, `a copy in second ${at}`);
    }
    await Promise.all(copies.map(({ stop }) => stop()));
    assert.equal(clock.waiting, 0, 'nobody waits, nothing sleeps');
  });

test('bandwidth: timers that are late lose nothing', async () => {
  const clock = new FakeClock();
  const limiter = limiterOf(clock, 20 * MiB);
  const copy = copyOf(limiter, clock, 64 * KiB);
  const end = clock.now() + second;
  for (await settle(); clock.now() < end; await settle()) clock.advance(7);
  assertNear(copy.had[0], 20 * MiB, 'the first second');
  await copy.stop();
});

test('bandwidth: nothing is saved up while nobody copies', async () => {
  const clock = new FakeClock();
  const limiter = limiterOf(clock, MiB);
  await limiter.bytes(64 * KiB, undefined);
  clock.advance(3_600_000);
  const copy = copyOf(limiter, clock, 64 * KiB);
  await pass(clock, clock.now() + second);
  assertNear(copy.had[0], MiB, 'the first second after an hour');
  await copy.stop();
});

test('bandwidth: a push does not stand behind the bytes of a bulk run, and stops it for no longer than it must', async () => {
  const clock = new FakeClock();
  const limiter = limiterOf(clock, MiB);
  const bulk = Array.from({ length: 20 }, () => copyOf(limiter, clock, 256 * KiB, 'resync'));
  await pass(clock, clock.now() + second);
  const begun = clock.now();
  const pushed = limiter.bytes(64 * KiB, undefined, 'push').then(() => clock.now() - begun);
  await pass(clock, begun + second);
  assert.ok((await pushed) <= 250, 'behind one chunk at most');
  const push = copyOf(limiter, clock, 64 * KiB);
  await pass(clock, clock.now() + 4 * second);
  const before = bulk.map(({ had }) => had.reduce((sum, count) => sum + count, 0));
  await pass(clock, clock.now() + 4 * second);
  const after = bulk.map(({ had }) => had.reduce((sum, count) => sum + count, 0));
  assert.ok(
    after.some((count, index) => count > (before[index] ?? 0)),
    'a bulk run does not stand still',
  );
  assertNear(push.had[2], (MiB * 16) / 20, 'sixteen chunks of the push for each of the others');
  await Promise.all([push, ...bulk].map(({ stop }) => stop()));
});

const monday = Date.UTC(2026, 10, 23);
const everyDay = [0, 1, 2, 3, 4, 5, 6];
const hours = 60;

test('bandwidth: a change of window counts for what is under way, also for a chunk that waits', async () => {
  const clock = new FakeClock(monday + 8 * 3_600_000 - 2 * second);
  const limiter = limiterOf(clock, [
    { days: [1], from: 8 * hours, to: 20 * hours, limit: 10 * MiB },
    { days: everyDay, from: 0, to: 24 * hours, limit: 64 * KiB },
  ]);
  const copy = copyOf(limiter, clock, 256 * KiB);
  await pass(clock, clock.now() + 4 * second);
  assert.deepEqual(
    [copy.had[0], copy.had[1]],
    [256 * KiB, undefined],
    'the next one is due after four seconds',
  );
  assertNear(copy.had[3], 10 * MiB, 'the second after the change');
  await copy.stop();
});

test('bandwidth: windows by days, over midnight and over the end of the week; elsewhere there is no limit', async () => {
  const windows = [
    { days: [6], from: 22 * hours, to: 6 * hours, limit: 1000 },
    { days: [3], from: 0, to: 24 * hours, limit: 500 },
  ];
  const rateAt = async (time: number): Promise<number> => {
    const clock = new FakeClock(time);
    const limiter = limiterOf(clock, windows);
    await limiter.bytes(1000, undefined);
    const second = limiter.bytes(1, undefined);
    const wait = (clock.next ?? clock.now()) - clock.now();
    clock.advance(wait);
    await second;
    return wait;
  };
  const day = 86_400_000;
  const minute = 60_000;
  for (const [what, time, wait] of [
    ['Monday', monday, 0],
    ['Saturday before the window', monday + 5 * day + 22 * 60 * minute - minute, 0],
    ['Saturday in the window', monday + 5 * day + 22 * 60 * minute, 1000],
    ['Sunday in the same window', monday + 6 * day + 6 * 60 * minute - minute, 1000],
    ['Sunday after it', monday + 6 * day + 6 * 60 * minute, 0],
    ['Wednesday', monday + 2 * day, 2000],
    ['the end of Wednesday', monday + 3 * day - 1500, 1500],
    ['Thursday', monday + 3 * day, 0],
  ] as const)
    assert.equal(await rateAt(time), wait, what);
});
