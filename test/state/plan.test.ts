import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { nextInTurn } from '../../src/state/claim.ts';
import { type Connection, openDatabase } from '../../src/state/database.ts';
import { SqliteDispatchStore } from '../../src/state/dispatch-store.ts';
import { SqliteEnqueueStore } from '../../src/state/enqueue-store.ts';
import { SqlitePositionStore } from '../../src/state/position-store.ts';
import { SqlitePruneStore } from '../../src/state/prune-store.ts';
import { SqliteRecordStore } from '../../src/state/record-store.ts';
import { SqliteSweepStore } from '../../src/state/sweep-store.ts';
import { SqliteTaskStore } from '../../src/state/task-store.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

async function open(t: Ending): Promise<Connection> {
  const connection = openDatabase(join(await temporaryFolder(t), 'a.db'));
  t.after(() => void connection.close());
  return connection;
}

/** How SQLite would run the statement, one step a line. */
function planOf(connection: Connection, sql: string): string[] {
  const named = Object.fromEntries((sql.match(/@\w+/g) ?? []).map((name) => [name.slice(1), 0]));
  const positional = (sql.match(/\?/g) ?? []).map(() => 0);
  const parameters = positional.length > 0 ? positional : [named];
  const explain = connection.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
  return explain.all(...parameters).map(({ detail }) => detail);
}

/** Every statement that the stores prepare. */
function statementsOf(connection: Connection): string[] {
  const statements: string[] = [];
  const spy = new Proxy(connection, {
    get(target, property) {
      if (property !== 'prepare') return Reflect.get(target, property, target);
      return (sql: string) => (statements.push(sql), target.prepare(sql));
    },
  });
  const stores = [
    SqliteDispatchStore,
    SqliteEnqueueStore,
    SqliteTaskStore,
    SqliteSweepStore,
    SqlitePositionStore,
    SqlitePruneStore,
    SqliteRecordStore,
  ];
  for (const Store of stores) new Store(spy);
  return statements;
}

test('claiming is one seek into its index', async (t) => {
  const plan = planOf(await open(t), nextInTurn);
  assert.deepEqual(plan, ['SEARCH task USING INDEX task_available (urgency=? AND lane>?)']);
});

/**
 * Not so: repositories are listed whole, sweeps are few, and so are big blobs that were cut; of `task_due` only the
 * first entry is read.
 */
const scan =
  /^SCAN (?!CONSTANT ROW|repository|task_count|json_each|sweep|upload|task USING COVERING INDEX task_due)/;

test('no statement of the stores scans a table that grows with the events', async (t) => {
  const connection = await open(t);
  const statements = statementsOf(connection);
  assert.ok(statements.length > 35);
  for (const sql of statements) {
    const grows = planOf(connection, sql).filter((step) => scan.test(step));
    assert.deepEqual(grows, [], sql);
  }
});

test('nothing is sorted, but the few sweeps', async (t) => {
  const connection = await open(t);
  const [sweeps, ...others] = statementsOf(connection).filter((sql) =>
    planOf(connection, sql).some((step) => step.includes('TEMP B-TREE')),
  );
  assert.match(sweeps ?? '', /DELETE FROM sweep/);
  assert.deepEqual(others, []);
});

test('what is wanted finds its task, and a page its filter, by the index made for it', async (t) => {
  const connection = await open(t);
  const plans = statementsOf(connection).flatMap((sql) => planOf(connection, sql));
  for (const step of [
    /USING INDEX task_destination \(destination=\? AND destination_repository=\? AND destination_tag=\? AND unfinished=\?\)/,
    /USING INDEX task_source \(source_repository=\? AND rowid<\?\)/,
    /USING INDEX task_source_tag \(source_tag=\? AND rowid<\?\)/,
    /USING INDEX task_state \(state=\? AND rowid<\?\)/,
    /SEARCH task USING COVERING INDEX task_held_back \(source_repository=\? AND state=\?\)/,
    /USING COVERING INDEX task_finished \(finished_at<\?\)/,
  ])
    assert.ok(
      plans.some((line) => step.test(line)),
      String(step),
    );
});
