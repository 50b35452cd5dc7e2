import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { run, start } from '../integration/process.ts';
import type { CallServer } from '../support/call-server.ts';
import { type HarborRest, allPermissions, startHarborRest } from '../support/harbor-rest.ts';
import { registryError } from '../support/fault.ts';
import { temporaryFolder } from '../support/temporary.ts';

/* The command against a Harbor with projects that rules read, and some that they do not. */

const secrets = ['Bearer webhook-hush', 'Bearer older-hush'];
const password = 'robot-hush';
const url = 'https://mirror.example.com';
const address = `${url}/webhooks/harbor`;
const events = ['PUSH_ARTIFACT', 'DELETE_ARTIFACT', 'SCANNING_COMPLETED'];

interface Stand {
  rest: HarborRest;
  server: CallServer;
  file: string;
  /** Runs `tagferry webhook ARGS --config FILE`; no secret may be in what it writes. */
  webhook(...args: string[]): Promise<{ code: number | null; lines: string[]; stderr: string }>;
  /** What Harbor has of a project's policies. */
  policies(project: string): { name: string; enabled: boolean; events: string[]; target: unknown }[];
}

interface Options {
  permissions?: readonly string[];
  repositories?: string[];
  webhook?: Record<string, unknown>;
}

async function startStand(t: TestContext, options: Options = {}): Promise<Stand> {
  const { permissions = allPermissions, repositories = ['team/**', 'prod/**'], webhook = { url } } = options;
  const { rest, server } = await startHarborRest(t);
  for (const project of ['team', 'prod', 'other']) rest.content.project(project);
  rest.content.project('team-cache', { proxyCache: true, public: true });
  const projects = { team: permissions, prod: permissions, other: permissions };
  rest.accounts.push({ name: 'robot$mirror', password, projects });
  const file = join(await temporaryFolder(t), 'tagferry.yaml');
  await writeFile(file, JSON.stringify(configuration(server.url, repositories, { secrets, ...webhook })));
  return {
    rest,
    server,
    file,
    webhook: async (...args) => {
      const { code, stdout, stderr } = await run(t, ['webhook', ...args, '--config', file]);
      assert.doesNotMatch(stdout + stderr, /hush/);
      return { code, lines: stdout.split('\n').filter(Boolean), stderr };
    },
    policies: (project) =>
      rest.content.policies
        .filter((policy) => policy.project.name === project)
        .map(({ name, enabled, events, targets: [target] }) => ({ name, enabled, events, target })),
  };
}

function configuration(harbor: string, repositories: string[], webhook: Record<string, unknown>) {
  return {
    registries: {
      harbor: { type: 'harbor', url: harbor, username: 'robot$mirror', password },
      acr: { type: 'acr-ee', url: 'http://127.0.0.1:1' },
    },
    rules: [{ name: 'all', source: 'harbor', repositories, destination: 'acr' }],
    webhook,
  };
}

const right = {
  name: 'tagferry',
  enabled: true,
  events,
  target: {
    type: 'http',
    address,
    auth_header: secrets[0],
    skip_cert_verify: false,
    payload_format: 'Default',
  },
};

test('webhook install: makes a policy in each project that a rule can match, once', async (t) => {
  const repositories = ['team/**', 'prod/**', 'team-*/**'];
  const { webhook, policies, rest, server } = await startStand(t, { repositories });
  const told = await webhook('install');
  assert.deepEqual(told, {
    code: 0,
    lines: [
      `events go to ${address}`,
      'created  harbor/prod  "tagferry"',
      'created  harbor/team  "tagferry"',
    ],
    stderr: '',
  });
  assert.deepEqual([policies('team'), policies('prod')], [[right], [right]]);
  assert.deepEqual([policies('other'), policies('team-cache')], [[], []]);
  server.requests.length = 0;
  const again = await webhook('install');
  assert.deepEqual(again.lines.slice(1), [
    'unchanged  harbor/prod  "tagferry"',
    'unchanged  harbor/team  "tagferry"',
  ]);
  assert.deepEqual([...new Set(server.requests.map(({ method }) => method))], ['GET']);
  assert.deepEqual(rest.cookies, []);
});

