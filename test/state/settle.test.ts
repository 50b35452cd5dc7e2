import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../src/task/store.ts';
import {
  attempt,
  claim,
  digestOf,
  enter,
  entry,
  failed,
  finish,
  postpone,
  scanned,
  taskOf,
  temporaryState,
  wanted,
} from './open.ts';

const complete: Verdict = { kind: 'complete', outcome: 'copied', again: false };
const retry: Verdict = { kind: 'retry', at: 9_000, waited: false, ...failed };
const giveUp: Verdict = { kind: 'discard', ...failed };
const verdicts: Verdict[] = [complete, { ...complete, again: true }, retry, giveUp, { kind: 'cancel' }];

async function running(t: Parameters<typeof temporaryState>[0], force = false) {
  const opened = await temporaryState(t);
  enter(opened.state, wanted(), { door: 'sweep', force });
  return { ...opened, task: claim(opened.state) };
}

test('completed: the task shows its outcome and the attempt what it moved', async (t) => {
  const { state, task } = await running(t);
  const told = attempt(task, { outcome: 'copied', digest: digestOf(7), bytes: 42, copied: 3, mounted: 2 });
  const settled = state.dispatch.settle(task, told, complete, 3_000);
  const { id } = task;
  assert.deepEqual(settled, {
    ...task,
    state: 'completed',
    outcome: 'copied',
    digest: digestOf(7),
    bytes: 42,
    finishedAt: 3_000,
  });
  assert.deepEqual(state.tasks.get(id), { task: settled, attempts: [told] });
});

test('completed, but the source has moved: available again, and the lag begins now', async (t) => {
  const { state, task } = await running(t, true);
  const told = attempt(task, { outcome: 'copied' });
  const settled = state.dispatch.settle(task, told, { ...complete, again: true }, 3_000);
  assert.partialDeepStrictEqual(settled, {
    state: 'available',
    attempts: 0,
    wantedAt: 3_000,
    force: false,
    runAt: 3_000,
  });
  assert.equal(settled.outcome, undefined);
  assert.equal(settled.finishedAt, undefined);
});

test('cancelled: task and attempt say why, and a retry begins with a clean slate', async (t) => {
  const { state, task } = await running(t);
  const told = attempt(task, { message: 'no rule sends it there any more' });
  const settled = state.dispatch.settle(task, told, { kind: 'cancel' }, 3_000);
  const { message } = told;
  assert.deepEqual(settled, { ...task, state: 'cancelled', message, bytes: 0, finishedAt: 3_000 });
  assert.deepEqual(state.tasks.get(task.id), { task: settled, attempts: [told] });
  assert.equal(state.tasks.retry(task.id, 4_000), 'done');
  assert.equal(finish(state).message, undefined);
});

test('retry: counted, unless it was a wait', async (t) => {
  const { state, task } = await running(t);
  const once = state.dispatch.settle(task, attempt(task, failed), retry, 3_000);
  assert.partialDeepStrictEqual(once, { ...failed, state: 'retryable', attempts: 1, runAt: 9_000 });
  assert.equal(state.dispatch.promote(9_000, 10, 60_000), 1);
  const second = claim(state);
  assert.equal(second.attempts, 2);
  const waited = state.dispatch.settle(second, attempt(second, failed), { ...retry, waited: true }, 3_000);
  assert.partialDeepStrictEqual(waited, { state: 'retryable', attempts: 1 });
});

test('discard and cancel end the task', async (t) => {
  const discarded = await running(t);
  assert.partialDeepStrictEqual(
    discarded.state.dispatch.settle(discarded.task, attempt(discarded.task, failed), giveUp, 3_000),
    { ...failed, state: 'discarded', finishedAt: 3_000 },
  );
  const cancelled = await running(t);
  assert.partialDeepStrictEqual(
    cancelled.state.dispatch.settle(cancelled.task, attempt(cancelled.task), { kind: 'cancel' }, 3_000),
    { state: 'cancelled', finishedAt: 3_000 },
  );
});

test('a push that joined since the claim wins over every verdict, and the attempt is kept', async (t) => {
  for (const verdict of verdicts) {
    const { state, task } = await running(t);
    enter(state, wanted({ rule: 'newer' }), { wantedAt: 2_600 }, 2_600);
    enter(state, wanted({ rule: 'newer' }), { wantedAt: 2_500 }, 2_700);
    const settled = state.dispatch.settle(task, attempt(task), verdict, 3_000);
    const { finishedAt, outcome } = settled;
    assert.partialDeepStrictEqual(
      settled,
      { state: 'available', attempts: 0, generation: 3, door: 'webhook', rule: 'newer', runAt: 3_000 },
      verdict.kind,
    );
    assert.deepEqual({ finishedAt, outcome }, { finishedAt: undefined, outcome: undefined });
    assert.equal(settled.wantedAt, verdict.kind === 'complete' ? 2_500 : 1_000, 'of what is not yet there');
    assert.equal(state.tasks.get(task.id)?.attempts.length, 1);
    assert.equal(claim(state).generation, 3);
    finishClaimed(state, task.id);
  }
});

