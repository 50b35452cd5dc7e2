import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Client } from '../../src/cli/client.ts';
import { resyncCommand } from '../../src/cli/resync.ts';
import { run } from '../integration/process.ts';

test('the version is the package’s', async (t) => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { code, stdout } = await run(t, ['--version']);
  assert.deepEqual([code, stdout], [0, JSON.parse(text).version]);
});

test('help names every command and goes to standard output', async (t) => {
  for (const args of [['--help'], ['help']]) {
    const { code, stdout, stderr } = await run(t, args);
    assert.deepEqual([code, stderr], [0, '']);
    for (const command of ['serve', 'sync', 'plan', 'demo', 'explain', 'reload', 'resync', 'tasks'])
      assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'));
  }
  const { code, stdout } = await run(t, ['help', 'resync']);
  assert.equal(code, 0);
  assert.match(stdout, /--wait/);
});

const wrong: Record<string, string[]> = {
  'an unknown command': ['copy'],
  'an unknown option': ['serve', '--colour'],
  'a missing argument': ['resync'],
  'an option without its value': ['serve', '--config'],
  'an id that is none': ['tasks', 'show', 'seven'],
  'a digest where a tag belongs': ['resync', `library/app@sha256:${'0'.repeat(64)}`],
  'a repository where a tag is asked for': ['explain', 'library/app'],
  'a server that is no address': ['tasks', 'list', '--server', 'not an address'],
  'a token file that is not there': ['tasks', 'list', '--token-file', '/nowhere/token'],
};

for (const [what, args] of Object.entries(wrong))
  test(`wrong usage: ${what}`, async (t) => {
    const { code, stdout, stderr } = await run(t, args, { env: { TAGFERRY_ADMIN_TOKEN: 'a-token' } });
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.notEqual(stderr, '');
    assert.ok(!/^ +at /m.test(stderr), stderr);
  });

test('without a token the clients do not even ask', async (t) => {
  const { code, stderr } = await run(t, ['tasks', 'list'], { env: { TAGFERRY_ADMIN_TOKEN: '' } });
  assert.equal(code, 2);
  assert.match(stderr, /--token-file FILE or \$TAGFERRY_ADMIN_TOKEN/);
});

test('a configuration that is not there: exit 2, and which files were looked for', async (t) => {
  const { code, stderr } = await run(t, ['serve', '--config', '/nowhere/tagferry.yaml']);
  assert.equal(code, 2);
  assert.match(stderr, /\/nowhere\/tagferry\.yaml/);
});

test('nobody answers: exit 1, and the last line says where', async (t) => {
  const args = ['tasks', 'list', '--server', 'http://127.0.0.1:1'];
  const { code, stderr } = await run(t, args, { env: { TAGFERRY_ADMIN_TOKEN: 'a-token' } });
  assert.equal(code, 1);
  assert.match(stderr, /^tagferry: no mirror answers at http:\/\/127\.0\.0\.1:1: .*--server.*$/);
});

test('the demo: a pushed tag arrives, and it says what to try next', async (t) => {
  const { code, stdout, stderr } = await run(t, ['demo', '--once']);
  assert.deepEqual([code, stderr], [0, '']);
  const digests = [...stdout.matchAll(/(?:pushed|arrived) .*(sha256:[0-9a-f]{64})/g)].map(
    ([, digest]) => digest,
  );
  assert.equal(digests.length, 2);
  assert.equal(digests[0], digests[1]);
  assert.match(stdout, /webhook +202 /);
  assert.match(stdout, /What to try next/);
});

test('wrong usage keeps its cause', async () => {
  const missing = { server: 'http://127.0.0.1', tokenFile: '/nowhere/token' };
  assert.throws(
    () => new Client(missing),
    (error) => error instanceof Error && error.cause instanceof Error && 'code' in error.cause,
  );
  await assert.rejects(
    resyncCommand().parseAsync(['Library/app'], { from: 'user' }),
    (error) => error instanceof Error && error.cause instanceof SyntaxError,
  );
});
