import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Connection, openDatabase } from '../../src/state/database.ts';
import { SqliteDispatchStore } from '../../src/state/dispatch-store.ts';
import type { State } from '../../src/state/state.ts';
import { type Busy, laneOf } from '../../src/task/store.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { claim, enter, nobody, postpone, taskOf, temporaryState, wanted } from './open.ts';

function claimAll(state: State, busy = nobody): string[] {
  const claimed: string[] = [];
  for (let task; (task = state.dispatch.claim(2_000, busy));)
    claimed.push(`${task.sourceRepository}:${task.sourceTag}`);
  return claimed;
}

test('the most urgent door first, lanes in turn, within a lane the oldest', async (t) => {
  const { state } = await temporaryState(t);
  const put = (door: 'webhook' | 'admin' | 'sweep', ...names: string[]) => {
    for (const name of names) {
      const [sourceRepository, sourceTag] = name.split(':');
      enter(state, wanted({ sourceRepository: sourceRepository ?? '', sourceTag: sourceTag ?? '' }), {
        door,
      });
    }
  };
  put('sweep', 'a:9', 'b:9');
  put('admin', 'b:5');
  put('webhook', 'b:1', 'a:1', 'a:2', 'a:3', 'c:1', 'b:2');
  const order = ['a:1', 'b:1', 'c:1', 'a:2', 'b:2', 'a:3', 'b:5', 'a:9', 'b:9'];
  assert.deepEqual(claimAll(state), order);
  assert.equal(state.tasks.counts().running, 9);
});

test('a claimed task is running, begun now, with one attempt more', async (t) => {
  const { state } = await temporaryState(t);
  const { task } = enter(state, wanted());
  const claimed = claim(state, 2_500);
  assert.deepEqual(claimed, { ...task, state: 'running', attempts: 1, startedAt: 2_500 });
  assert.deepEqual(taskOf(state, task.id), claimed);
});

test('busy repositories are passed over, even behind the last one served', async (t) => {
  const { state } = await temporaryState(t);
  for (const sourceRepository of ['a', 'b', 'c', 'd'])
    for (const sourceTag of ['1', '2']) enter(state, wanted({ sourceRepository, sourceTag }));
  const busy = (...names: string[]) => ({ repositories: new Set(names.map((name) => `harbor/${name}`)) });
  assert.equal(laneOf(claim(state)), 'acr harbor/a');
  assert.equal(laneOf(claim(state, 2_000, busy('b', 'c'))), 'acr harbor/d');
  assert.deepEqual(claimAll(state, busy('a', 'b', 'd')), ['c:1', 'c:2']);
  assert.equal(state.dispatch.claim(2_000, busy('a', 'b', 'c', 'd')), undefined);
  assert.deepEqual(claimAll(state), ['d:2', 'a:2', 'b:1', 'b:2']);
});

test('a busy destination is passed over with all its lanes, and no other one is', async (t) => {
  const { state } = await temporaryState(t);
  const destinations = ['acr', 'acr-2', 'acr.x', 'acr2', 'Acr', 'z'];
  for (const destination of destinations)
    for (const sourceRepository of ['a', 'zz']) enter(state, wanted({ destination, sourceRepository }));
  const names = (busy: Busy) => {
    const names: string[] = [];
    for (let task; (task = state.dispatch.claim(2_000, busy));) names.push(task.destination);
    return names;
  };
  assert.deepEqual(names({ destinations: new Set(destinations) }), []);
  const free = ['Acr', 'acr-2', 'acr.x', 'acr2', 'z'];
  assert.deepEqual(
    names({ destinations: new Set(['acr']) }),
    free.flatMap((name) => [name, name]),
  );
  assert.deepEqual(names({ doors: new Set(['webhook']) }), []);
  assert.deepEqual(names({ doors: new Set(['sweep']) }), ['acr', 'acr']);
});

test('a repository with a thousand waiting tasks does not starve one with a single task', async (t) => {
  const { state } = await temporaryState(t);
  for (let tag = 0; tag < 1_000; tag++)
    enter(state, wanted({ sourceRepository: 'flood', sourceTag: `${tag}` }));
  enter(state, wanted({ sourceRepository: 'single' }));
  const turns = [claim(state), claim(state)].map(({ sourceRepository }) => sourceRepository);
  assert.deepEqual(turns, ['flood', 'single']);
});

test('promote: what is due later than anything can be, after the clock was set back', async (t) => {
  const { state } = await temporaryState(t);
  for (const [sourceTag, at] of [
    ['soon', 70_000],
    ['late', 70_001],
  ] as const) {
    enter(state, wanted({ sourceTag }));
    postpone(state, at);
  }
  assert.equal(state.dispatch.promote(10_000, 10, 60_000), 1);
  assert.equal(claim(state).sourceTag, 'late');
});

test('promote: due tasks in the order of their time, at most so many', async (t) => {
  const { state } = await temporaryState(t);
  for (const [sourceTag, at] of [
    ['late', 9_000],
    ['first', 5_000],
    ['second', 6_000],
  ] as const) {
    enter(state, wanted({ sourceTag }));
    postpone(state, at);
  }
  assert.equal(state.dispatch.nextRun(), 5_000);
  assert.equal(state.dispatch.promote(4_999, 10, 60_000), 0);
  assert.equal(state.dispatch.promote(7_000, 1, 60_000), 1);
  assert.equal(state.dispatch.nextRun(), 6_000);
  assert.equal(state.dispatch.promote(7_000, 10, 60_000), 1);
  assert.deepEqual(claimAll(state).sort(), ['library/app:first', 'library/app:second']);
  assert.equal(state.dispatch.nextRun(), 9_000);
});

test('claiming takes no longer with 100,000 waiting tasks than with 1,000', async (t) => {
  const folder = await temporaryFolder(t);
  const few = openDatabase(join(folder, 'few.db'));
  const many = openDatabase(join(folder, 'many.db'));
  t.after(() => void [few, many].map((connection) => connection.close()));
  fill(few, 1_000);
  fill(many, 100_000);
  const ratio = medianClaim(many) / medianClaim(few);
  // A scan would take a hundred times as long; the rest is noise of the disk and of other processes.
  assert.ok(ratio < 10, `expected about 1, got ${ratio}`);
});

function fill(connection: Connection, rows: number): void {
  connection.exec(`
    WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < ${rows})
    INSERT INTO task (state, door, force, rule, source, source_repository, source_tag, destination,
      destination_repository, destination_tag, created_at, wanted_at, run_at)
    SELECT 'available', 'webhook', 0, 'r', 'harbor', 'library/app-' || (n % 100), n, 'acr',
      'library/app-' || (n % 100), n, 1, 1, 1 FROM n`);
}

/** Without waiting for the disk, which would drown a scan. */
function medianClaim(connection: Connection): number {
  connection.pragma('synchronous = OFF');
  const store = new SqliteDispatchStore(connection);
  const times = Array.from({ length: 201 }, () => {
    const begin = process.hrtime.bigint();
    assert.ok(store.claim(2_000, nobody));
    return Number(process.hrtime.bigint() - begin);
  });
  return times.sort((a, b) => a - b)[100] ?? 0;
}