test('webhook install --dry-run: the same words, and nothing is written', async (t) => {
  const { webhook, rest, server } = await startStand(t);
  rest.content.policy('team', 'by hand', { address, auth_header: 'Bearer older-hush' });
  const before = structuredClone(rest.content.policies);
  const { code, lines } = await webhook('install', '--dry-run');
  assert.equal(code, 0);
  assert.deepEqual(lines.slice(1), [
    'would create   harbor/prod  "tagferry"',
    'would correct  harbor/team  "by hand"; event_types: PUSH_ARTIFACT -> DELETE_ARTIFACT, PUSH_ARTIFACT, SCANNING_COMPLETED; auth_header: webhook.secrets[1] -> webhook.secrets[0]',
  ]);
  assert.deepEqual(rest.content.policies, before);
  assert.ok(server.requests.every(({ method }) => method === 'GET'));
});

test('webhook install: one made by hand is corrected and not doubled, and keeps its name', async (t) => {
  const { webhook, policies, rest } = await startStand(t, { repositories: ['team/**'] });
  const made = rest.content.policy('team', 'by hand', {
    address: `http://mirror.example.com/webhooks/harbor/`,
    skip_cert_verify: true,
  });
  made.enabled = false;
  const { code, lines } = await webhook('install');
  assert.equal(code, 0);
  assert.match(lines[1] ?? '', /^corrected  harbor\/team  "by hand"; enabled: false -> true; event_types: /);
  assert.match(lines[1] ?? '', /; skip_cert_verify: true -> false$/);
  assert.deepEqual(policies('team'), [{ ...right, name: 'by hand' }]);
  assert.match((await webhook('install')).lines[1] ?? '', /^unchanged/);
});

test('webhook install: foreign policies are left alone and told of, and two mirrors do not fight', async (t) => {
  const { webhook, rest } = await startStand(t, { repositories: ['team/**'] });
  const { content } = rest;
  content.policy('team', 'chat', { type: 'slack', address: 'https://hooks.example.com/hush' });
  const both = content.policy('team', 'both', { address });
  both.targets.push({ type: 'http', address: 'https://other.example.com/hook' });
  const foreign = structuredClone(content.policies);
  await webhook('install', '--url', 'https://second.example.com/a');
  const { lines } = await webhook('install');
  assert.deepEqual(lines.slice(1), [
    'created  harbor/team  "tagferry-2"',
    `                      also "both" to ${address}, https://other.example.com/hook: not ours, and it sends here too: its events come twice`,
    `                      also "tagferry" to https://second.example.com/a/webhooks/harbor: another mirror's, left alone; if that mirror is gone: tagferry webhook remove --url ITS_ADDRESS`,
  ]);
  assert.deepEqual(content.policies.slice(0, 2), foreign);
  for (const flags of [[], ['--url', 'https://second.example.com/a']])
    assert.match((await webhook('install', ...flags)).lines[1] ?? '', /^unchanged/);
  assert.equal(content.policies.length, 4);
});

test('webhook remove: removes ours, wherever they are, and no other', async (t) => {
  const { webhook, rest, policies } = await startStand(t, { repositories: ['team/**', 'prod/**'] });
  rest.content.policy('team', 'other', { address: 'https://second.example.com/webhooks/harbor' });
  rest.content.policy('team', 'by hand', { address });
  await webhook('install');
  const dry = await webhook('remove', '--dry-run');
  assert.deepEqual(dry.lines.filter((line) => /^\w/.test(line)).slice(1), [
    'would remove  harbor/prod  "tagferry"',
    'would remove  harbor/team  "by hand"',
  ]);
  assert.equal(rest.content.policies.length, 3);
  const { code } = await webhook('remove');
  assert.equal(code, 0);
  assert.deepEqual([policies('team').map(({ name }) => name), policies('prod')], [['other'], []]);
  const again = await webhook('remove');
  assert.equal(again.lines[1], 'unchanged  harbor/prod  none of ours is there');
});

