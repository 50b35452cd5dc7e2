import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { State } from '../../src/state/state.ts';
import { attempt, claim, digestOf, enter, finish, temporaryState, wanted } from './open.ts';

const [old, other] = [
  [
    { name: 'harbor', host: 'harbor.test' },
    { name: 'acr', host: 'old.test' },
  ],
  [
    { name: 'harbor', host: 'harbor.test' },
    { name: 'acr', host: 'other.test' },
  ],
];

const trusted = (state: State, sourceTag = 'v1') => state.records.find(wanted({ sourceTag }))?.trusted;

test('whose host is another is told, once and over a restart; what is seen for the first time is as it was', async (t) => {
  const { state, reopen } = await temporaryState(t);
  enter(state, wanted());
  finish(state);
  assert.deepEqual(state.meanings.note(old, 4_000), []);
  assert.equal(trusted(state), true);
  assert.deepEqual(reopen().meanings.note(other, 4_000), ['acr']);
  assert.deepEqual(reopen().meanings.note(other, 4_000), []);
});

test('nothing that was seen at the old one is believed of the new', async (t) => {
  const { state } = await temporaryState(t);
  state.meanings.note(old, 1_000);
  enter(state, wanted());
  finish(state);
  for (const source of ['harbor', 'acr']) state.positions.setPosition(source, 'deliveries library 1', 7);
  assert.deepEqual(state.meanings.note(other, 4_000), ['acr']);
  assert.equal(trusted(state), false);
  assert.equal(state.positions.position('acr', 'deliveries library 1'), undefined);
  assert.equal(state.positions.position('harbor', 'deliveries library 1'), 7);
});

test('a copy under way that ends at the old one is not believed either', async (t) => {
  const { state } = await temporaryState(t);
  state.meanings.note(old, 1_000);
  enter(state, wanted());
  const task = claim(state);
  state.meanings.note(other, 2_500);
  const hours = 5 * 3_600_000;
  const did = attempt(task, { outcome: 'copied', digest: digestOf(1), finishedAt: hours });
  state.dispatch.settle(task, did, { kind: 'complete', outcome: 'copied', again: false }, hours);
  assert.equal(trusted(state), false);
  enter(state, wanted({ sourceTag: 'v2' }));
  finish(state);
  assert.equal(trusted(state, 'v2'), true);
});

test('a sweep under way begins anew with a source that is another, and goes on with all others', async (t) => {
  const { state } = await temporaryState(t);
  state.meanings.note(old, 1_000);
  const sweep = state.sweeps.begin({ dryRun: false, trigger: 'admin' }, 1_000);
  const part = (source: string) => ({ source, kind: 'project', name: 'library', position: 9 }) as const;
  state.sweeps.plan(sweep, [part('harbor'), part('acr')]);
  state.meanings.note(other, 2_000);
  assert.deepEqual(state.sweeps.next(sweep.id, 'harbor'), part('harbor'));
  const planned = { source: 'acr', kind: 'plan', name: '', position: 0 };
  assert.deepEqual(state.sweeps.next(sweep.id, 'acr'), planned);
});

test('what was refused there for good is taken up by a sweep that sees the same digest', async (t) => {
  const { state } = await temporaryState(t);
  state.meanings.note(old, 1_000);
  enter(state, wanted());
  const task = claim(state);
  const refused = { reason: 'artifact-refused', message: 'no' } as const;
  const did = attempt(task, { ...refused, digest: digestOf(1) });
  state.dispatch.settle(task, did, { kind: 'discard', ...refused }, 3_000);
  const seen = { ...wanted(), digest: digestOf(1) };
  const stateNow = () => (enter(state, seen, { door: 'sweep' }), state.tasks.get(task.id)?.task.state);
  assert.equal(stateNow(), 'discarded');
  state.meanings.note(other, 4_000);
  assert.equal(stateNow(), 'available');
});
