import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { Ruleset } from '../../src/rule/match.ts';
import { openState } from '../../src/state/state.ts';
import { announce, serve, token } from '../integration/mirror.ts';
import { type Ended, run } from '../integration/process.ts';
import { damage } from '../state/damage.ts';
import { attempt } from '../state/open.ts';
import { certificate, selfSigned } from '../support/certificate.ts';
import { Faults, registryError } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { wholeFile } from '../support/whole-file.ts';

/** `explain` by a configuration: its mirror if it runs, else its database, and both ends in any case. */

const whole = wholeFile();
let harbor: EmbeddedRegistry;
let acr: EmbeddedRegistry;

before(async () => {
  [harbor, acr] = await Promise.all([EmbeddedRegistry.start(), EmbeddedRegistry.start()]);
  whole.after(() => harbor.close());
  whole.after(() => acr.close());
});

interface Given {
  listen?: string;
  tls?: { certFile: string; keyFile: string };
  tokens?: string[];
  database?: string;
  urls?: [string, string];
}

const rule = {
  name: 'library',
  source: 'harbor',
  repositories: ['library/**'],
  tags: ['v*', '!*-rc*'],
  destination: 'acr',
  destinationType: 'oci',
  repository: 'mirror/{base}',
  tag: '{tag}',
} as const;

async function configured(t: Ending, given: Given = {}) {
  const folder = await temporaryFolder(t);
  const {
    listen = `127.0.0.1:${await freePort()}`,
    tls,
    tokens = [token],
    urls = [harbor.url, acr.url],
  } = given;
  const { destinationType: _type, ...written } = rule;
  const database = given.database ?? join(folder, 'data', 'tagferry.db');
  const configuration = {
    registries: { harbor: { url: urls[0] }, acr: { url: urls[1] } },
    rules: [written],
    webhook: { secrets: ['Bearer of-the-webhook'] },
    admin: { tokens },
    server: { listen, ...(tls && { tls }) },
    sweep: { schedule: 'off', onStart: false },
    database,
  };
  const file = join(folder, 'tagferry.yaml');
  await writeFile(file, JSON.stringify(configuration));
  return { folder, file, database };
}

