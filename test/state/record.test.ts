import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { State } from '../../src/state/state.ts';
import type { Task } from '../../src/task/task.ts';
import { attempt, claim, digestOf, enter, failed, finish, temporaryState, wanted } from './open.ts';

const place = wanted();
const hour = 3_600_000;
const trusted = (state: State) => state.records.find(place)?.trusted;

test('a copy is recorded when its task is settled, and not trusted while a task writes to the tag', async (t) => {
  const { state, reopen } = await temporaryState(t);
  enter(state, wanted());
  assert.equal(state.records.find(place), undefined);
  const { digest } = finish(state);
  const { rule: _, ...ends } = wanted();
  assert.deepEqual(reopen().records.find(place), {
    ...ends,
    digest,
    writtenAt: 3_000,
    verifiedAt: 3_000,
    trusted: true,
  });
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
  // What the attempt before has left on the wire may still arrive, also behind a sweep.
  assert.equal(trusted(state), false);
  state.records.confirm([{ copy: wanted(), digest: digestOf(1), at: 6_000 }]);
  assert.equal(trusted(state), false);
  state.records.confirm([{ copy: wanted(), digest: digestOf(1), at: 3_000 + hour }]);
  assert.equal(trusted(state), true);
});

const breaks: [how: string, breakOff: (state: State, task: Task, reopen: () => State) => State | void][] = [
  ['put back', (state, task) => state.dispatch.release([task.id], 3_000)],
  ['lost in a crash', (_, __, reopen) => ((state) => (state.recover(3_000), state))(reopen())],
  [
    'given up',
    (state, task) =>
      void state.dispatch.settle(task, attempt(task, failed), { kind: 'discard', ...failed }, 3_000),
  ],
];

for (const [how, breakOff] of breaks)
  test(`an attempt that was ${how} is doubted for an hour, by later tasks of the tag too`, async (t) => {
    const { state: first, reopen } = await temporaryState(t);
    enter(first, wanted());
    enter(first, wanted({ sourceTag: 'v2' }));
    const state = breakOff(first, claim(first), reopen) ?? first;
    enter(state, wanted());
    while (state.tasks.counts().available > 0) finish(state, 4_000);
    assert.equal(trusted(state), false);
    assert.equal(state.records.find(wanted({ sourceTag: 'v2' }))?.trusted, true, 'no other tag is doubted');
    enter(state, wanted());
    const task = claim(state);
    const did = attempt(task, { outcome: 'unchanged', digest: digestOf(1), finishedAt: 3_001 + hour });
    state.dispatch.settle(task, did, { kind: 'complete', outcome: 'unchanged', again: false }, 3_001 + hour);
    assert.equal(trusted(state), true);
  });

test('a record keeps the source tag of the copy, and the generation of the newest push', async (t) => {
  const { state } = await temporaryState(t);
  const meeting = (sourceTag: string) => wanted({ sourceTag, destinationTag: 'newest' });
  enter(state, meeting('v1'));
  const task = claim(state);
  enter(state, meeting('v2'), { wantedAt: 2_000 });
  const done = { kind: 'complete', outcome: 'copied', again: false } as const;
  state.dispatch.settle(task, attempt(task, { outcome: 'copied', digest: digestOf(1) }), done, 3_000);
  assert.equal(state.records.find(meeting(''))?.sourceTag, 'v1');
  finish(state);
  assert.equal(state.records.find(meeting(''))?.sourceTag, 'v2');
  while (state.prune.prune(9_000, 10) > 0);
  assert.equal(
    enter(state, meeting('v1')).task.generation,
    3,
    'above the two that were, though both are gone',
  );
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

test('a tag that is about to be written is distrusted alone, until it is seen again', async (t) => {
  const { state } = await temporaryState(t);
  for (const tag of ['v1', 'v2'])
    state.records.confirm([{ copy: wanted({ sourceTag: tag }), digest: digestOf(1), at: 1_000 }]);
  const tag = { destination: 'acr', destinationRepository: 'library/app', destinationTag: 'v2' };
  state.records.distrustTag(tag);
  state.records.distrustTag({ ...tag, destinationTag: 'nosuch' });
  assert.equal(state.records.find(tag)?.trusted, false);
  assert.equal(state.records.find({ ...tag, destinationTag: 'v1' })?.trusted, true);
  state.records.confirm([{ copy: wanted({ sourceTag: 'v2' }), digest: digestOf(2), at: 2_000 }]);
  assert.deepEqual([state.records.find(tag)?.digest, state.records.find(tag)?.trusted], [digestOf(2), true]);
});

test('a task says why no webhook told of it', async (t) => {
  const { state } = await temporaryState(t);
  assert.equal(enter(state, wanted(), { door: 'sweep', cause: 'proxy-cache' }).task.cause, 'proxy-cache');
  assert.equal(enter(state, wanted({ sourceTag: 'v2' })).task.cause, undefined);
});
