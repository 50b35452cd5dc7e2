import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OneShot } from '../../src/task/one-shot.ts';
import type { Verdict } from '../../src/task/store.ts';
import type { Attempt, Task } from '../../src/task/task.ts';

const attempt: Attempt = {
  number: 1,
  startedAt: 0,
  finishedAt: 1,
  bytes: 0,
  copied: 0,
  mounted: 0,
  skipped: 0,
};
const complete: Verdict = { kind: 'complete', outcome: 'copied', again: false };
const retry: Verdict = { kind: 'retry', at: 10, reason: 'unreachable', message: 'away', waited: false };

function wanted(tag: string) {
  const [source, destination] = ['a.example', 'b.example'];
  const repositories = { sourceRepository: 'x', destinationRepository: 'y' };
  return { rule: '', source, destination, ...repositories, sourceTag: tag, destinationTag: tag };
}

function claimed(store: OneShot, now = 0): Task {
  const task = store.claim(now);
  if (task === undefined) throw new RangeError('expected a task');
  return task;
}

test('tasks are claimed in their order, each once, by the numbers of their places', () => {
  const store = new OneShot([wanted('1'), wanted('2')], { force: true, now: 0 });
  const [first, second] = [claimed(store), claimed(store)];
  assert.deepEqual([first.id, first.sourceTag, first.attempts, first.force], [1, '1', 1, true]);
  assert.deepEqual([second.id, second.sourceTag], [2, '2']);
  assert.equal(store.claim(0), undefined);
});

test('what failed is claimed again when its time has come, behind all that has not been tried', () => {
  const store = new OneShot([wanted('1'), wanted('2')], { force: false, now: 0 });
  store.settle(claimed(store), attempt, retry, 1);
  assert.equal(store.promote(10, 100), 0);
  assert.equal(store.nextRun(), undefined);
  assert.equal(claimed(store).sourceTag, '2');
  assert.equal(store.nextRun(), 10);
  assert.equal(store.promote(9, 100), 0);
  assert.equal(store.promote(10, 100), 1);
  assert.equal(store.nextRun(), undefined);
  assert.equal(claimed(store).sourceTag, '1');
});

test('an attempt is spent by each claim, and the count of the unfinished goes down with each end', () => {
  const store = new OneShot([wanted('1'), wanted('2')], { force: false, now: 0 });
  assert.equal(store.unfinished, 2);
  const waiting = store.settle(claimed(store), attempt, retry, 1);
  assert.deepEqual([waiting.state, store.unfinished], ['retryable', 2]);
  store.settle(claimed(store), attempt, complete, 1);
  assert.equal(store.unfinished, 1);
  store.promote(10, 100);
  const again = claimed(store, 10);
  assert.equal(again.attempts, 2);
  const done = store.settle(again, attempt, { kind: 'discard', reason: 'unreachable', message: 'away' }, 11);
  assert.deepEqual([done.state, done.finishedAt, store.unfinished], ['discarded', 11, 0]);
});

test('what is released has no other attempt', () => {
  const store = new OneShot([wanted('1')], { force: false, now: 0 });
  store.release([claimed(store).id]);
  assert.equal(store.unfinished, 0);
  assert.equal(store.claim(1), undefined);
});