/** One that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  const port = await portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function portOf(server: Server): Promise<number> {
  if (!server.listening) await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const none = { TAGFERRY_ADMIN_TOKEN: '', TAGFERRY_SERVER: '' };

function explain(t: Ending, args: string[], env: Record<string, string> = none) {
  return run(t, ['explain', ...args], { env });
}

async function answer(t: Ending, args: string[], env?: Record<string, string>) {
  const ended: Ended & { stdout: string; stderr: string } = await explain(t, [...args, '--json'], env);
  assert.match(ended.stdout, /^\{/, ended.stderr);
  return { ...ended, told: JSON.parse(ended.stdout) };
}

test('without a mirror and a database: by both ends, and it leaves nothing behind', async (t) => {
  const digest = await push(harbor.url, 'library/alone', 'v1', ociImage('alone'));
  const { folder, file } = await configured(t);
  const { code, stderr, told } = await answer(t, ['library/alone:v1', '--config', file]);
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual([told.from, told.reason], ['registries', 'missing']);
  assert.partialDeepStrictEqual(told.destinations, [
    { rule: 'library', reason: 'missing', ends: { source: { digest }, destination: { problem: 'absent' } } },
  ]);
  assert.match(
    told.notes.join('\n'),
    /^there is no database at .*tagferry\.db yet; what has been copied, or has failed, is not known$/,
  );
  assert.deepEqual(readdirSync(folder), ['tagferry.yaml']);
});

test('for people: the tag, the rule, both ends, what to do, and on what it rests', async (t) => {
  const digest = await push(harbor.url, 'library/people', 'v1', ociImage('people'));
  const { file } = await configured(t, { urls: [harbor.url, 'http://127.0.0.1:1'] });
  const { code, stdout } = await explain(t, ['library/people:v1', '-c', file]);
  assert.equal(code, 0);
  const lines = [
    'The rules want library/people:v1 at 1 destination: a registry cannot be reached, or fails.',
    '- rule library takes repository library/people by "library/**" and tag v1 by "v*"',
    '',
    'acr/mirror/people:v1  (rule library)',
    '  unreachable',
    /^ {2}nothing is known of it, and asking for it fails: .*ECONNREFUSED/,
    /^ {2}hint: try `curl -i http:\/\/127\.0\.0\.1:1\/v2\/` on this machine/,
    `  source now: ${digest}`,
    /^ {2}destination now: unreachable: resolve v1 at the destination: /,
    '',
    'from both ends alone',
    /^note: there is no database at /,
  ];
  const told = stdout.split('\n');
  assert.equal(told.length, lines.length, stdout);
  for (const [index, line] of lines.entries()) {
    if (typeof line === 'string') assert.equal(told[index], line);
    else assert.match(told[index] ?? '', line);
  }
});

test('where no end can be asked either, nothing is learnt: exit 1', async (t) => {
  const { file } = await configured(t, { urls: ['http://127.0.0.1:1', 'http://127.0.0.1:1'] });
  const { code, stdout, stderr } = await explain(t, ['library/app:v1', '--config', file]);
  assert.equal(code, 1);
  assert.match(stdout, /\n {2}unreachable\n/);
  assert.match(stderr, /^tagferry: neither a mirror nor a database nor one of both ends could be asked/);
});

test('an end that is silent keeps nobody: the answer comes without it, and the process ends', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  t.after(() => void silent.close());
  t.after(() => silent.closeAllConnections());
  const { file } = await configured(t, { urls: [`http://127.0.0.1:${await portOf(silent)}`, acr.url] });
  const { code, told } = await answer(t, ['library/app:v1', '--config', file]);
  assert.equal(code, 0);
  assert.partialDeepStrictEqual(told.destinations, [
    { reason: 'not-seen', ends: { source: { problem: 'no-answer' }, destination: { problem: 'absent' } } },
  ]);
});

test('a tag that the rules leave out is explained by them alone', async (t) => {
  const { file } = await configured(t, { urls: ['http://127.0.0.1:1', 'http://127.0.0.1:1'] });
  const { code, stdout } = await explain(t, ['library/app:v1-rc1', '--config', file]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^library\/app:v1-rc1 is not copied: rule library leaves out tag v1-rc1 by "!\*-rc\*"; /,
  );
});

test('the database that a mirror has left is read: a task that failed, and one that a crash has interrupted', async (t) => {
  await push(harbor.url, 'library/left', 'v1', ociImage('left'));
  await push(harbor.url, 'library/left', 'v2', ociImage('left'));
  const { file, database } = await configured(t);
  const state = openState(database);
  const ruleset = new Ruleset([rule]);
  for (const tag of ['v1', 'v2']) {
    const wanted = ruleset.match('library/left', tag);
    state.enqueue.enter([{ door: 'webhook', force: false, wantedAt: 1_000, wanted }], 1_000, () => true);
  }
  const failed = state.dispatch.claim(2_000, {});
  assert.ok(failed);
  const failure = { reason: 'destination-immutable', message: 'it may not be moved' } as const;
  state.dispatch.settle(failed, attempt(failed, failure), { kind: 'discard', ...failure }, 3_000);
  assert.ok(state.dispatch.claim(4_000, {}));
  state.close();

  const { told } = await answer(t, ['library/left:v1', '--config', file]);
  assert.deepEqual([told.from, told.reason], ['database', 'destination-immutable']);
  assert.partialDeepStrictEqual(told.destinations, [
    { task: failed.id, since: new Date(3_000).toISOString() },
  ]);
  assert.match(told.destinations[0].hint, /^if v1 is meant to move: .*`tagferry tasks retry ID`/);
  assert.match(
    told.notes.join('\n'),
    /^no mirror runs on database .*: what waits there goes on when one is started$/,
  );

  const interrupted = await answer(t, ['library/left:v2', '--config', file]);
  assert.equal(interrupted.told.reason, 'available');
  const after = openState(database);
  t.after(() => after.close());
  assert.equal(after.tasks.list({ limit: 1, tag: 'v2' })[0]?.state, 'running', 'nothing was put in order');
});

test('a database that is damaged, a folder, or not to be looked at: that is said, and both ends are asked', async (t) => {
  const digest = await push(harbor.url, 'library/odd', 'v1', ociImage('odd'));
  const damaged = await configured(t);
  openState(damaged.database).close();
  damage(damaged.database);
  // Nobody can look through it, as through a folder without the right to it, which root always has.
  const loop = join(damaged.folder, 'loop');
  await symlink(loop, loop);
  const rows = [
    [damaged.file, /: is damaged; move it away, or restore a backup: /],
    [(await configured(t, { database: damaged.folder })).file, /: is a folder; name a file in it;/],
    [(await configured(t, { database: join(loop, 'tagferry.db') })).file, /: cannot be opened; run this as/],
  ] as const;
  for (const [file, note] of rows) {
    const { code, told } = await answer(t, ['library/odd:v1', '--config', file]);
    assert.deepEqual([code, told.from], [0, 'registries']);
    assert.match(told.notes.join('\n'), note);
    assert.partialDeepStrictEqual(told.destinations, [{ ends: { source: { digest } } }]);
  }
});

test('a running mirror is asked, where it listens, with the first admin token; a flag goes before the environment', async (t) => {
  const { file } = await configured(t);
  const mirror = await serve(t, file);
  const digest = await push(harbor.url, 'library/running', 'v1', ociImage('running'));
  const [id = 0] = await announce(mirror, 'library/running', 'v1', digest);
  await mirror.finished(id);
  const elsewhere = { TAGFERRY_ADMIN_TOKEN: 'another', TAGFERRY_SERVER: 'http://127.0.0.1:1' };
  for (const env of [none, elsewhere]) {
    const { code, told } = await answer(t, ['library/running:v1', '--config', file], env);
    assert.deepEqual([code, told.from, told.reason, told.notes], [0, 'mirror', 'copied', undefined]);
    assert.partialDeepStrictEqual(told.destinations, [
      { task: id, ends: { source: { digest }, destination: { digest } } },
    ]);
    assert.match(told.destinations[0].words, /; the destination has the same digest$/);
  }
  const both = await explain(t, ['library/running:v1', '--config', file, '--server', mirror.url]);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /--config: expected it without --server and --token-file, got both/);
});

test('a mirror that listens everywhere, with TLS: its own certificate is trusted, and only that', async (t) => {
  const folder = await temporaryFolder(t);
  const { cert, key } = await selfSigned();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
  const port = await freePort();
  const { file, database } = await configured(t, { listen: `0.0.0.0:${port}`, tls: { certFile, keyFile } });
  await serve(t, file);
  assert.equal((await answer(t, ['library/tls:v1', '--config', file])).told.from, 'mirror');

  const [other, otherKey] = [join(folder, 'other.pem'), join(folder, 'other.key')];
  const pair = await certificate();
  await Promise.all([writeFile(other, pair.cert), writeFile(otherKey, pair.key)]);
  const stranger = await configured(t, {
    listen: `0.0.0.0:${port}`,
    tls: { certFile: other, keyFile: otherKey },
    database,
  });
  const { told } = await answer(t, ['library/tls:v1', '--config', stranger.file]);
  assert.equal(told.from, 'registries');
  assert.match(
    told.notes.join('\n'),
    /has another certificate than .*other\.pem\n.*is in use by another process, a mirror as a rule/,
  );
});

test('a mirror without admin API keeps its database: that is said, and both ends are asked', async (t) => {
  const { file } = await configured(t, { tokens: [] });
  const mirror = await serve(t, file);
  const digest = await push(harbor.url, 'library/quiet', 'v1', ociImage('quiet'));
  const { code, told } = await answer(t, ['library/quiet:v1', '--config', file]);
  assert.deepEqual([code, told.from], [0, 'registries']);
  assert.match(told.notes[0], /^`admin\.tokens` is empty/);
  assert.match(told.notes[1], /is in use by another process, a mirror as a rule/);
  assert.partialDeepStrictEqual(told.destinations, [{ ends: { source: { digest } } }]);
  assert.equal((await mirror.post('{}')).status, 400);
});

/** A server that answers as a mirror does as long as it gets no token. */
async function impostor(t: Ending, body: string, status = 200, first = 'Expected one of admin.tokens') {
  const tokens: string[] = [];
  const server = createServer(({ headers: { authorization } }, response) => {
    if (authorization === undefined) return void response.writeHead(401).end(first);
    tokens.push(authorization);
    response.writeHead(status).end(body);
  });
  t.after(() => void server.close());
  server.listen(0, '127.0.0.1');
  const { file } = await configured(t, { listen: `127.0.0.1:${await portOf(server)}` });
  return { ...(await answer(t, ['library/app:v1-rc1', '--config', file])), tokens };
}

