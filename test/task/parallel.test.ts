import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { parallel } from '../../src/task/parallel.ts';

test('all items, in their order, at most so many at once', async () => {
  const begun: number[] = [];
  let [running, most] = [0, 0];
  await parallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    most = Math.max(most, ++running);
    await setImmediate();
    running--;
  });
  assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(most, 3);
});

test('the first failure ends it once what runs has ended, and is the one that is thrown', async () => {
  const ended: number[] = [];
  const first = new Error('the first');
  const work = async (item: number): Promise<void> => {
    if (item === 1) throw first;
    await setImmediate();
    ended.push(item);
    if (item === 2) throw new Error('the second');
  };
  await assert.rejects(parallel([1, 2, 3, 4, 5, 6], 3, work), (error) => error === first);
  assert.deepEqual(ended, [2, 3]);
});

test('far more may run at once than there is to do', async () => {
  const done: number[] = [];
  await parallel([1, 2], Number.POSITIVE_INFINITY, async (item) => void done.push(item));
  assert.deepEqual(done, [1, 2]);
});

test('nothing to do', async () => {
  await parallel([], 4, () => assert.fail('no item'));
});
