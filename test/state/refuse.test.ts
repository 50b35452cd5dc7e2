import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Refused } from '../../src/rule/rule.ts';
import type { Owner } from '../../src/task/store.ts';
import { enter, entry, taskOf, temporaryState, wanted } from './open.ts';

const invalid: Refused = { ...wanted(), reason: 'name-invalid', message: 'acr takes two parts, got 3' };
const library = wanted({ sourceRepository: 'library/app', destinationRepository: 'mirror/app' });
const team = wanted({ sourceRepository: 'team/app', destinationRepository: 'mirror/app', rule: 'team' });

test('a refused name makes a discarded task that says why, and says it once', async (t) => {
  const { state } = await temporaryState(t);
  const { task, created } = enter(state, invalid);
  assert.equal(created, 0, 'no copy');
  assert.partialDeepStrictEqual(task, {
    state: 'discarded',
    reason: 'name-invalid',
    message: 'acr takes two parts, got 3',
    finishedAt: 1_000,
  });
  const again = enter(state, { ...invalid, message: 'still three' }, { door: 'sweep' }, 2_000);
  assert.deepEqual(again, { task: { ...task, message: 'still three', finishedAt: 2_000 }, created: 0 });
  assert.equal(state.dispatch.claim(3_000, {}), undefined);
});

test('two source repositories that meet in one destination repository: the second is refused, both are named', async (t) => {
  const { state } = await temporaryState(t);
  const asked: Owner[] = [];
  const [first, second, third] = state.enqueue.enter(
    [entry([library]), entry([team]), entry([{ ...library, sourceTag: 'v2', destinationTag: 'v2' }])],
    1_000,
    (owner) => asked.push(owner) > 0,
  );
  assert.equal(taskOf(state, first?.tasks[0]).state, 'available');
  assert.equal(taskOf(state, third?.tasks[0]).state, 'available');
  assert.partialDeepStrictEqual(taskOf(state, second?.tasks[0]), {
    state: 'discarded',
    reason: 'name-collision',
    message:
      'acr/mirror/app is where harbor/library/app goes; harbor/team/app would meet it there by rule team: ' +
      'give one of them another name',
  });
  assert.deepEqual(asked, [{ source: 'harbor', sourceRepository: 'library/app' }]);
});

test('what is refused at entry is no change that was missed', async (t) => {
  const { state } = await temporaryState(t);
  const made = [library, team, invalid].map((one) => entry([one], { door: 'sweep', cause: 'unknown' }));
  const entered = state.enqueue.enter([...made, ...made], 1_000, () => true);
  const counts = entered.map(({ created, refused }) => [created, refused]);
  assert.deepEqual(counts, [
    [1, 0],
    [0, 1],
    [0, 1],
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
});

test('the same repository name at two source registries collides too', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, library);
  assert.equal(enter(state, { ...library, source: 'other' }).task.reason, 'name-collision');
});

test('an owner for which no rule speaks any more makes room, for good', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const { task } = enter(state, library);
  const [taken] = state.enqueue.enter([entry([team])], 2_000, () => false);
  assert.deepEqual(taken, { tasks: [task.id], created: 0, refused: 0 });
  assert.partialDeepStrictEqual(taskOf(state, task.id), { sourceRepository: 'team/app', generation: 2 });
  assert.equal(enter(reopen(), library).task.reason, 'name-collision');
});

test('the owner is remembered when its tasks are gone', async (t) => {
  const { state } = await temporaryState(t);
  const { task } = enter(state, library);
  state.tasks.cancel(task.id, 1_500);
  assert.equal(state.prune.prune(9_000, 10), 1);
  assert.equal(enter(state, team).task.reason, 'name-collision');
});