test('webhook list: whether each is right, and when it told of something last', async (t) => {
  const { webhook, rest } = await startStand(t);
  const empty = await webhook('list');
  assert.deepEqual(empty.lines.slice(1), [
    'missing  harbor/prod  none of ours is there',
    'missing  harbor/team  none of ours is there',
  ]);
  rest.content.policy('team', 'by hand', {
    address,
    auth_header: 'other',
    payload_format: 'CloudEvents',
  }).events = events;
  rest.content.policy('team', 'other', { address: 'https://second.example.com/webhooks/harbor' });
  await webhook('install');
  rest.content.push('team/app', 'v1', `sha256:${'1'.repeat(64)}`);
  const last = rest.content.executions[0]?.startedAt;
  rest.content.policies[0]?.targets.splice(0, 1, { ...right.target, auth_header: 'x' });
  const { code, lines } = await webhook('list');
  assert.equal(code, 0);
  assert.deepEqual(lines.slice(1), [
    'right  harbor/prod  "tagferry"; no event yet that the account may see',
    `wrong  harbor/team  "by hand"; auth_header: another value -> webhook.secrets[0]; last event ${last}`,
    `                    also "other" to https://second.example.com/webhooks/harbor: another mirror's, left alone; if that mirror is gone: tagferry webhook remove --url ITS_ADDRESS; last event ${last}`,
  ]);
});

for (const permission of ['list', 'create', 'update', 'delete']) {
  test(`webhook: without notification-policy:${permission} that is what is told, with what to do by hand`, async (t) => {
    const missing = `notification-policy:${permission}`;
    const permissions = allPermissions.filter((one) => one !== missing);
    const { webhook, rest } = await startStand(t, { permissions, repositories: ['team/**', 'prod/**'] });
    if (permission !== 'create') {
      rest.content.policy('team', 'by hand', { address });
      rest.content.policy('prod', 'by hand', { address });
    }
    const action = permission === 'delete' ? 'remove' : 'install';
    const { code, lines, stderr } = await webhook(action);
    assert.equal(code, 1);
    const why = (project: string) => `harbor/${project}  robot$mirror needs ${missing} in project ${project}`;
    assert.deepEqual(lines.slice(1, 3), [`failed  ${why('prod')}`, `failed  ${why('team')}`]);
    assert.match(
      stderr,
      new RegExp(`^tagferry: 2 of 2 projects failed: .* needs ${missing} in project prod$`),
    );
    assert.ok(lines.includes(`  harbor: ${missing} in prod, team`));
    assert.ok(lines.some((line) => /Projects > team > Webhooks/.test(line)));
  });
}

test('webhook install: what is printed for a shell does what the account may not, with the secret of its variable', async (t) => {
  const permissions = allPermissions.filter((one) => one !== 'notification-policy:create');
  const { webhook, policies, rest, server } = await startStand(t, { permissions });
  rest.accounts.push({ name: 'admin', password: 'admin', admin: true, projects: {} });
  const { lines } = await webhook('install');
  const script = lines.slice(
    lines.findIndex((line) => line.startsWith('for project')),
    lines.indexOf('done') + 1,
  );
  assert.ok(script.includes('      "auth_header": "${TAGFERRY_WEBHOOK_SECRET}",'));
  const env = { ...process.env, HARBOR_ADMIN: 'admin:admin', TAGFERRY_WEBHOOK_SECRET: secrets[0] };
  await promisify(execFile)('bash', ['-euc', script.join('\n')], { env });
  assert.deepEqual([policies('team'), policies('prod')], [[right], [right]]);
  assert.equal(server.requests.filter(({ method }) => method === 'POST').length, 4);
  assert.match((await webhook('install')).lines[1] ?? '', /^unchanged/);
});

