import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Pace } from '../../src/aliyun/pace.ts';
import { LeapingClock } from '../registry/clock.ts';
import { FakeClock } from '../support/clock.ts';

/** When each of so many, who all come at once, may begin: milliseconds from now. */
function begin(pace: Pace, clock: FakeClock, count: number): number[] {
  const start = clock.now();
  const times: number[] = [];
  for (let turn = 0; turn < count; turn++) void pace.turn().then(() => times.push(clock.now() - start));
  return times;
}

/** In small steps, so that whoever was woken has its say in between. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let step = 0; step < ms; step++) {
    await setImmediate();
    clock.advance(1);
  }
  await setImmediate();
}

test('fifteen a second at most, in every second, however many come', async () => {
  const clock = new FakeClock();
  const times = begin(new Pace(clock), clock, 40);
  await pass(clock, 3_000);
  assert.equal(times.length, 40);
  for (const from of times)
    assert.ok(times.filter((time) => time >= from && time < from + 1_000).length <= 15);
  assert.ok((times.at(-1) ?? Infinity) <= 2_700, `${times.at(-1)}`);
});

test('rest is not saved up', async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  await pace.turn();
  clock.advance(60_000);
  const times = begin(pace, clock, 20);
  await pass(clock, 999);
  assert.equal(times.length, 15);
});

test('a pause holds for those who wait already, and for all who come', async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  const waiting = begin(pace, clock, 5);
  await pass(clock, 70);
  assert.equal(waiting.length, 2);
  pace.pause(1_000);
  const coming = begin(pace, clock, 2);
  await pass(clock, 999);
  assert.deepEqual([waiting.length, coming.length], [2, 0]);
  await pass(clock, 600);
  assert.deepEqual([waiting.length, coming.length], [5, 2]);
});

test('whoever comes in a pause sleeps once', async () => {
  const clock = new LeapingClock();
  const pace = new Pace(clock);
  pace.pause(60_000);
  await pace.turn();
  assert.deepEqual(clock.slept, [60_000]);
});

test('whoever is called back stops waiting', async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  await pace.turn();
  const stop = new AbortController();
  const waiting = assert.rejects(pace.turn(stop.signal), /enough/);
  stop.abort(new RangeError('enough'));
  await waiting;
  assert.equal(clock.next, undefined);
});
