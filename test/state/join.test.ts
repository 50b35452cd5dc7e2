import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attempt, claim, discard, enter, finish, postpone, taskOf, temporaryState, wanted } from './open.ts';

test('a wanted copy makes an available task', async (t) => {
  const { state } = await temporaryState(t);
  const { task, created } = enter(state, wanted(), { wantedAt: 900.7 }, 1_000);
  assert.equal(created, 1);
  assert.deepEqual(task, {
    ...wanted(),
    id: task.id,
    state: 'available',
    door: 'webhook',
    force: false,
    generation: 1,
    attempts: 0,
    createdAt: 1_000,
    wantedAt: 900,
    runAt: 1_000,
  });
});

test('a push joins the waiting task of its destination tag: newest names, oldest time, most urgent door', async (t) => {
  const { state } = await temporaryState(t);
  const { task } = enter(state, wanted(), { door: 'admin', force: true, wantedAt: 900 });
  const renamed = wanted({ rule: 'newer', sourceTag: 'edge', destinationTag: 'v1' });
  const { task: joined, created } = enter(state, renamed, { wantedAt: 950 });
  assert.equal(created, 0);
  assert.deepEqual(joined, { ...task, ...renamed, door: 'webhook', generation: 2 });
  assert.equal(joined.force, true);
  assert.equal(joined.wantedAt, 900);
  assert.equal(enter(state, wanted(), { door: 'admin', wantedAt: 800 }).task.door, 'webhook');
  assert.equal(taskOf(state, task.id).wantedAt, 800);
});

test('the same push again joins: newer, never less urgent, less forced or later, and with a clean slate', async (t) => {
  const { state } = await temporaryState(t);
  const { task } = enter(state, wanted(), { wantedAt: 900 });
  postpone(state, 1_500);
  state.dispatch.promote(2_000, 1, 60_000);
  assert.equal(taskOf(state, task.id).attempts, 1);
  const { task: joined, created } = enter(state, wanted(), { wantedAt: 950, force: true });
  assert.equal(created, 0);
  assert.partialDeepStrictEqual(joined, { id: task.id, state: 'available', door: 'webhook', generation: 2 });
  assert.partialDeepStrictEqual(joined, { attempts: 0, wantedAt: 900, force: true });
  const { task: again } = enter(state, wanted(), { door: 'admin', wantedAt: 800 });
  assert.partialDeepStrictEqual(again, { door: 'webhook', generation: 3, wantedAt: 800, force: true });
});

test('tasks are apart when the registry, the repository or the tag of the destination differs', async (t) => {
  const { state } = await temporaryState(t);
  const others = [{}, { destination: 'other' }, { destinationRepository: 'x/y' }, { destinationTag: 'v2' }];
  const ids = others.map((other) => enter(state, wanted(other)).task.id);
  assert.equal(new Set(ids).size, 4);
});

test('a push makes a retryable task available at once, with no attempt spent', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted());
  assert.equal(postpone(state, 90_000).attempts, 1);
  const { task } = enter(state, wanted(), {}, 5_000);
  assert.partialDeepStrictEqual(task, { state: 'available', attempts: 0, generation: 2, runAt: 5_000 });
  assert.equal(state.dispatch.nextRun(), undefined);
});

test('a push leaves a running task running', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted(), { door: 'sweep' });
  const running = claim(state);
  const { task, created } = enter(state, wanted(), { force: true });
  assert.equal(created, 0);
  assert.deepEqual(task, { ...running, generation: 2, door: 'webhook' });
});

test('a push after the end makes a new task', async (t) => {
  for (const end of [finish, discard]) {
    const { state } = await temporaryState(t);
    const { task: first } = enter(state, wanted());
    end(state);
    const { task, created } = enter(state, wanted());
    assert.equal(created, 1);
    assert.ok(task.id > first.id);
  }
});

test('the sweep joins without changing anything, in every state', async (t) => {
  const { state } = await temporaryState(t);
  const { task } = enter(state, wanted());
  const sweep = () => enter(state, wanted({ rule: 'x' }), { door: 'sweep', force: true, wantedAt: 1 }, 9_000);
  assert.deepEqual(sweep(), { task, created: 0 });
  const running = claim(state);
  assert.deepEqual(sweep(), { task: running, created: 0 });
  state.tasks.cancel(task.id, 2_500);
  sweep();
  const why = { reason: 'timeout', message: 'slow' } as const;
  const cancelled = state.dispatch.settle(
    running,
    attempt(running, why),
    { kind: 'retry', at: 9_999, waited: false, ...why },
    3_000,
  );
  assert.equal(cancelled.state, 'cancelled', 'the sweep did not take the cancellation back');
  enter(state, wanted());
  const retryable = postpone(state, 90_000);
  assert.deepEqual(sweep(), { task: retryable, created: 0 });
});

test('a sweep takes up what was discarded or cancelled, and what was completed anew', async (t) => {
  const { state } = await temporaryState(t);
  const sweep = () => enter(state, wanted(), { door: 'sweep', wantedAt: 8_000 }, 9_000);
  const { task } = enter(state, wanted());
  discard(state);
  assert.equal(taskOf(state, task.id).state, 'discarded');
  const { task: again, created } = sweep();
  assert.equal(created, 0);
  assert.partialDeepStrictEqual(again, { id: task.id, state: 'available', attempts: 0, door: 'sweep' });
  assert.equal(again.reason, undefined);
  assert.equal(state.tasks.cancel(task.id, 9_500), 'done');
  assert.partialDeepStrictEqual(sweep(), { task: { id: task.id, state: 'available' }, created: 0 });
  finish(state);
  const { task: anew, created: more } = sweep();
  assert.equal(more, 1);
  assert.notEqual(anew.id, task.id);
});