test('webhook install: the same for a policy that has to be corrected', async (t) => {
  const permissions = allPermissions.filter((one) => one !== 'notification-policy:update');
  const { webhook, policies, rest } = await startStand(t, { permissions, repositories: ['team/**'] });
  rest.accounts.push({ name: 'admin', password: 'admin', admin: true, projects: {} });
  rest.content.policy('team', 'costs $5 `or` \\ more', { address });
  const { lines } = await webhook('install');
  const script = lines.slice(
    lines.findIndex((line) => line.startsWith('curl')),
    lines.indexOf('EOF') + 1,
  );
  const env = { ...process.env, HARBOR_ADMIN: 'admin:admin', TAGFERRY_WEBHOOK_SECRET: secrets[0] };
  await promisify(execFile)('bash', ['-euc', script.join('\n')], { env });
  assert.deepEqual(policies('team'), [{ ...right, name: 'costs $5 `or` \\ more' }]);
});

test('webhook install: words of a policy get no secret, and a secret with quotes is one', async (t) => {
  const permissions = allPermissions.filter((one) => one !== 'notification-policy:update');
  const { webhook, policies, rest } = await startStand(t, { permissions, repositories: ['team/**'] });
  rest.accounts.push({ name: 'admin', password: 'admin', admin: true, projects: {} });
  const name = '${TAGFERRY_WEBHOOK_SECRET} "auth_header": ${TAGFERRY_WEBHOOK_SECRET}';
  rest.content.policy('team', name, { address }).description = `${name}\nEOF`;
  const { lines } = await webhook('install');
  const script = lines.slice(
    lines.findIndex((line) => line.startsWith('read -rs')),
    lines.indexOf('EOF') + 1,
  );
  const secret = `it's "quoted" \\ and $HOME \`id\` & more`;
  const env = { ...process.env, HARBOR_ADMIN: 'admin:admin' };
  const bash = promisify(execFile)('bash', ['-euc', script.join('\n')], { env });
  bash.child.stdin?.end(`${secret}\n`);
  await bash;
  assert.deepEqual(policies('team'), [{ ...right, name, target: { ...right.target, auth_header: secret } }]);
  assert.equal(rest.content.policies[0]?.description, `${name}\nEOF`);
});

test('webhook install --json: one document, with what is missing and no secret', async (t) => {
  const { webhook, rest, server } = await startStand(t, { repositories: ['team/**', 'prod/app'] });
  const [account] = rest.accounts;
  if (account) account.projects.prod = ['notification-policy:list'];
  const { code, lines } = await webhook('install', '--json');
  assert.equal(code, 1);
  const empty = { policies: [], differences: [], others: [] };
  assert.deepEqual(JSON.parse(lines.join('\n')), {
    action: 'install',
    dryRun: false,
    address,
    projects: [
      {
        registry: 'harbor',
        project: 'prod',
        outcome: 'failed',
        ...empty,
        permission: 'notification-policy:create',
        message: 'robot$mirror needs notification-policy:create in project prod',
        byHand: {
          method: 'POST',
          url: `${server.url}/api/v2.0/projects/prod/webhook/policies`,
          body: {
            name: 'tagferry',
            description: `For the mirror at ${address}; made by \`tagferry webhook install\``,
            enabled: true,
            event_types: events,
            targets: [{ ...right.target, auth_header: '${TAGFERRY_WEBHOOK_SECRET}' }],
          },
        },
      },
      { registry: 'harbor', project: 'team', outcome: 'created', ...empty, policies: ['tagferry'] },
    ],
    failures: [],
  });
});

test('webhook install: a project that a rule spells out and Harbor does not show is an error; the others go on', async (t) => {
  const { webhook, policies } = await startStand(t, {
    repositories: ['team/app', 'nosuch/app', 'team-cache/app'],
  });
  const { code, lines, stderr } = await webhook('install');
  assert.equal(code, 1);
  assert.match(
    lines.find((line) => /harbor\/nosuch/.test(line)) ?? '',
    /^failed   +harbor\/nosuch +Harbor shows robot\$mirror no such project/,
  );
  assert.match(stderr, /^tagferry: 2 of 3 projects failed: /);
  assert.deepEqual(policies('team'), [right]);
});

