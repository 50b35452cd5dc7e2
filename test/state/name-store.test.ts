import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mapping } from '../../src/rule/mapping.ts';
import { openDatabase } from '../../src/state/database.ts';
import { digestOf, enter, entry, taskOf, temporaryState, wanted } from './open.ts';

function mapping(sourceRepository: string, destinationRepository: string, source = 'harbor'): Mapping {
  return { rule: 'library', source, sourceRepository, destination: 'acr', destinationRepository };
}

const dashed = mapping('team/b-c', 'team/b-c');
const deep = mapping('team/b/c', 'team/b-c');
const wish = ({ sourceRepository, destinationRepository }: Mapping, tag = 'v1') =>
  wanted({ sourceRepository, destinationRepository, sourceTag: tag, destinationTag: tag });

test('the names of a source are remembered until they are gone; those of another stay', async (t) => {
  const { state, reopen } = await temporaryState(t);
  state.names.remember([mapping('x/y', 'x/y', 'other')]);
  state.names.remember([dashed, deep, mapping('team/b/c', 'more/b-c')]);
  assert.deepEqual(state.names.names('harbor').toSorted(), ['team/b-c', 'team/b/c']);
  state.names.forget('harbor', ['team/b/c', 'x/y']);
  const again = reopen();
  assert.deepEqual([again.names.names('harbor'), again.names.names('other')], [['team/b-c'], ['x/y']]);
});

test('of two that are known to meet where nobody is, the first push has it no more than the other: both are named', async (t) => {
  const { state } = await temporaryState(t);
  state.names.remember([dashed, deep]);
  for (const one of [deep, dashed]) {
    const { task } = enter(state, wish(one));
    assert.deepEqual([task.state, task.reason], ['discarded', 'name-collision']);
    const both = ['team/b-c', 'team/b/c'].map((name) => `harbor/${name} (rule library)`);
    for (const name of both) assert.ok(task.message?.includes(name), task.message ?? '');
    assert.match(task.message ?? '', /would both become acr\/team\/b-c, and nothing tells whose it is/);
  }
  assert.equal(state.names.owner('acr', 'team/b-c'), undefined);
});

test('a new repository that meets a known one is refused, and known from then on', async (t) => {
  const { state } = await temporaryState(t);
  state.names.remember([dashed]);
  assert.equal(enter(state, wish(deep)).task.reason, 'name-collision');
  assert.equal(enter(state, wish(dashed)).task.reason, 'name-collision');
  // Until it is gone at the source.
  state.names.forget('harbor', ['team/b/c']);
  assert.equal(enter(state, wish(dashed)).task.state, 'available');
  assert.match(enter(state, wish(deep)).task.message ?? '', /is where harbor\/team\/b-c goes/);
});

test('one whose place it is goes on, whoever else is known to want to go there', async (t) => {
  const { state } = await temporaryState(t);
  assert.equal(enter(state, wish(dashed)).task.state, 'available');
  state.names.remember([dashed, deep]);
  assert.equal(enter(state, wish(dashed, 'v2')).task.state, 'available');
  assert.match(enter(state, wish(deep)).task.message ?? '', /is where harbor\/team\/b-c goes/);
});

test('a mapping of which no rule speaks any more stands in nobody’s way', async (t) => {
  const { state } = await temporaryState(t);
  state.names.remember([dashed, deep]);
  const [entered] = state.enqueue.enter([entry([wish(deep)])], 1_000, () => false);
  assert.equal(taskOf(state, entered?.tasks[0]).state, 'available');
});

test('what a sweep has found to be right belongs to its source repository', async (t) => {
  const { state } = await temporaryState(t);
  state.names.remember([dashed, deep]);
  const { rule, ...copy } = wish(dashed);
  state.records.confirm([{ copy, digest: digestOf(1), at: 1_000 }]);
  assert.deepEqual(
    state.names.owner('acr', 'team/b-c'),
    { source: 'harbor', sourceRepository: 'team/b-c' },
    rule,
  );
  // It does not take it away from an owner.
  state.records.confirm([
    { copy: { ...copy, sourceRepository: 'team/b/c' }, digest: digestOf(1), at: 2_000 },
  ]);
  assert.equal(state.names.owner('acr', 'team/b-c')?.sourceRepository, 'team/b-c');
});

test('where a repository was put before is forgotten when it is put elsewhere', async (t) => {
  const { state, file } = await temporaryState(t);
  state.names.remember([dashed, mapping('team/b/c', 'old/one'), mapping('team/b/c', 'old/two')]);
  state.names.remember([mapping('team/b/c', 'old/two'), mapping('team/b/c', 'new/three')]);
  state.close();
  const database = openDatabase(file);
  t.after(() => void database.close());
  const rows = database.prepare('SELECT destination_repository AS place FROM mapping ORDER BY place').all();
  assert.deepEqual(
    rows,
    ['new/three', 'old/two', 'team/b-c'].map((place) => ({ place })),
  );
});

test('where thousands would meet, some are counted', async (t) => {
  const { state } = await temporaryState(t);
  state.names.remember(Array.from({ length: 5_000 }, (_, index) => mapping(`many/r${index}`, 'team/b-c')));
  const { task } = enter(state, wish(dashed));
  assert.equal(task.reason, 'name-collision');
  assert.match(task.message ?? '', / and at least 97 more would all become acr\/team\/b-c/);
});
