import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { State } from '../../src/state/state.ts';
import { attempt, claim, digestOf, enter, failed, finish, temporaryState, wanted } from './open.ts';

const place = wanted();
const trusted = (state: State) => state.records.find(place)?.trusted;

test('a copy is recorded when its task is settled, and not trusted while a task writes to the tag', async (t) => {
  const { state, reopen } = await temporaryState(t);
  enter(state, wanted());
  assert.equal(state.records.find(place), undefined);
  const { digest } = finish(state);
  const { rule: _, ...ends } = wanted();
  assert.deepEqual(reopen().records.find(place), { ...ends, digest, verifiedAt: 3_000, trusted: true });
});

test('a record is not trusted from a claim to the end of its attempt', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted());
  finish(state);
  enter(state, wanted());
  assert.equal(trusted(state), true);
  const task = claim(state);
  assert.equal(trusted(state), false);
  state.dispatch.settle(
    task,
    attempt(task, failed),
    { kind: 'retry', at: 4_000, waited: true, ...failed },
    3_000,
  );
  assert.equal(trusted(state), false);
  state.dispatch.promote(4_000, 10, 60_000);
  finish(state, 5_000);
  // What the attempt before has left on the wire may still arrive.
  assert.equal(trusted(state), false);
  state.records.confirm([{ copy: wanted(), digest: digestOf(1), at: 6_000 }]);
  assert.equal(trusted(state), true);
});

test('what a sweep has seen while a task stands for the tag is not kept', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted());
  state.records.confirm([{ copy: wanted(), digest: digestOf(2), at: 2_000 }]);
  assert.equal(state.records.find(place), undefined);
  finish(state);
  state.records.confirm([{ copy: wanted(), digest: digestOf(2), at: 4_000 }]);
  assert.deepEqual(
    [state.records.find(place)?.digest, state.records.find(place)?.verifiedAt],
    [digestOf(2), 4_000],
  );
});

test('the ones not looked at for the longest time come first; a repository is distrusted as a whole', async (t) => {
  const { state } = await temporaryState(t);
  for (const [index, tag] of ['v1', 'v2', 'v3'].entries())
    state.records.confirm([{ copy: wanted({ sourceTag: tag }), digest: digestOf(1), at: 3_000 - index }]);
  state.records.confirm([
    { copy: wanted({ sourceRepository: 'library/other' }), digest: digestOf(1), at: 1_000 },
  ]);
  const oldest = () =>
    state.records
      .oldest('acr', 3)
      .map(({ destinationRepository, destinationTag }) => `${destinationRepository}:${destinationTag}`);
  assert.deepEqual(oldest(), ['library/other:v1', 'library/app:v3', 'library/app:v2']);
  assert.equal(state.records.count('acr'), 4);
  assert.equal(state.records.distrust('acr', 'library/app'), 3);
  assert.equal(state.records.distrust('acr', 'library/app'), 0);
  assert.deepEqual([oldest(), state.records.count('acr')], [['library/other:v1'], 1]);
  assert.deepEqual(state.records.oldest('elsewhere', 3), []);
});

test('a task says why no webhook told of it', async (t) => {
  const { state } = await temporaryState(t);
  assert.equal(enter(state, wanted(), { door: 'sweep', cause: 'proxy-cache' }).task.cause, 'proxy-cache');
  assert.equal(enter(state, wanted({ sourceTag: 'v2' })).task.cause, undefined);
});