test('webhook install: a wrong password, and a Harbor that is away, are told for the registry', async (t) => {
  const { webhook, rest, server, file } = await startStand(t);
  rest.accounts.length = 0;
  const wrong = await webhook('install');
  assert.equal(wrong.code, 1);
  assert.match(wrong.lines[1] ?? '', /^failed  harbor: GET .*systeminfo: expected harbor_version/);
  assert.match(wrong.stderr, /^tagferry: a registry could not be asked for projects: harbor: /);
  await writeFile(file, JSON.stringify(configuration('http://127.0.0.1:1', ['team/**'], { secrets, url })));
  const away = await webhook('install');
  assert.match(away.lines[1] ?? '', /^failed  harbor: GET http:\/\/127\.0\.0\.1:1\/.*ECONNREFUSED/);
  assert.equal(server.requests.length, 1);
});

test('webhook install: a policy is asked for once, and a lost answer says so; Harbor repeats no secret of ours', async (t) => {
  const { webhook, rest, server } = await startStand(t, { repositories: ['team/**'] });
  server.faults.once(/^POST .*policies$/, async (_, next) => (await next(), 'reset'));
  const { code, lines } = await webhook('install');
  assert.equal(code, 1);
  assert.match(lines[1] ?? '', /run this again: what has been made by then is not made twice$/);
  assert.match((await webhook('install')).lines[1] ?? '', /^unchanged/);
  assert.equal(rest.content.policies.length, 1);
  rest.content.policies.length = 0;
  server.faults.once(/^POST .*policies$/, registryError(400, 'BAD_REQUEST', `no good: ${secrets[0]}`));
  assert.match((await webhook('install')).lines[1] ?? '', /answered 400 \(BAD_REQUEST: no good: \*+/);
});

test('webhook install: Ctrl-C ends it at once, with 130', async (t) => {
  const { server, file } = await startStand(t);
  const [arrived, never] = [Promise.withResolvers<void>(), Promise.withResolvers<'reset'>()];
  t.after(() => never.resolve('reset'));
  server.faults.always(/policies/, async () => {
    arrived.resolve();
    return never.promise;
  });
  const running = start(t, ['webhook', 'install', '--config', file]);
  await arrived.promise;
  running.kill('SIGINT');
  assert.deepEqual(await running.ended, { code: 130, signal: null });
  assert.deepEqual([running.stdout, running.stderr], [[], []]);
});

test('webhook list: what others wrote is one line, and no longer than it has to be', async (t) => {
  const { webhook, rest } = await startStand(t, { repositories: ['team/**'] });
  const name = `\u001b[31m${'x'.repeat(5_000)}`;
  const made = rest.content.policy('team', name, { address, auth_header: secrets[0] });
  made.events = [...events, `\n${'y'.repeat(5_000)}`];
  const { lines } = await webhook('list');
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? '', /^wrong  harbor\/team  " \[31mx+…"; event_types: .*y+… -> DELETE_ARTIFACT/);
  assert.ok((lines[1] ?? '').length < 600);
});

test('webhook: wrong usage', async (t) => {
  const { file, webhook } = await startStand(t, { webhook: {} });
  const without = await webhook('install');
  assert.equal(without.code, 2);
  assert.match(
    without.stderr,
    /--url https:\/\/MIRROR\.EXAMPLE\.COM, or write it as webhook\.url into .*tagferry\.yaml$/,
  );
  for (const wrong of [
    'mirror.example.com',
    'ftp://mirror.example.com',
    'https://u:hush@m.test',
    'https://m.test?a=b',
  ]) {
    const { code, stderr } = await webhook('list', '--url', wrong);
    assert.equal(code, 2, wrong);
    assert.match(stderr, /^tagferry: --url: expected http\(s\):\/\/HOST/);
  }
  const noHarbor = configuration('http://127.0.0.1:1', ['team/**'], { secrets, url });
  Object.assign(noHarbor.registries.harbor, { type: 'oci' });
  await writeFile(file, JSON.stringify(noHarbor));
  const none = await webhook('install');
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no rule of .* has a source that is a registry of type: harbor/);
});
