import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stalledBody } from '../support/connection-fault.ts';
import { send } from '../support/http.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { startSide } from './harbor-stand.ts';
import { type Mirror, announce, ends, environment, secret, serve, writeExample } from './mirror.ts';
import { run } from './process.ts';
import { secondRule, startReloadStand, told } from './reload.ts';

const nothing = { rules: { added: [], removed: [], changed: [], reordered: false }, settings: [] };

function tokenOf(mirror: Mirror, token: string): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` };
  return send(`${mirror.url}/api/v1/rules`, { headers }).then(({ status }) => status);
}

test('SIGHUP: a rule that was added copies the next push, and one line tells of it', async (t) => {
  const { harbor, acr, mirror, edit, hangUp } = await startReloadStand(t);
  const digest = await push(harbor.url, 'team/web', '1.0', ociImage('added'));
  assert.deepEqual(await announce(mirror, 'team/web', '1.0', digest), []);
  await edit(secondRule('team'));
  const [lines, printed] = [mirror.stderr.length, mirror.stdout.length];
  const line = await hangUp();
  const rule = {
    name: 'team',
    source: 'harbor',
    repositories: ['team/**'],
    tags: ['**'],
    immutable: [],
    destination: 'acr',
    destinationType: 'acr-ee',
    repository: 'team/{flat}',
    tag: '{tag}',
  };
  assert.partialDeepStrictEqual(line, { level: 'info', message: 'configuration reloaded' });
  assert.deepEqual(line.rules, { ...nothing.rules, added: [rule] });
  assert.deepEqual([mirror.stderr.length, mirror.stdout.length], [lines + 1, printed]);
  const [id = 0] = await announce(mirror, 'team/web', '1.0', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.equal(await digestOfTag(acr.url, 'team/web', '1.0'), digest);
});

test('SIGHUP while the program is still being read: it starts, and reloads once it runs', async (t) => {
  // Sent to itself when the command line asks for its first module, and again for that of the command.
  const hook = `import { registerHooks } from 'node:module';
    registerHooks({
      resolve(name, context, next) {
        if (/^\\.\\/(run|serve)\\.[jt]s$/.test(name)) process.kill(process.pid, 'SIGHUP');
        return next(name, context);
      },
    });`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
  const [harbor, acr] = [await startSide(t), await startSide(t)];
  const mirror = await serve(t, await writeExample(await temporaryFolder(t), ends(harbor, acr)), { env });
  await eventually('a reload', () => told(mirror).length > 0);
  assert.equal((await fetch(`${mirror.url}/readyz`)).status, 200);
  assert.ok(told(mirror).every(({ message }) => message === 'configuration reloaded'));
});

test('the difference: rules with their values, all else by its path, and what needs a restart', async (t) => {
  const { mirror, edit, reload } = await startReloadStand(t);
  assert.deepEqual(JSON.parse((await reload()).body.toString()), nothing);
  await edit(
    ["tags: ['v*', '!*-rc*']", "tags: ['v*']"],
    ['password: ${ACR_PASSWORD}', 'password: another-password\n    concurrency: 3'],
    ['listen: 127.0.0.1:0', 'listen: 127.0.0.1:1'],
    ['max: 10m', 'max: 11m'],
    ['database: ', 'database: /nowhere'],
  );
  const { status, body } = await reload();
  assert.equal(status, 200);
  const setting = (path: string, restart = false) => ({ path, change: 'changed', restart });
  assert.deepEqual(JSON.parse(body.toString()), {
    rules: {
      ...nothing.rules,
      changed: [{ name: 'library', members: [{ member: 'tags', before: ['v*', '!*-rc*'], after: ['v*'] }] }],
    },
    settings: [
      setting('registries.acr.concurrency'),
      setting('registries.acr.password'),
      setting('server.listen', true),
      setting('dispatch.backoff.max'),
      setting('database', true),
    ],
  });
  const warnings = mirror.log().filter(({ level, paths }) => level === 'warn' && paths !== undefined);
  assert.deepEqual(
    warnings.map(({ paths }) => paths),
    [['server.listen', 'database']],
  );
  assert.ok(!mirror.stderr.join('\n').includes('another-password'));
  // What waits for the restart is still a difference, and the only one.
  const again = JSON.parse((await reload()).body.toString());
  assert.deepEqual(again, {
    ...nothing,
    settings: [setting('server.listen', true), setting('database', true)],
  });
});

test('a wrong file: every mistake is told, no secret is, and the old one holds', async (t) => {
  const { harbor, mirror, edit, hangUp, reload } = await startReloadStand(t);
  await edit(
    secondRule('team'),
    ['password: ${ACR_PASSWORD}', 'pasword: h1dden-mistyped'],
    ['source: harbor', 'source: harbur'],
    ['- ${TAGFERRY_ADMIN_TOKEN}', '- ["h1dden-in-a-list"]'],
    ['attempts: 12', 'attempts: many'],
  );
  const { status, headers, body } = await reload();
  assert.deepEqual([status, headers['content-type']], [422, 'application/problem+json']);
  const { mistakes } = JSON.parse(body.toString());
  const paths = mistakes.map(({ path }: { path: string }) => path);
  assert.deepEqual(paths, [
    'registries.acr',
    'registries.acr.pasword',
    'rules[0].source',
    'admin.tokens[0]',
    'dispatch.attempts',
  ]);
  for (const mistake of mistakes) {
    assert.ok(mistake.line > 0 && mistake.file.endsWith('tagferry.yaml') && mistake.expected && mistake.got);
  }
  assert.equal(mistakes[2].nearest, 'harbor');
  const logged = told(mirror).filter(({ level }) => level === 'error');
  assert.deepEqual(
    logged.map(({ path }) => path),
    paths,
  );
  assert.equal((await hangUp()).level, 'error');
  assert.ok(!`${mirror.stderr.join('\n')}${body.toString()}`.includes('h1dden'));
  const digest = await push(harbor.url, 'team/web', '1.0', ociImage('wrong'));
  assert.deepEqual(await announce(mirror, 'team/web', '1.0', digest), []);
  assert.equal((await mirror.api('GET', '/rules')).status, 200);
});

test('a file that is gone changes nothing, and one that is back counts', async (t) => {
  const { file, edit, hangUp, reload } = await startReloadStand(t);
  const text = await readFile(file, 'utf8');
  await rm(file);
  const line = await hangUp();
  assert.partialDeepStrictEqual(line, { level: 'error', file, got: 'one that cannot be read (ENOENT)' });
  assert.equal((await reload()).status, 422);
  await writeFile(file, text);
  await edit(['attempts: 12', 'attempts: 13']);
  assert.equal((await hangUp()).level, 'info');
});

test('a file that has become a pipe, or names one, keeps nobody waiting', async (t) => {
  const { file, mirror, edit, hangUp } = await startReloadStand(t);
  const text = await readFile(file, 'utf8');
  const pipe = `${file}.pipe`;
  await promisify(execFile)('mkfifo', [pipe]);
  await edit(['password: ${ACR_PASSWORD}', `passwordFile: ${pipe}`]);
  assert.partialDeepStrictEqual(await hangUp(), { level: 'error', path: 'registries.acr.passwordFile' });
  await rm(file);
  await promisify(execFile)('mkfifo', [file]);
  assert.partialDeepStrictEqual(await hangUp(), { level: 'error', got: 'a pipe or a device' });
  assert.equal((await mirror.api('GET', '/rules')).status, 200);
  await rm(file);
  await writeFile(file, text);
  assert.equal((await hangUp()).level, 'info');
});

test('a copy under way ends under the old one, and its client with it, while new ones go by the new', async (t) => {
  const { harbor, acr, mirror, edit, reload } = await startReloadStand(t);
  const other = await startSide(t);
  const image = ociImage('slow', { layers: [200_000] });
  const digest = await push(harbor.url, 'library/slow', 'v1', image);
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const layer = image.blobs[1]?.descriptor.digest ?? '';
  harbor.faults.once(new RegExp(`^GET .*/blobs/${layer}`), stalledBody(100_000, promise));
  const [slow = 0] = await announce(mirror, 'library/slow', 'v1', digest);
  await eventually('the upload', () => acr.requests.some(({ method }) => method === 'PUT'));
  await edit([acr.url, other.url], ['repository: mirror/', 'repository: new/']);
  assert.equal((await reload()).status, 200);
  const quick = await push(harbor.url, 'library/quick', 'v1', ociImage('quick'));
  const [id = 0] = await announce(mirror, 'library/quick', 'v1', quick);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.equal(await digestOfTag(other.url, 'new/quick', 'v1'), quick);
  assert.equal((await mirror.task(slow)).state, 'running');
  goOn();
  assert.equal((await mirror.finished(slow)).outcome, 'copied');
  assert.equal(await digestOfTag(acr.url, 'mirror/slow', 'v1'), digest);
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
});

test('a registry that is equal keeps its client, and another one what is known of its blobs', async (t) => {
  const { harbor, acr, mirror, edit, reload } = await startReloadStand(t);
  const image = ociImage('same', { layers: [2_000] });
  const copied = async (tag: string) => {
    const [id = 0] = await announce(
      mirror,
      'library/web',
      tag,
      await push(harbor.url, 'library/web', tag, image),
    );
    assert.equal((await mirror.finished(id)).outcome, 'copied');
  };
  const asked = (expression: RegExp) =>
    acr.requests.filter(({ method, path }) => expression.test(`${method} ${path}`)).length;
  await copied('v1');
  await edit(['repositories: [', "repositories: ['other/**', "]);
  assert.equal((await reload()).status, 200);
  await copied('v2');
  assert.equal(asked(/^GET \/v2\/$/), 1, 'the same client knows what the registry wants');
  const blobs = asked(/blobs/);
  await edit(['password: ${ACR_PASSWORD}', 'password: another']);
  assert.equal((await reload()).status, 200);
  await copied('v3');
  assert.deepEqual([asked(/^GET \/v2\/$/), asked(/blobs/)], [2, blobs]);
});

test('tasks of a rule and a registry that were removed are cancelled', async (t) => {
  const { harbor, acr, mirror, edit, reload } = await startReloadStand(t, [secondRule('team')]);
  acr.faults.always(/^HEAD .*team/, async () => 'reset');
  const digest = await push(harbor.url, 'team/web', '1.0', ociImage('gone'));
  const [id = 0] = await announce(mirror, 'team/web', '1.0', digest);
  await eventually('a failure', async () => (await mirror.task(id)).state === 'retryable');
  const [text, instead] = secondRule('team');
  await edit([instead, text], ['\n  acr:\n', '\n  renamed:\n'], ['destination: acr', 'destination: renamed']);
  const { status, body } = await reload();
  assert.equal(status, 200, body.toString());
  const difference = JSON.parse(body.toString());
  assert.deepEqual(difference.settings, [
    { path: 'registries.acr', change: 'removed', restart: false },
    { path: 'registries.renamed', change: 'added', restart: false },
  ]);
  assert.partialDeepStrictEqual(await mirror.finished(id), {
    state: 'cancelled',
    message: 'no rule sends harbor/team/web to acr/team/web any more',
  });
  assert.equal((await fetch(`${mirror.url}/readyz`)).status, 200);
});

test('tokens and webhook secrets are rotated; without tokens the API is off until there are some', async (t) => {
  const { mirror, edit, hangUp } = await startReloadStand(t);
  const [old, next] = [environment.TAGFERRY_ADMIN_TOKEN, 'the-next-token'];
  await edit(['- ${TAGFERRY_ADMIN_TOKEN}', `- ${next}`], ['- ${HARBOR_WEBHOOK_SECRET}', '- Bearer next']);
  assert.equal((await hangUp()).message, 'configuration reloaded');
  assert.deepEqual([await tokenOf(mirror, old), await tokenOf(mirror, next)], [401, 200]);
  const post = (authorization: string) => mirror.post('{}', { Authorization: authorization });
  assert.deepEqual([(await post(secret)).status, (await post('Bearer next')).status], [401, 400]);
  await edit(['\n  tokens:\n', '\n  tokens: []\n'], [`    - ${next}`, '']);
  await hangUp();
  assert.deepEqual([await tokenOf(mirror, old), await tokenOf(mirror, next)], [404, 404]);
  await edit(['tokens: []', 'tokens: [the-third-token]']);
  await hangUp();
  assert.equal(await tokenOf(mirror, 'the-third-token'), 200);
  assert.ok(!/next-token|third-token|Bearer next/.test(mirror.stderr.join('\n')));
});

test('concurrency: more copies at once as soon as there are more slots', async (t) => {
  const { harbor, mirror, edit, reload } = await startReloadStand(t, [
    ['concurrency: 8 # tags', 'concurrency: 1 # tags'],
  ]);
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  harbor.faults.always(/^(HEAD|GET) .*manifests/, async (_call, next) => {
    await promise;
    return next();
  });
  const ids: number[] = [];
  for (const name of ['aa', 'bb', 'cc', 'dd']) {
    const digest = await push(harbor.url, `library/${name}`, 'v1', ociImage(name));
    ids.push(...(await announce(mirror, `library/${name}`, 'v1', digest)));
  }
  const running = async () =>
    JSON.parse((await mirror.api('GET', '/tasks?state=running')).body.toString()).tasks.length;
  assert.equal(await running(), 1);
  await edit(['concurrency: 1 # tags', 'concurrency: 3 # tags']);
  await reload();
  assert.equal(await running(), 3);
  await edit(['concurrency: 3 # tags', 'concurrency: 1 # tags']);
  await reload();
  assert.equal(await running(), 3, 'what runs comes to its end');
  goOn();
  for (const id of ids) assert.equal((await mirror.finished(id)).outcome, 'copied');
});

test('log: level and format change, and what was masked stays masked', async (t) => {
  const { mirror, edit, hangUp } = await startReloadStand(t, [
    ['password: ${ACR_PASSWORD}', 'password: the-first-password'],
  ]);
  await edit(
    ['password: the-first-password', 'password: the-second-password'],
    ['level: info', 'level: debug'],
  );
  await hangUp();
  const query = 'repository=the-first-password&tag=the-second-password';
  await mirror.post('{}', { 'Content-Type': 'the-first-password' });
  await mirror.post('{}', { 'Content-Type': 'the-second-password' });
  // The mirror's lines come by a pipe, after its answers.
  await eventually(
    'a line for each refusal',
    () => mirror.stderr.filter((line) => line.includes('Expected Content-Type')).length === 2,
  );
  assert.equal((await mirror.api('GET', `/explain?${query}`)).status, 200);
  await edit(['format: json', 'format: pretty']);
  mirror.kill('SIGHUP');
  await eventually('a line for people', () =>
    mirror.stderr.some((line) => / INFO +configuration/.test(line)),
  );
  assert.ok(!/the-(first|second)-password/.test(mirror.stderr.join('\n')));
});

test('tagferry reload: the difference in lines, as JSON, and the mistakes of a wrong file', async (t) => {
  const { mirror, edit } = await startReloadStand(t);
  const env = { TAGFERRY_ADMIN_TOKEN: environment.TAGFERRY_ADMIN_TOKEN, TAGFERRY_SERVER: mirror.url };
  assert.partialDeepStrictEqual(await run(t, ['reload'], { env }), {
    code: 0,
    stdout: 'nothing has changed',
  });
  await edit(
    secondRule('team'),
    ["tags: ['v*', '!*-rc*']", "tags: ['v*']"],
    ['listen: 127.0.0.1:0', 'listen: 127.0.0.1:1'],
  );
  const { code, stdout } = await run(t, ['reload'], { env });
  assert.equal(code, 0);
  assert.deepEqual(stdout.split('\n'), [
    'rule team: added, harbor ["team/**"] ["**"] -> acr team/{flat}:{tag}',
    'rule library: tags ["v*","!*-rc*"] -> ["v*"]',
    'server.listen: changed; needs a restart, until then it is as before',
  ]);
  const { stdout: json } = await run(t, ['reload', '--json'], { env });
  assert.deepEqual(JSON.parse(json), {
    ...nothing,
    settings: [{ path: 'server.listen', change: 'changed', restart: true }],
  });
  await edit(['source: harbor', 'source: harbur']);
  const wrong = await run(t, ['reload'], { env });
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  assert.match(
    wrong.stderr,
    /tagferry\.yaml:\d+: rules\[0\]\.source: expected .*"harbur"; did you mean "harbor"\?/,
  );
});

test('a reload while it stops, and many at once', async (t) => {
  const { harbor, acr, mirror, edit, reload } = await startReloadStand(t);
  await edit(secondRule('team'));
  const answers = await Promise.all(Array.from({ length: 20 }, reload));
  const added = answers.map(({ body }) => JSON.parse(body.toString()).rules.added.length);
  assert.deepEqual([answers.every(({ status }) => status === 200), added.filter(Boolean)], [true, [1]]);
  const image = ociImage('slow', { layers: [200_000] });
  const digest = await push(harbor.url, 'library/slow', 'v1', image);
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const layer = image.blobs[1]?.descriptor.digest ?? '';
  harbor.faults.once(new RegExp(`^GET .*/blobs/${layer}`), stalledBody(100_000, promise));
  await announce(mirror, 'library/slow', 'v1', digest);
  await eventually('the upload', () => acr.requests.some(({ method }) => method === 'PUT'));
  mirror.kill('SIGTERM');
  await eventually('readiness to end', async () => (await fetch(`${mirror.url}/readyz`)).status === 503);
  mirror.kill('SIGHUP');
  assert.equal((await reload()).status, 503);
  goOn();
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
  assert.ok(told(mirror).some(({ message }) => String(message).includes('stopping')));
  assert.equal(await digestOfTag(acr.url, 'mirror/slow', 'v1'), digest);
});
