import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claim, enter, postpone, taskOf, temporaryState, wanted } from './open.ts';

test('what a crash left running is available again, and the attempt has counted', async (t) => {
  const { state, reopen } = await temporaryState(t);
  enter(state, wanted());
  const task = claim(state);
  const after = reopen();
  assert.deepEqual(after.recover(9_000), { tasks: 1 });
  assert.deepEqual(taskOf(after, task.id), { ...task, state: 'available' });
  assert.equal(claim(after).attempts, 2);
});

test('what was to be cancelled is cancelled; what joined is not lost', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const cancelled = enter(state, wanted({ sourceTag: 'v1' })).task;
  claim(state);
  state.tasks.cancel(cancelled.id, 2_500);
  const joined = enter(state, wanted({ sourceTag: 'v2' })).task;
  claim(state);
  enter(state, wanted({ sourceTag: 'v2' }), { force: true, wantedAt: 1 });
  const after = reopen();
  assert.deepEqual(after.recover(9_000), { tasks: 2 });
  assert.partialDeepStrictEqual(taskOf(after, cancelled.id), { state: 'cancelled', finishedAt: 2_500 });
  const available = { state: 'available', generation: 2, attempts: 0, wantedAt: 1, force: true } as const;
  assert.partialDeepStrictEqual(taskOf(after, joined.id), available);
  assert.deepEqual(after.recover(9_000), { tasks: 0 });
});

test('what waits is left alone', async (t) => {
  const { state, reopen } = await temporaryState(t);
  enter(state, wanted());
  const task = postpone(state, 90_000);
  const after = reopen();
  assert.deepEqual(after.recover(9_000), { tasks: 0 });
  assert.deepEqual(taskOf(after, task.id), task);
});
