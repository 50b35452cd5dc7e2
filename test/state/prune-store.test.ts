import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { State } from '../../src/state/state.ts';
import { digestOf, enter, entry, finish, postpone, pushed, temporaryState, wanted } from './open.ts';

test('what is finished and old goes, with its attempts; what is young or unfinished stays', async (t) => {
  const { state } = await temporaryState(t);
  const old = enter(state, wanted({ sourceTag: 'old' })).task;
  finish(state, 3_000);
  const young = enter(state, wanted({ sourceTag: 'young' })).task;
  finish(state, 5_000);
  enter(state, wanted({ sourceTag: 'retryable' }));
  postpone(state, 90_000);
  enter(state, wanted({ sourceTag: 'available' }));

  assert.equal(state.prune.prune(5_000, 10), 1);
  assert.equal(state.tasks.get(old.id), undefined);
  assert.equal(state.tasks.get(young.id)?.attempts.length, 1);
  assert.deepEqual(state.tasks.counts(), {
    available: 1,
    running: 0,
    retryable: 1,
    completed: 1,
    discarded: 0,
    cancelled: 0,
  });
  assert.equal(state.prune.prune(5_000, 10), 0);
});

test('an id is never given twice, even if the newest task was removed', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const { id } = enter(state, wanted()).task;
  finish(state, 3_000);
  state.prune.prune(9_000, 10);
  assert.ok(enter(reopen(), wanted()).task.id > id);
});

test('old events go with the tags they named; their ids are free again', async (t) => {
  const { state } = await temporaryState(t);
  const push = (id: string, tag: string, now: number) =>
    state.enqueue.enter([entry([wanted()], { event: pushed(tag, { id }) })], now, () => true);
  push('old', 'v1', 1_000);
  push('young', 'v2', 5_000);
  assert.equal(state.prune.prune(5_000, 10), 1);
  assert.deepEqual(state.enqueue.tagsOf('library/app', digestOf(1)), ['v2']);
  assert.equal(state.tasks.list({ limit: 10 })[0]?.generation, 2);
  push('young', 'v2', 6_000);
  push('old', 'v1', 6_000);
  assert.equal(state.tasks.list({ limit: 10 })[0]?.generation, 3);
});

test('of the sweeps the newest completed one stays, however old', async (t) => {
  const { state } = await temporaryState(t);
  const sweep = (end: 'completed' | 'failed', dryRun = false) => saveSweep(state, end, dryRun);
  sweep('completed');
  const newest = sweep('completed');
  const dry = sweep('completed', true);
  sweep('failed');
  const running = state.sweeps.begin({ dryRun: false, trigger: 'start' }, 1_000).id;
  assert.equal(state.prune.prune(9_000, 10), 2);
  assert.deepEqual(
    state.sweeps.list(10).map(({ id }) => id),
    [running, dry, newest],
  );
});

function saveSweep(state: State, end: 'completed' | 'failed', dryRun: boolean): number {
  const sweep = state.sweeps.begin({ dryRun, trigger: 'schedule' }, 1_000);
  state.sweeps.save({ ...sweep, state: end, finishedAt: 2_000, errors: end === 'failed' ? ['why'] : [] });
  return sweep.id;
}

test('never more rows than asked for, of all kinds together', async (t) => {
  const { state } = await temporaryState(t);
  for (const tag of ['a', 'b', 'c']) {
    state.enqueue.enter([entry([wanted({ sourceTag: tag })], { event: pushed(tag) })], 1_000, () => true);
    finish(state, 3_000);
  }
  assert.deepEqual(
    [4, 4, 4].map((limit) => state.prune.prune(9_000, limit)),
    [4, 2, 0],
  );
});