test('who else listens there is not believed, and gets on without it', async (t) => {
  const answers = [
    { status: 401, body: '{}', why: /^what listens at http:\/\/127\.0\.0\.1:\d+ answered 401/ },
    { status: 200, body: '{"reason":"fine"}', why: /^what listens there is no mirror of this version/ },
    { status: 200, body: 'hello', why: /is not asked: .*JSON/ },
    { status: 200, body: ' '.repeat(33 * 1024 * 1024), why: /is not asked: its answer has more than/ },
  ];
  for (const { status, body, why } of answers) {
    const { code, told } = await impostor(t, body, status);
    assert.equal(code, 0);
    assert.match(told.notes[0], why);
  }
});

test('who does not ask for the token as a mirror does never gets it', async (t) => {
  const { code, told, tokens } = await impostor(t, '{}', 200, 'Welcome to another program');
  assert.equal(code, 0);
  assert.match(told.notes[0], /is no mirror with an admin API, so it is not asked$/);
  assert.deepEqual(tokens, []);
});

test('a wrong configuration: exit 2 with its mistakes; with a token in the environment no configuration is read', async (t) => {
  const { folder } = await configured(t);
  const wrong = join(folder, 'wrong.yaml');
  await writeFile(wrong, 'rules: 5\n');
  const mistaken = await explain(t, ['library/app:v1', '--config', wrong]);
  assert.equal(mistaken.code, 2);
  assert.match(mistaken.stderr, /rules/);
  const env = { TAGFERRY_CONFIG: wrong, TAGFERRY_ADMIN_TOKEN: token, TAGFERRY_SERVER: 'http://127.0.0.1:1' };
  const asked = await explain(t, ['library/app:v1'], env);
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /no mirror answers at http:\/\/127\.0\.0\.1:1/);
  const usual = await explain(t, ['library/app:v1'], { ...none, TAGFERRY_CONFIG: wrong });
  assert.equal(usual.code, 2);
});

test('no secret is shown, whatever a registry answers', async (t) => {
  const secret = 'of-the-admin-api';
  const faults = new Faults();
  faults.always(/manifests/, registryError(412, 'PROJECTPOLICYVIOLATION', `not with ${secret}`));
  const echo = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  t.after(() => echo.close());
  const { file } = await configured(t, { urls: [echo.url, acr.url] });
  const { stdout, stderr } = await explain(t, ['library/app:v1', '--config', file, '--json']);
  assert.match(stdout, /"problem": "source-policy",\s+"words": ".*not with \*\*\*/);
  assert.ok(!`${stdout}${stderr}`.includes(secret));
});
