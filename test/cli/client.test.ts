import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { eventually } from '../integration/eventually.ts';
import { type Mirror, announce, ends, serve, token, writeExample } from '../integration/mirror.ts';
import { type Ended, run } from '../integration/process.ts';
import { Faults, registryError } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

/** `explain`, `resync` and `tasks` beside a mirror that runs. */

const faults = new Faults();
const endings: (() => void | Promise<void>)[] = [];
const file: Ending = { after: (end) => void endings.push(end) };
let harbor: EmbeddedRegistry;
let acr: EmbeddedRegistry;
let mirror: Mirror;
let tokenFile: string;

before(async () => {
  harbor = await EmbeddedRegistry.start();
  acr = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  const folder = await temporaryFolder(file);
  tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${token}\n`);
  mirror = await serve(
    file,
    await writeExample(folder, [...ends(harbor, acr), ['onStart: true', 'onStart: false']]),
  );
});

after(async () => {
  await Promise.all([harbor.close(), acr.close()]);
  for (const end of endings.toReversed()) await end();
});

function tagferry(t: Ending, ...args: string[]): Promise<Ended & { stdout: string; stderr: string }> {
  return run(t, [...args, '--server', mirror.url, '--token-file', tokenFile]);
}

test('resync --wait: one tag, with its digest at the destination when it returns', async (t) => {
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('one'));
  const { code, stdout } = await tagferry(t, 'resync', '--wait', 'library/app:v1');
  assert.equal(code, 0);
  assert.match(stdout, /^\d+ {2}harbor\/library\/app:v1 -> acr\/mirror\/app:v1 {2}completed \(copied\)$/);
  assert.equal(await digestOfTag(acr.url, 'mirror/app', 'v1'), digest);
});

test('resync --wait: a whole repository, forced', async (t) => {
  await push(harbor.url, 'library/app', 'v2', ociImage('two'));
  const { code, stdout } = await tagferry(t, 'resync', '--wait', '--force', 'library/app');
  assert.equal(code, 0);
  assert.deepEqual(
    stdout
      .split('\n')
      .map((line) => line.replace(/^\d+ +/, ''))
      .sort(),
    [
      'harbor/library/app:v1 -> acr/mirror/app:v1  completed (copied)',
      'harbor/library/app:v2 -> acr/mirror/app:v2  completed (copied)',
    ],
  );
});

test('resync without --wait names the tasks', async (t) => {
  const { code, stdout } = await tagferry(t, 'resync', 'library/app:v1', 'library/app:v2');
  assert.equal(code, 0);
  assert.match(stdout, /^tasks: \d+ \d+$/);
});

test('resync of a repository without tags: exit 1, and the others are copied', async (t) => {
  for (const wait of [[], ['--wait']]) {
    const { code, stdout, stderr } = await tagferry(t, 'resync', ...wait, 'library/none', 'library/app');
    assert.equal(code, 1);
    assert.match(stdout, /^(tasks: \d+|\d+ {2}harbor\/library\/app:)/);
    assert.match(stderr, /^tagferry: library\/none: the source has no tag there that a rule takes$/);
  }
});

test('resync of what no rule wants: exit 1 with the server’s words', async (t) => {
  const { code, stdout, stderr } = await tagferry(t, 'resync', 'elsewhere/app:v1');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(
    stderr,
    /^tagferry: POST \/api\/v1\/resync answered 404: .*elsewhere\/app.*`tagferry explain elsewhere\/app:v1`/,
  );
});

test('resync --wait: exit 1 when a task does not complete', async (t) => {
  await push(harbor.url, 'library/refused', 'v1', ociImage('refused'));
  faults.always(/^PUT \/v2\/mirror\/refused\/manifests/, registryError(400, 'TAG_IMMUTABLE', 'no'));
  const { code, stdout, stderr } = await tagferry(t, 'resync', '--wait', 'library/refused:v1');
  assert.equal(code, 1);
  assert.match(stdout, /discarded: destination-immutable: write v1 at the destination/);
  assert.match(stderr, /1 of 1 tags are not at their destination/);
});

test('tasks: list, show, retry and cancel', async (t) => {
  const digest = await push(harbor.url, 'library/denied', 'v1', ociImage('denied'));
  faults.always(/mirror\/denied/, registryError(403, 'DENIED', 'not yours'));
  const [id = 0] = await announce(mirror, 'library/denied', 'v1', digest);
  await eventually('the failure', async () => (await mirror.task(id)).state === 'retryable');

  const list = await tagferry(t, 'tasks', 'list', '--state', 'retryable');
  assert.equal(list.code, 0);
  assert.match(
    list.stdout,
    new RegExp(`^${id} {2}harbor/library/denied:v1 .* retryable until .*: destination-denied: `),
  );
  const json = await tagferry(t, 'tasks', 'list', '--json', '--repository', 'library/denied');
  assert.deepEqual(
    JSON.parse(json.stdout).tasks.map((task: { id: number }) => task.id),
    [id],
  );

  const show = await tagferry(t, 'tasks', 'show', String(id));
  assert.match(show.stdout, /\n {2}attempt 1 at .*: destination-denied resolve v1 at the destination/);
  const document = JSON.parse((await tagferry(t, 'tasks', 'show', '--json', String(id))).stdout);
  assert.deepEqual([document.id, document.attempts.length], [id, 1]);

  const cancelled = await tagferry(t, 'tasks', 'cancel', String(id));
  assert.deepEqual([cancelled.code, cancelled.stdout], [0, `task ${id}: is cancelled`]);
  const again = await tagferry(t, 'tasks', 'cancel', String(id));
  assert.equal(again.code, 1);
  assert.match(again.stderr, /answered 409/);

  faults.clear();
  const retried = await tagferry(t, 'tasks', 'retry', String(id));
  assert.deepEqual([retried.code, retried.stdout], [0, `task ${id}: is tried again`]);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.equal((await tagferry(t, 'tasks', 'show', '999999')).code, 1);
});

test('explain: a block for each destination, with what is known', async (t) => {
  const digest = await push(harbor.url, 'library/told', 'v1', ociImage('told'));
  const [id = 0] = await announce(mirror, 'library/told', 'v1', digest);
  await mirror.finished(id);
  const { code, stdout } = await tagferry(t, 'explain', 'library/told:v1');
  assert.equal(code, 0);
  const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
  const lines = [
    String.raw`The rules want library/told:v1 at 1 destination: it is there\.`,
    String.raw`- rule library takes repository library/told by "library/\*\*" and tag v1 by ".*"`,
    '',
    String.raw`acr/mirror/told:v1 {2}\(rule library\)`,
    ` {2}copied since ${time}`,
    String.raw` {2}copied at [-\d]+ [:\d]+ UTC; the destination has the same digest`,
    ` {2}source now: ${digest}`,
    ` {2}destination now: ${digest}`,
    ` {2}destination at ${time}: ${digest}`,
    ` {2}task ${id}: \`tagferry tasks show ${id}\` has its attempts`,
    '',
    'from the running mirror, and both ends',
  ];
  assert.match(stdout, new RegExp(`^${lines.join('\n')}$`));
  const json = await tagferry(t, 'explain', '--json', 'library/told:v1');
  const { destinations, ...tag } = JSON.parse(json.stdout);
  assert.equal(tag.tag, 'v1');
  assert.partialDeepStrictEqual(destinations, [
    { reason: 'copied', task: id, record: { digest, trusted: true } },
  ]);
});

