import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import Sqlite from 'better-sqlite3';
import { inMemory, openDatabase } from '../../src/state/database.ts';
import { DatabaseError } from '../../src/state/error.ts';
import { openState } from '../../src/state/state.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { claim, enter, temporaryState, wanted } from './open.ts';

test('the folder is made, and what was stored is there after opening again', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const { task } = enter(state, wanted());
  assert.deepEqual(reopen().tasks.get(task.id), { task, attempts: [] });
});

test('a state in memory takes what one in a file takes, and leaves no file', async (t) => {
  const before = readdirSync('.');
  const state = openState(inMemory);
  t.after(() => state.close());
  const { task } = enter(state, wanted());
  assert.deepEqual(state.tasks.get(task.id), { task, attempts: [] });
  state.writable();
  assert.deepEqual(readdirSync('.'), before);
});

test('commits are durable and keys between tables are checked', async (t) => {
  const connection = openDatabase(join(await temporaryFolder(t), 'a.db'));
  t.after(() => connection.close());
  const setting = (name: string) => connection.pragma(name, { simple: true });
  assert.equal(setting('journal_mode'), 'wal');
  assert.equal(setting('synchronous'), 2, 'FULL');
  assert.equal(setting('locking_mode'), 'exclusive');
  assert.equal(setting('foreign_keys'), 1);
  assert.deepEqual(connection.pragma('integrity_check'), [{ integrity_check: 'ok' }]);
});

test('a database that a newer program has migrated is refused, and is not touched', async (t) => {
  const file = join(await temporaryFolder(t), 'new.db');
  openState(file).close();
  const newer = new Sqlite(file);
  const known = Number(newer.pragma('user_version', { simple: true }));
  newer.pragma(`user_version = ${known + 2}`);
  newer.close();
  const before = readFileSync(file);
  assert.throws(() => openState(file), {
    name: 'DatabaseError',
    file,
    message:
      `database ${file}: has version ${known + 2}, this program knows versions up to ${known}; ` +
      'run the newer program, or restore an older backup',
  });
  assert.deepEqual(readFileSync(file), before);
});

test('a database of another program is refused, and is not touched', async (t) => {
  const file = join(await temporaryFolder(t), 'other.db');
  const other = new Sqlite(file);
  other.exec('CREATE TABLE task (id)');
  other.close();
  const before = readFileSync(file);
  assert.throws(() => openState(file), { name: 'DatabaseError', message: /not one of Tagferry; give/ });
  assert.deepEqual(readFileSync(file), before);

  const numbered = new Sqlite(file);
  numbered.pragma('user_version = 1');
  numbered.close();
  assert.throws(() => openState(file), { name: 'DatabaseError', message: /not one of Tagferry; give/ });
});

test('a file that is not a database is refused, and is not touched', async (t) => {
  const file = join(await temporaryFolder(t), 'notes.txt');
  const text = 'not a database\n'.repeat(100);
  writeFileSync(file, text);
  assert.throws(() => openState(file), { name: 'DatabaseError', message: /notes\.txt: is not a database; / });
  assert.equal(readFileSync(file, 'utf8'), text);
});

test('a path that cannot be written is refused', async (t) => {
  const folder = await temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'folder'));
  const paths = [
    [join(folder, 'file', 'a.db'), /cannot be opened for writing; see to/],
    [join(folder, 'folder'), /is a folder; name a file in it/],
  ] as const;
  for (const [file, words] of paths)
    assert.throws(
      () => openState(file),
      (error) => error instanceof DatabaseError && words.test(error.message),
      file,
    );
});

test('a second process is refused while the first one lives, and only so long', async (t) => {
  const { file, state } = await temporaryState(t);
  state.close();
  const script = `
    import { openState } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/state/state.ts')))};
    openState(${JSON.stringify(file)});
    console.log('open');
    setInterval(() => {}, 1000);`;
  const first = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(first, 'exit');
  t.after(() => first.kill('SIGKILL'));
  await once(first.stdout, 'data');
  assert.throws(() => openState(file), {
    name: 'DatabaseError',
    message: /is in use by another process; stop it, or give this one its own file/,
  });
  first.kill('SIGKILL');
  await gone;
  openState(file).close();
});

test('a name that means memory to SQLite is a file here', async (t) => {
  const folder = await temporaryFolder(t);
  const script = `
    import { openState } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/state/state.ts')))};
    openState(':memory:').close();`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
  assert.equal(ended.status, 0, ended.stderr.toString());
  assert.deepEqual(readdirSync(folder), [':memory:']);
});

for (const [what, remove] of [
  ['deleted', (file: string) => rmSync(file)],
  ['replaced', (file: string) => (renameSync(file, `${file}.old`), writeFileSync(file, ''))],
] as const) {
  test(`a database ${what} while in use takes nothing more, until it is back`, async (t) => {
    const { state, file } = await temporaryState(t);
    enter(state, wanted());
    linkSync(file, `${file}.same`);
    remove(file);
    const refused = { name: 'StorageError', message: /tagferry\.db was deleted or replaced while in use/ };
    assert.throws(() => enter(state, wanted({ sourceTag: 'lost' })), refused);
    assert.throws(() => claim(state), refused);
    assert.throws(() => state.dispatch.promote(9_000, 1, 60_000), refused);
    assert.throws(() => state.sweeps.begin({ dryRun: false, trigger: 'admin' }, 2_000), refused);
    assert.throws(() => state.writable(), refused);
    assert.equal(state.tasks.counts().available, 1);
    renameSync(`${file}.same`, file);
    state.writable();
    assert.equal(enter(state, wanted({ sourceTag: 'kept' })).created, 1);
  });
}
