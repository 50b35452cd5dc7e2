import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { readDatabase } from '../../src/state/reading.ts';
import { openState } from '../../src/state/state.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { damage } from './damage.ts';
import { claim, enter, temporaryState, wanted } from './open.ts';

/** What a mirror that was stopped has left: one task. */
async function left(t: Ending): Promise<string> {
  const file = join(await temporaryFolder(t), 'data', 'tagferry.db');
  const state = openState(file);
  enter(state, wanted());
  state.close();
  return file;
}

const filesOf = (file: string) =>
  readdirSync(dirname(file)).map((name) => [
    name,
    readFileSync(join(dirname(file), name)).toString('latin1'),
  ]);

const read = (file: string) => readDatabase(file, ({ tasks }) => tasks.newestFor(wanted()));

function setVersion(file: string, by: number): number {
  const connection = new Sqlite(file);
  const version = Number(connection.pragma('user_version', { simple: true }));
  connection.pragma(`user_version = ${version + by}`);
  connection.close();
  return version;
}

test('what a mirror has left is read, and no byte and no file is changed', async (t) => {
  const file = await left(t);
  const before = filesOf(file);
  readDatabase(file, ({ tasks, records, enqueue }) => {
    assert.equal(tasks.newestFor(wanted())?.state, 'available');
    assert.equal(records.find(wanted()), undefined);
    assert.deepEqual(enqueue.tagsOf('library/app', 'sha256:1'), []);
    assert.throws(() => tasks.cancel(1, 5_000), /readonly/);
  });
  assert.deepEqual(filesOf(file), before);
});

test('after a crash, what was running is shown as it was left, and so it is after that', async (t) => {
  const { state, file } = await temporaryState(t);
  enter(state, wanted());
  claim(state);
  const crashed = join(await temporaryFolder(t), 'tagferry.db');
  for (const end of ['', '-wal']) copyFileSync(file + end, crashed + end);
  for (let times = 0; times < 2; times++) {
    assert.equal(
      readDatabase(crashed, ({ tasks }) => tasks.newestFor(wanted())?.state),
      'running',
    );
  }
});

test('where a mirror has the database, it is left alone, and so is the mirror', async (t) => {
  const { state, file } = await temporaryState(t);
  assert.throws(() => read(file), {
    name: 'DatabaseError',
    message: /^database .*: is in use by another process, a mirror as a rule: .*locked/,
  });
  state.writable();
});

test('an older database is not migrated, a newer one not read: both are said, and not touched', async (t) => {
  const file = await left(t);
  const version = setVersion(file, -1);
  const rows: [by: number, message: RegExp][] = [
    [
      0,
      new RegExp(
        `has version ${version - 1}, this program reads version ${version} only; .tagferry serve. migrates it`,
      ),
    ],
    [
      2,
      new RegExp(
        `has version ${version + 1}, this program knows versions up to ${version}; run the newer program`,
      ),
    ],
  ];
  for (const [by, message] of rows) {
    setVersion(file, by);
    const before = filesOf(file);
    assert.throws(() => read(file), { name: 'DatabaseError', message });
    assert.deepEqual(filesOf(file), before);
  }
});

test('a file that is missing is not made, and one that is no database says so', async (t) => {
  const folder = await temporaryFolder(t);
  for (const missing of [join(folder, 'tagferry.db'), join(folder, 'data', 'tagferry.db')]) {
    assert.throws(() => read(missing), { name: 'DatabaseError' });
  }
  assert.deepEqual(readdirSync(folder), []);
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data', 'tagferry.db'), 'x'.repeat(5_000));
  assert.throws(() => read(join(folder, 'data', 'tagferry.db')), /is not a database/);
});

test('a folder is told as one', async (t) => {
  const folder = await temporaryFolder(t);
  assert.throws(() => read(folder), { name: 'DatabaseError', message: /: is a folder; name a file in it$/ });
});

test('damage that is met only when it is read is told as damage of this file', async (t) => {
  const file = await left(t);
  damage(file);
  assert.throws(() => read(file), {
    name: 'DatabaseError',
    message: /^database .*tagferry\.db: is damaged; move it away, or restore a backup: /,
  });
});
