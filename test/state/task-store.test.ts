import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskQuery } from '../../src/task/store.ts';
import { claim, discard, enter, failed, finish, postpone, taskOf, temporaryState, wanted } from './open.ts';

test('pages go from the newest to the oldest, each filter alone and together', async (t) => {
  const { state } = await temporaryState(t);
  for (const sourceRepository of ['library/a', 'library/b'])
    for (const sourceTag of ['v1', 'v2', 'v3']) enter(state, wanted({ sourceRepository, sourceTag }));
  state.tasks.cancel(2, 2_000);
  const ids = (query: Omit<TaskQuery, 'limit'>, limit = 10) =>
    state.tasks.list({ ...query, limit }).map(({ id }) => id);

  assert.deepEqual(ids({}), [6, 5, 4, 3, 2, 1]);
  assert.deepEqual(ids({}, 2), [6, 5]);
  assert.deepEqual(ids({ before: 5 }, 2), [4, 3]);
  assert.deepEqual(ids({ state: 'available' }), [6, 5, 4, 3, 1]);
  assert.deepEqual(ids({ state: 'cancelled' }), [2]);
  assert.deepEqual(ids({ repository: 'library/a' }), [3, 2, 1]);
  assert.deepEqual(ids({ tag: 'v2' }), [5, 2]);
  assert.deepEqual(ids({ repository: 'library/b', tag: 'v3' }), [6]);
  assert.deepEqual(ids({ repository: 'library/a', tag: 'v2', state: 'available' }), []);
  assert.deepEqual(ids({ repository: 'library/a', state: 'available', before: 3 }), [1]);
  assert.deepEqual(ids({ tag: 'nowhere' }), []);
  assert.equal(state.tasks.get(99), undefined);
});

test('the task of a destination tag: the unfinished one, else the newest; not one of another repository', async (t) => {
  const { state } = await temporaryState(t);
  const copy = wanted({ destinationTag: 'latest' });
  assert.equal(state.tasks.newestFor(copy), undefined);
  const first = enter(state, copy).task;
  assert.deepEqual(state.tasks.newestFor(copy), first);
  finish(state);
  assert.equal(state.tasks.newestFor(copy)?.state, 'completed');
  const second = enter(state, wanted({ sourceTag: 'v2', destinationTag: 'latest' })).task;
  discard(state);
  assert.equal(state.tasks.newestFor(copy)?.id, second.id);

  const other = wanted({
    sourceRepository: 'team/app',
    destinationRepository: 'library/app',
    destinationTag: 'latest',
  });
  assert.equal(state.tasks.newestFor(other), undefined);
  const refused = enter(state, other).task;
  assert.equal(state.tasks.newestFor(other)?.id, refused.id);
  assert.equal(state.tasks.newestFor(copy)?.id, second.id);
  state.tasks.retry(second.id, 7_000);
  enter(state, { ...copy, reason: 'name-invalid', message: 'no longer' });
  assert.equal(state.tasks.newestFor(copy)?.id, second.id);
});

test('retry: discarded, cancelled and retryable tasks are available again, with no attempt spent', async (t) => {
  const { state } = await temporaryState(t);
  const { id } = enter(state, wanted(), { door: 'sweep' }).task;
  const again = { state: 'available', attempts: 0, runAt: 7_000, door: 'admin' } as const;

  discard(state);
  assert.equal(state.tasks.retry(id, 7_000), 'done');
  assert.partialDeepStrictEqual(taskOf(state, id), { ...again, ...failed });
  assert.equal(taskOf(state, id).finishedAt, undefined);
  postpone(state, 90_000);
  assert.equal(state.tasks.retry(id, 7_000), 'done');
  assert.partialDeepStrictEqual(taskOf(state, id), again);
  state.tasks.cancel(id, 8_000);
  assert.equal(state.tasks.retry(id, 7_000), 'done');
  assert.partialDeepStrictEqual(taskOf(state, id), again);
});

test('retry: other states forbid it', async (t) => {
  const { state } = await temporaryState(t);
  const { id } = enter(state, wanted()).task;
  assert.equal(state.tasks.retry(id, 7_000), 'conflict', 'available');
  claim(state);
  assert.equal(state.tasks.retry(id, 7_000), 'conflict', 'running');
  state.dispatch.release([id], 3_000);
  finish(state);
  assert.equal(state.tasks.retry(id, 7_000), 'conflict', 'completed');
  assert.equal(state.tasks.retry(99, 7_000), 'missing');
});

test('retry: a newer task of the destination tag forbids it, finished or not', async (t) => {
  const { state } = await temporaryState(t);
  const { id } = enter(state, wanted({ sourceTag: 'v1', destinationTag: 'latest' })).task;
  discard(state);
  enter(state, wanted({ sourceTag: 'v2', destinationTag: 'latest' }));
  assert.equal(state.tasks.retry(id, 7_000), 'conflict', 'it waits');
  finish(state);
  assert.equal(state.tasks.retry(id, 7_000), 'conflict', 'it is there: the tag must not go back');
});

test('retry: a refusal is neither retried nor in the way', async (t) => {
  const { state } = await temporaryState(t);
  const own = enter(state, wanted({ destinationRepository: 'mirror/app' })).task;
  discard(state);
  const team = wanted({ sourceRepository: 'team/app', destinationRepository: 'mirror/app' });
  const refused = enter(state, team).task;
  assert.equal(refused.reason, 'name-collision');
  assert.equal(state.tasks.retry(refused.id, 7_000), 'conflict');
  assert.equal(state.tasks.retry(own.id, 7_000), 'done');
});

test('cancel: waiting tasks at once, running ones at their end, finished ones never', async (t) => {
  const { state } = await temporaryState(t);
  const { id } = enter(state, wanted()).task;
  assert.equal(state.tasks.cancel(id, 2_000), 'done');
  assert.partialDeepStrictEqual(taskOf(state, id), { state: 'cancelled', finishedAt: 2_000 });
  assert.equal(state.tasks.cancel(id, 2_000), 'conflict');
  assert.equal(state.dispatch.claim(3_000, {}), undefined);

  const retryable = enter(state, wanted()).task;
  postpone(state, 90_000);
  assert.equal(state.tasks.cancel(retryable.id, 2_000), 'done');
  const running = enter(state, wanted()).task;
  claim(state);
  assert.equal(state.tasks.cancel(running.id, 2_000), 'running');
  assert.equal(state.tasks.cancel(running.id, 2_100), 'running');
  assert.equal(taskOf(state, running.id).state, 'running');
  assert.equal(state.tasks.cancel(99, 2_000), 'missing');
});

test('tasks are counted in each state, and the count survives', async (t) => {
  const { state, reopen } = await temporaryState(t);
  for (const sourceTag of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) enter(state, wanted({ sourceTag }));
  finish(state);
  discard(state);
  postpone(state, 90_000);
  claim(state);
  state.tasks.cancel(7, 2_000);
  const counts = { available: 2, running: 1, retryable: 1, completed: 1, discarded: 1, cancelled: 1 };
  assert.deepEqual(state.tasks.counts(), counts);
  assert.deepEqual(reopen().tasks.counts(), counts);
  assert.equal(reopen().prune.prune(9_000, 2), 2);
});
