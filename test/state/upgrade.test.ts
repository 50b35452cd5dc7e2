import assert from 'node:assert/strict';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openDatabase } from '../../src/state/database.ts';
import { openState } from '../../src/state/state.ts';
import { temporaryFolder } from '../support/temporary.ts';

const shipped = new URL('../../migrations/', import.meta.url);

test('what sweeps of an older version have found to be right has its owner; what two had, and what has one, stays as it is', async (t) => {
  const folder = await temporaryFolder(t);
  const migrations = pathToFileURL(join(folder, 'migrations/'));
  for (const name of readdirSync(shipped).filter((one) => one < '0008'))
    cpSync(new URL(name, shipped), new URL(name, migrations));
  const file = join(folder, 'old.db');
  const old = openDatabase(file, { migrations });
  const record = old.prepare(
    `INSERT INTO record VALUES ('acr', ?, ?, 'harbor', ?, 'v1', 'sha256:0', 0, 1, 1, 1)`,
  );
  for (const [repository, tag, from] of [
    ['mirror/one', 'v1', 'team/one'],
    ['mirror/one', 'v2', 'team/one'],
    ['mirror/two', 'v1', 'team/two'],
    ['mirror/two', 'v2', 'other/two'],
    ['mirror/had', 'v1', 'team/had'],
  ])
    record.run(repository, tag, from);
  old.exec(`INSERT INTO owner VALUES ('acr', 'mirror/had', 'harbor', 'first/had')`);
  old.close();

  const state = openState(file);
  t.after(() => state.close());
  const owners = ['one', 'two', 'had'].map((name) => state.names.owner('acr', `mirror/${name}`));
  assert.deepEqual(owners, [
    { source: 'harbor', sourceRepository: 'team/one' },
    undefined,
    { source: 'harbor', sourceRepository: 'first/had' },
  ]);
});
