import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reason } from '../../src/copy/error.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { Entry } from '../../src/task/store.ts';
import {
  attempt,
  claim,
  digestOf,
  discard,
  enter,
  finish,
  postpone,
  pushed,
  taskOf,
  temporaryState,
  wanted,
} from './open.ts';

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

test('of two source tags for one destination tag the newest push wins, in whatever order they are told', async (t) => {
  const meeting = (sourceTag: string) => wanted({ sourceTag, destinationTag: 'newest' });
  const { state } = await temporaryState(t);
  enter(state, meeting('v2'), { wantedAt: 2_000 });
  assert.partialDeepStrictEqual(enter(state, meeting('v1'), { wantedAt: 1_000 }).task, {
    sourceTag: 'v2',
    generation: 2,
    wantedAt: 1_000,
  });
  assert.equal(enter(state, meeting('v3'), { wantedAt: 2_000 }).task.sourceTag, 'v3', 'told later, if equal');
  claim(state);
  assert.equal(enter(state, meeting('v1'), { wantedAt: 1_000 }).task.sourceTag, 'v3');
  state.recover(2_500);
  const { id, generation } = finish(state);
  const late = enter(state, meeting('v1'), { wantedAt: 1_999 });
  assert.deepEqual([late.task.id, late.created, late.task.state], [id, 0, 'completed']);
  const newer = enter(state, meeting('v1'), { wantedAt: 2_001 });
  assert.deepEqual([newer.created, newer.task.generation], [1, generation + 1]);
});

test('an older push does not win because the newer one was told again, or swept, meanwhile', async (t) => {
  const meeting = (sourceTag: string) => wanted({ sourceTag, destinationTag: 'newest' });
  const { state } = await temporaryState(t);
  for (const [end, again] of [
    [finish, { wantedAt: 500 }],
    [finish, { door: 'sweep', wantedAt: 5_000 }],
    [discard, { door: 'sweep', wantedAt: 5_000 }],
  ] as const) {
    enter(state, meeting('v2'), { wantedAt: 2_000 });
    end(state);
    enter(state, meeting('v2'), again);
    assert.equal(enter(state, meeting('v1'), { wantedAt: 1_000 }).task.sourceTag, 'v2');
    const { id } = finish(state);
    assert.equal(enter(state, meeting('v1'), { wantedAt: 1_000 }).task.id, id);
  }
});

test('a push that is told later than any delivery takes counts from then, for its clock was wrong', async (t) => {
  const meeting = (sourceTag: string) => wanted({ sourceTag, destinationTag: 'newest' });
  const hour = 3_600_000;
  const { state } = await temporaryState(t);
  const told = (tag: string, at: number, now: number, other: Partial<Entry> = {}) =>
    enter(state, meeting(tag), { event: pushed(tag, { occurredAt: at }), ...other }, now).task;
  const { id } = told('v2', 10 * hour, 10 * hour);
  finish(state, 10 * hour);
  assert.equal(told('v1', 9 * hour, 14 * hour).id, id, 'an old delivery');
  assert.equal(told('v1', hour, 14 * hour, { cause: 'delivery-failed' }).id, id, 'read in the past');
  const late = told('v1', hour, 14 * hour);
  assert.deepEqual([late.state, late.sourceTag], ['available', 'v1'], 'of a clock that was set back');
  assert.equal(told('v2', 10 * hour + 1, 14 * hour).sourceTag, 'v1');
});

test('a change that a webhook tells of after all has no cause any more', async (t) => {
  const { state } = await temporaryState(t);
  const made = { door: 'webhook', cause: 'delivery-failed' } as const;
  const joins = {
    'as it waits': () => undefined,
    'by another rule': () => undefined,
    'as it runs': () => void claim(state),
    'after a failure': () => void postpone(state, 90_000),
  };
  for (const [how, before] of Object.entries(joins)) {
    const tag = how.replaceAll(' ', '-');
    const { task } = enter(state, wanted({ sourceTag: tag }), made);
    before();
    enter(state, wanted({ sourceTag: tag }), { door: 'admin' });
    enter(state, wanted({ sourceTag: tag }), made);
    assert.equal(taskOf(state, task.id).cause, 'delivery-failed', how);
    const rule = how === 'by another rule' ? 'other' : 'library';
    const { task: told } = enter(state, wanted({ sourceTag: tag, rule }));
    assert.deepEqual([told.id, told.cause], [task.id, undefined], how);
    enter(state, wanted({ sourceTag: tag }), made);
    assert.equal(taskOf(state, task.id).cause, undefined, how);
    state.tasks.cancel(task.id, 5_000);
  }
});

test('an older push wins where the newer one has left nothing', async (t) => {
  const meeting = (sourceTag: string) => wanted({ sourceTag, destinationTag: 'newest' });
  const { state } = await temporaryState(t);
  enter(state, meeting('v2'), { wantedAt: 2_000 });
  const task = claim(state);
  const gone = { kind: 'complete', outcome: 'source-gone', again: false } as const;
  state.dispatch.settle(task, attempt(task, { outcome: 'source-gone' }), gone, 3_000);
  assert.equal(enter(state, meeting('v1'), { wantedAt: 1_000 }).created, 1);
  finish(state);
  // A sweep knows of no push: any that is told later is newer.
  enter(state, meeting('v2'), { door: 'sweep', wantedAt: 9_000 });
  finish(state);
  assert.equal(enter(state, meeting('v1'), { wantedAt: 1_000 }).created, 1);
});

test('a new task begins above every generation that its destination tag has had', async (t) => {
  const { state } = await temporaryState(t);
  for (let push = 0; push < 3; push++) enter(state, wanted());
  assert.equal(finish(state).generation, 3);
  assert.equal(enter(state, wanted()).task.generation, 4);
  discard(state);
  assert.equal(enter(state, wanted(), { door: 'sweep' }).task.generation, 5, 'the same task, taken up');
  assert.equal(enter(state, wanted({ destinationTag: 'v2' })).task.generation, 1);
});

const final: [reason: Reason, seen: Digest | undefined, what: string][] = [
  ['destination-immutable', digestOf(1), 'left alone'],
  ['artifact-refused', digestOf(1), 'left alone'],
  ['destination-immutable', digestOf(2), 'taken up'],
  ['destination-immutable', undefined, 'taken up'],
  ['corrupt', digestOf(1), 'taken up'],
];

for (const [reason, seen, what] of final)
  test(`discarded for ${reason}: ${what} by a sweep that sees ${seen?.slice(-1) ?? 'nothing'}`, async (t) => {
    const { state } = await temporaryState(t);
    enter(state, wanted());
    const task = claim(state);
    const why = { reason, message: 'no' };
    const did = attempt(task, { ...why, digest: digestOf(1) });
    const discarded = state.dispatch.settle(task, did, { kind: 'discard', ...why }, 3_000);
    const sighting = { ...wanted(), ...(seen && { digest: seen }) };
    const swept = enter(state, sighting, { door: 'sweep' }, 9_000);
    assert.equal(swept.created, 0);
    if (what === 'left alone') assert.deepEqual(swept.task, discarded);
    else assert.partialDeepStrictEqual(swept.task, { id: task.id, state: 'available' });
    if (what !== 'left alone') return;
    const other = { ...sighting, sourceTag: 'edge' };
    assert.equal(enter(state, other, { door: 'sweep' }).task.state, 'available', 'of another source tag');
    state.tasks.cancel(task.id, 4_000);
    assert.equal(enter(state, wanted()).created, 1, 'a push tries again');
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