test('explain: a tag that no rule takes, and one that is none', async (t) => {
  const { code, stdout } = await tagferry(t, 'explain', 'elsewhere/app:v1');
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^No rule takes elsewhere\/app:v1, so it is not copied: .*\n\nfrom the running mirror, and both ends$/,
  );
  const wrong = await tagferry(t, 'explain', 'library/app');
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.stderr,
    /expected REPOSITORY:TAG, got "library\/app" .*tasks list --repository library\/app/,
  );
});

test('a wrong token: exit 1, and it is not repeated', async (t) => {
  const env = { TAGFERRY_ADMIN_TOKEN: 'another-token' };
  const { code, stderr } = await run(t, ['tasks', 'list', '--server', mirror.url], { env });
  assert.equal(code, 1);
  assert.match(stderr, /answered 401/);
  assert.ok(!stderr.includes('another-token'));
});

test('resync --wait of a tag that is not at the source: exit 1', async (t) => {
  const { code, stdout, stderr } = await tagferry(t, 'resync', '--wait', 'library/app:v9');
  assert.equal(code, 1);
  assert.match(stdout, /completed \(source-gone\)/);
  assert.match(stderr, /1 of 1 tags are not at their destination/);
});

test('a wrong query: each mistake is told', async (t) => {
  const { code, stderr } = await tagferry(t, 'tasks', 'list', '--state', 'done');
  assert.equal(code, 1);
  assert.match(stderr, /\n {2}state: .*available/);
});

test('an address with a password in it is refused, and not repeated', async (t) => {
  const args = ['tasks', 'list', '--server', 'http://u:geheim@127.0.0.1:1'];
  const { code, stderr } = await run(t, args, { env: { TAGFERRY_ADMIN_TOKEN: 'a-token' } });
  assert.equal(code, 2);
  assert.doesNotMatch(stderr, /geheim/);
});
