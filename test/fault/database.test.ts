import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { Refused } from '../../src/rule/rule.ts';
import { openState, type State } from '../../src/state/state.ts';
import { StorageError } from '../../src/task/store.ts';
import { entry, wanted } from '../state/open.ts';
import { embedded } from './end.ts';
import { type Stand, assertEqual, open, startStand } from './stand.ts';

/*
 * The database fails, in use or at a start; test/integration/database.test.ts has the same of the whole process: a
 * full disk, a deleted file, a second process.
 */

interface InUse {
  name: string;
  says: RegExp;
  /** Gives what mends it. */
  break(stand: Stand): () => void;
}

const inUse: readonly InUse[] = [
  {
    name: 'disk full',
    says: /^database .*tagferry\.db did not take it: .* \(SQLITE_FULL\); it is tried again when there is room$/,
    break({ state }) {
      fill(state);
      return () => void state.prune.prune(Date.now() * 2, 10_000);
    },
  },
  {
    name: 'file replaced by garbage',
    says: /^database .*tagferry\.db was deleted or replaced while in use/,
    break({ file }) {
      renameSync(file, `${file}.kept`);
      writeFileSync(file, garbage);
      return () => renameSync(`${file}.kept`, file);
    },
  },
];

for (const { name, says, ...row } of inUse)
  test(`in use: ${name}: the door says so, and with the fault gone the tag arrives`, async (t) => {
    const stand = await startStand(t, embedded);
    const mend = row.break(stand);
    await assert.rejects(stand.announce(), (error) => {
      assert.ok(error instanceof StorageError, String(error));
      assert.match(error.message, says);
      return true;
    });
    mend();
    const task = await stand.announce();
    assert.deepEqual([task.state, task.outcome], ['completed', 'copied'], task.message);
    await assertEqual(stand);
  });

const garbage = 'not a database\n'.repeat(1_000);

interface AtStart {
  name: string;
  says: RegExp;
  /** Gives what mends it, as the message says. */
  break(file: string): () => void;
}

const atStart: readonly AtStart[] = [
  {
    name: 'database locked',
    says: /tagferry\.db: is in use by another process; stop it, or give this one its own file/,
    break(file) {
      const other = new Sqlite(file);
      other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
      return () => other.close();
    },
  },
  {
    name: 'file replaced by garbage',
    says: /tagferry\.db: is not a database; move it away, or name another file/,
    break(file) {
      writeFileSync(file, garbage);
      return () => rmSync(file);
    },
  },
  {
    name: 'pages overwritten by garbage',
    says: /tagferry\.db: is damaged; move it away, or restore a backup/,
    break(file) {
      const kept = readFileSync(file);
      const opened = openSync(file, 'r+');
      // Behind the header, which says that it is a database of ours.
      writeSync(opened, Buffer.alloc(4_096 * 8 - 100, '!'), 0, 4_096 * 8 - 100, 100);
      closeSync(opened);
      return () => writeFileSync(file, kept);
    },
  },
];

for (const { name, says, ...row } of atStart)
  test(`at a start: ${name}: refused, left as it is, and with the fault gone the tag arrives`, async (t) => {
    const stand = await startStand(t, embedded);
    await stand.close();
    stand.state.close();
    const mend = row.break(stand.file);
    const before = readFileSync(stand.file);
    assert.throws(() => openState(stand.file), { name: 'DatabaseError', message: says });
    assert.deepEqual(readFileSync(stand.file), before);
    mend();
    const state = openState(stand.file);
    const corridor = open({ ...stand, state });
    try {
      const task = await corridor.announce();
      assert.deepEqual([task.state, task.outcome], ['completed', 'copied'], task.message);
    } finally {
      await corridor.close();
      state.close();
    }
    await assertEqual(stand);
  });

/** Tasks that were discarded long ago, until not one more fits. */
function fill(state: State): void {
  for (const [count, length] of [
    [20, 500],
    [1, 500],
    [1, 1],
  ] as const)
    fillBy(state, count, length);
}

function fillBy(state: State, count: number, length: number): void {
  const batch = (round: number) =>
    Array.from({ length: count }, (_, index): Refused => {
      const sourceTag = `old-${count}-${length}-${round}-${index}`;
      return { ...wanted({ sourceTag }), reason: 'name-invalid', message: 'x'.repeat(length) };
    });
  for (let round = 0; ; round++) {
    try {
      state.enqueue.enter([entry(batch(round))], 1_000, () => true);
    } catch (error) {
      if (error instanceof StorageError) return;
      throw error;
    }
  }
}
