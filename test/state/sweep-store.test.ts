import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Part, Sweep } from '../../src/task/store.ts';
import { enter, temporaryState, wanted } from './open.ts';

test('a sweep is begun, saved and found again as it was', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const begun = state.sweeps.begin({ rule: 'library', dryRun: true, trigger: 'admin' }, 1_000);
  const counts = { listed: 0, unchanged: 0, enqueued: 0, missed: 0, audited: 0, mismatched: 0, failed: 0 };
  const names = { invalidNames: 0, collisions: 0, nameErrors: [] };
  const expected = { rule: 'library', dryRun: true, trigger: 'admin', state: 'running', startedAt: 1_000 };
  assert.deepEqual(begun, { id: begun.id, ...expected, ...counts, ...names, causes: {}, errors: [] });
  assert.deepEqual(state.sweeps.get(begun.id), begun);

  const saved: Sweep = {
    ...begun,
    state: 'completed',
    finishedAt: 2_000,
    listed: 10,
    unchanged: 4,
    enqueued: 5,
    missed: 3,
    causes: { 'delivery-failed': 2, unknown: 1 },
    audited: 7,
    mismatched: 1,
    failed: 1,
    errors: ['library/a: denied', 'it\'s "quoted"'],
    invalidNames: 2,
    collisions: 1,
    nameErrors: ['a and b would both become c'],
  };
  state.sweeps.save(saved);
  assert.deepEqual(reopen().sweeps.get(begun.id), saved);
});

test('sweeps are listed from the newest to the oldest', async (t) => {
  const { state } = await temporaryState(t);
  for (let at = 1; at <= 3; at++) state.sweeps.begin({ dryRun: false, trigger: 'schedule' }, at);
  const ids = (limit: number, before?: number) => state.sweeps.list(limit, before).map(({ id }) => id);
  assert.deepEqual(ids(10), [3, 2, 1]);
  assert.deepEqual(ids(1), [3]);
  assert.deepEqual(ids(10, 3), [2, 1]);
  assert.equal(state.sweeps.get(99), undefined);
});

test('saving a sweep that is not there is a mistake', async (t) => {
  const { state } = await temporaryState(t);
  const begun = state.sweeps.begin({ dryRun: false, trigger: 'start' }, 1_000);
  assert.throws(() => state.sweeps.save({ ...begun, id: 99 }), {
    name: 'TransitionError',
    message: /sweep 99/,
  });
});

test('every source repository that was named is known, each once, after its tasks are gone too', async (t) => {
  const { state } = await temporaryState(t);
  for (const sourceRepository of ['library/b', 'library/a', 'library/b'])
    enter(state, wanted({ sourceRepository }));
  for (const { id } of state.tasks.list({ limit: 10 })) state.tasks.cancel(id, 2_000);
  assert.equal(state.prune.prune(9_000, 100), 2);
  assert.deepEqual(state.sweeps.repositories(), ['library/a', 'library/b']);
});

test('what a sweep has to do is written down, and outlives the process', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const part = (kind: Part['kind'], name: string, source = 'harbor'): Part => ({
    source,
    kind,
    name,
    position: 0,
  });
  const sweep = state.sweeps.begin({ dryRun: false, trigger: 'schedule' }, 1_000);
  assert.equal(state.sweeps.isPlanned(sweep.id), false);
  const [team, library] = [part('project', 'team'), part('project', 'library')];
  state.sweeps.plan({ ...sweep, audited: 3 }, [team, library, part('repository', 'a/b', 'other')]);
  state.sweeps.progress({ ...sweep, audited: 3, listed: 100 }, library, 4_711, [
    part('rest', 'library/app'),
    part('rest', 'library/app'),
  ]);
  const { sweeps } = reopen();
  assert.deepEqual(sweeps.interrupted(), { ...sweep, audited: 3, listed: 100 });
  assert.equal(sweeps.isPlanned(sweep.id), true);
  assert.deepEqual(sweeps.sources(sweep.id), ['harbor', 'other']);
  const left: unknown[] = [];
  for (let next = sweeps.next(sweep.id, 'harbor'); next; next = sweeps.next(sweep.id, 'harbor')) {
    left.push([next.kind, next.name, next.position]);
    sweeps.progress(sweep, next, 'done');
  }
  assert.deepEqual(left, [
    ['project', 'library', 4_711],
    ['project', 'team', 0],
    ['rest', 'library/app', 0],
  ]);
  sweeps.save({ ...sweep, state: 'failed', finishedAt: 2_000, errors: ['enough'] });
  assert.deepEqual([sweeps.sources(sweep.id), sweeps.interrupted()], [[], undefined]);
});

test('how far a list has been read is kept for each list of each source', async (t) => {
  const { state, reopen } = await temporaryState(t);
  assert.equal(state.positions.position('harbor', 'audit team'), undefined);
  state.positions.setPosition('harbor', 'audit team', 7);
  state.positions.setPosition('harbor', 'audit team', 9);
  state.positions.setPosition('other', 'audit team', 3);
  assert.equal(reopen().positions.position('harbor', 'audit team'), 9);
});

test('a sweep that was interrupted is over when another one begins', async (t) => {
  const { state } = await temporaryState(t);
  const first = state.sweeps.begin({ dryRun: false, trigger: 'start' }, 1_000);
  state.sweeps.plan(first, [{ source: 'harbor', kind: 'project', name: 'library', position: 0 }]);
  const second = state.sweeps.begin({ dryRun: false, trigger: 'admin' }, 2_000);
  assert.equal(state.sweeps.interrupted()?.id, second.id);
  assert.deepEqual(state.sweeps.sources(first.id), []);
  const over = { state: 'failed', finishedAt: 2_000 } as const;
  assert.partialDeepStrictEqual(state.sweeps.get(first.id), over);
  assert.match(state.sweeps.get(first.id)?.errors.join() ?? '', /overtaken/);
});
