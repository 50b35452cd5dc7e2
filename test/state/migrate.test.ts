import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openDatabase } from '../../src/state/database.ts';
import { temporaryFolder } from '../support/temporary.ts';

const first = 'PRAGMA application_id = 0x54464552; CREATE TABLE a (x);';

async function workshop(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = await temporaryFolder(t);
  const migrations = pathToFileURL(join(folder, 'migrations/'));
  mkdirSync(migrations);
  const put = (name: string, sql: string) => writeFileSync(new URL(name, migrations), sql);
  const open = () => openDatabase(join(folder, 'a.db'), { migrations });
  return { put, open };
}

test('migrations run in the order of their numbers, each once', async (t) => {
  const { put, open } = await workshop(t);
  put('0002_b.sql', 'INSERT INTO a VALUES (2);');
  put('0001_a.sql', first);
  put('notes.md', 'not a migration');
  open().close();
  put('0003_c.sql', 'INSERT INTO a VALUES (3);');
  open().close();
  const connection = open();
  t.after(() => connection.close());
  assert.equal(connection.pragma('user_version', { simple: true }), 3);
  assert.deepEqual(connection.prepare('SELECT x FROM a').pluck().all(), [2, 3]);
});

test('a migration that fails leaves nothing behind; corrected, it runs', async (t) => {
  const { put, open } = await workshop(t);
  put('0001_a.sql', first);
  put('0002_b.sql', 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);');
  assert.throws(open, {
    name: 'DatabaseError',
    message: /migration 0002_b\.sql failed and was rolled back: .*no such table: nowhere/,
  });
  put('0002_b.sql', 'CREATE TABLE b (x);');
  const connection = open();
  t.after(() => connection.close());
  assert.equal(connection.pragma('user_version', { simple: true }), 2);
});
