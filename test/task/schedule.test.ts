import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Schedule } from '../../src/task/schedule.ts';
import { FakeClock } from '../support/clock.ts';

const [minute, hour] = [60_000, 3_600_000];
const noon = Date.UTC(2026, 10, 23, 12);

function start(expression: string): { clock: FakeClock; runs: number[]; schedule: Schedule } {
  const clock = new FakeClock(noon);
  const runs: number[] = [];
  const schedule = new Schedule(expression, clock, () => runs.push((clock.now() - noon) / minute));
  schedule.start();
  return { clock, runs, schedule };
}

test('at every time of the expression, and at no other', () => {
  const { clock, runs } = start('17 * * * *');
  clock.advance(17 * minute - 1);
  assert.deepEqual(runs, []);
  clock.advance(1);
  clock.advance(2 * hour);
  assert.deepEqual(runs, [17, 77, 137]);
});

test('in UTC, whatever the machine’s zone', () => {
  const { clock, runs } = start('0 13 * * *');
  clock.advance(48 * hour);
  assert.deepEqual(runs, [60, 60 + 24 * 60]);
});

test('a timer that rings early does not begin a run', () => {
  const { clock, runs, schedule } = start('0 0 1 1 *');
  const after = clock.after.bind(clock);
  // As Node's timers do: none waits longer than 24 days.
  clock.after = (ms, wake) => after(Math.min(ms, 24 * 24 * hour), wake);
  schedule.stop();
  schedule.start();
  clock.advance(30 * 24 * hour);
  assert.deepEqual(runs, []);
  clock.advance(10 * 24 * hour);
  assert.deepEqual(runs, [(Date.UTC(2027, 0, 1) - noon) / minute]);
});

test('stopped, it stays so', () => {
  const { clock, runs, schedule } = start('* * * * *');
  clock.advance(minute);
  schedule.stop();
  clock.advance(hour);
  assert.deepEqual(runs, [1]);
  assert.equal(clock.next, undefined);
});

test('a clock that was set back does not keep it waiting', () => {
  const { clock, runs } = start('0 * * * *');
  clock.advance(30 * minute);
  const now = clock.now.bind(clock);
  clock.now = () => now() - 30 * 24 * hour;
  clock.advance(3 * hour);
  assert.deepEqual(
    runs.map((run) => run + 30 * 24 * 60),
    [120, 180],
  );
});