function finishClaimed(state: Awaited<ReturnType<typeof running>>['state'], id: number): void {
  const task = taskOf(state, id);
  const settled = state.dispatch.settle(task, attempt(task), complete, 4_000);
  assert.equal(settled.state, 'completed', 'the generation was seen by the second attempt');
}

test('force is kept until an attempt has done what it asked', async (t) => {
  const settle = async (force: boolean, joining: boolean, verdict: Verdict) => {
    const { state, task } = await running(t, force);
    enter(state, wanted(), { force: joining });
    return state.dispatch.settle(task, attempt(task), verdict, 3_000).force;
  };
  assert.equal(await settle(true, false, retry), true);
  assert.equal(await settle(true, false, complete), false);
  assert.equal(await settle(false, true, complete), true);
});

test('a cancelled running task ends cancelled whatever the verdict', async (t) => {
  for (const verdict of verdicts) {
    const { state, task } = await running(t);
    enter(state, wanted(), {});
    assert.equal(state.tasks.cancel(task.id, 2_500), 'running');
    const settled = state.dispatch.settle(task, attempt(task), verdict, 3_000);
    assert.partialDeepStrictEqual(settled, { state: 'cancelled', finishedAt: 3_000 }, verdict.kind);
    assert.equal(settled.outcome, undefined);
  }
});

test('a push after the cancellation takes it back', async (t) => {
  const { state, task } = await running(t);
  state.tasks.cancel(task.id, 2_500);
  enter(state, wanted());
  assert.equal(state.dispatch.settle(task, attempt(task), { kind: 'cancel' }, 3_000).state, 'available');
});

test('a scan that ends meanwhile spares the wait for it, and no other wait', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted());
  const held = { reason: 'source-policy', message: 'not scanned' } as const;
  const settledAs = (why: typeof held | typeof failed): string => {
    postpone(state, 3_000, 'source-policy');
    state.dispatch.promote(3_000, 1, 60_000);
    const task = claim(state);
    state.enqueue.enter([entry([], { event: scanned() })], 3_500, () => true);
    return state.dispatch.settle(task, attempt(task, why), { ...retry, ...why, at: 9_000 }, 4_000).state;
  };
  assert.equal(settledAs(held), 'available');
  assert.equal(settledAs(failed), 'retryable');
});

test('the newest twenty attempts are remembered, the oldest first', async (t) => {
  const { state, task } = await running(t);
  for (let at = 1; at <= 25; at++) {
    const claimed = at === 1 ? task : claim(state);
    const told = attempt(claimed, { ...failed, startedAt: at });
    state.dispatch.settle(claimed, told, { ...retry, at: 0 }, 3_000);
    state.dispatch.promote(1, 1, 60_000);
  }
  const attempts = state.tasks.get(task.id)?.attempts ?? [];
  assert.deepEqual(
    attempts.map(({ startedAt }) => startedAt),
    Array.from({ length: 20 }, (_, index) => index + 6),
  );
});

test('settling what does not run is a mistake, and changes nothing', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted());
  const done = finish(state);
  assert.throws(() => state.dispatch.settle(done, attempt(done), retry, 4_000), {
    name: 'TransitionError',
    message: `task ${done.id} was settled: expected running, got completed`,
  });
  assert.deepEqual(state.tasks.get(done.id)?.task, done);
  assert.equal(state.tasks.get(done.id)?.attempts.length, 1);
});

test('release: available again, the attempt not counted, what joined not lost', async (t) => {
  const { state, task } = await running(t);
  enter(state, wanted({ sourceTag: 'v2' }));
  const joined = claim(state);
  enter(state, wanted({ sourceTag: 'v2' }), { force: true, wantedAt: 1 });
  enter(state, wanted({ sourceTag: 'v3' }));
  const cancelled = claim(state);
  state.tasks.cancel(cancelled.id, 2_500);

  state.dispatch.release([task.id, joined.id, cancelled.id], 3_000);
  const { startedAt } = task;
  assert.deepEqual(taskOf(state, task.id), { ...task, state: 'available', attempts: 0, startedAt });
  assert.partialDeepStrictEqual(taskOf(state, joined.id), {
    state: 'available',
    generation: 2,
    attempts: 0,
    wantedAt: 1,
    force: true,
  });
  assert.partialDeepStrictEqual(taskOf(state, cancelled.id), { state: 'cancelled', finishedAt: 2_500 });
  state.dispatch.release([cancelled.id, 999], 3_000);
  assert.equal(taskOf(state, cancelled.id).state, 'cancelled', 'only running tasks are released');
});
