import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { json } from '../../src/demo/registry/call.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { nocreate, pusher, reader } from '../support/acr-tokens.ts';
import { startCallServer } from '../support/call-server.ts';
import { type Described, diagnose, told, wordsOf } from './stand.ts';

type Registry = Record<string, unknown>;

/** An ACR, and what a sound configuration says of it. */
async function startStand(t: TestContext): Promise<{ acr: AcrStandIn; described: Described }> {
  const acr = await startAcr(t);
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const described = {
    registries: {
      source: { url: 'http://127.0.0.1:1', connectTimeout: '1s' },
      acr: { type: 'acr-ee', url: acr.url, username: pusher.name, password: pusher.password, tokenHosts },
    },
    rules: [
      { name: 'all', source: 'source', repositories: ['mirror/app', 'mirror/web'], destination: 'acr' },
    ],
  };
  return { acr, described };
}

/** What is told of the ACR, with some of its configuration changed. */
async function diagnosed(t: TestContext, described: Described, change: Registry = {}) {
  const acr = { ...described.registries.acr, ...change };
  const report = await diagnose(t, { ...described, registries: { ...described.registries, acr } });
  const words = (check: string): string =>
    wordsOf({ ...report, checks: report.checks.filter(({ subject }) => subject === 'acr') }, check);
  return { words, told: told(report).filter((line) => line.startsWith('acr ')) };
}

test('where all is well, nothing is told', async (t) => {
  const { described } = await startStand(t);
  assert.deepEqual((await diagnosed(t, described)).told, []);
});

test('a wrong password is found, and what depends on it is left out', async (t) => {
  const { described } = await startStand(t);
  const { told, words } = await diagnosed(t, described, { username: 'pusher', password: 'wrong' });
  assert.deepEqual(told, ['acr credential error wrong-credential', 'acr push-permission skipped depends']);
  assert.match(words('credential'), /RAM user logs in as NAME@<account id or alias>, not as pusher/);
  assert.match(words('credential'), /Access Credential/);
  assert.match(words('push-permission'), /see the check credential/);
  assert.doesNotMatch(words('credential'), /wrong$/m);
});

test('a user that may only read is told from one that may nothing', async (t) => {
  const { described } = await startStand(t);
  const one = await diagnosed(t, described, { username: reader.name });
  // What it may read has to be there.
  assert.deepEqual(one.told, ['acr push-permission error no-push']);
  await diagnosed(t, described);
  const other = await diagnosed(t, described, { username: reader.name });
  assert.deepEqual(other.told, ['acr push-permission error pull-only']);
  assert.match(other.words('push-permission'), /"cr:PushRepository"/);
  assert.match(other.words('push-permission'), /"acs:cr:\*:\*:repository\/cri-standin00000001\/mirror\/\*"/);
});

test('auto-create off, a missing namespace: one finding that names what it may be', async (t) => {
  const { acr, described } = await startStand(t);
  const one = await diagnosed(t, described, { username: nocreate.name });
  assert.deepEqual(one.told, ['acr push-permission error no-push']);
  assert.match(one.words('push-permission'), /Automatically Create Repository/);
  acr.accounts.namespaces.delete('mirror');
  const two = await diagnosed(t, described);
  assert.deepEqual(two.told, ['acr push-permission error no-push']);
});

for (const whitelist of ['reset', 'hang'] as const) {
  test(`an address that is not on the whitelist (${whitelist}) is found`, async (t) => {
    const { acr, described } = await startStand(t);
    acr.edge.whitelist = whitelist;
    const { told, words } = await diagnosed(t, described);
    assert.deepEqual(told, [
      'acr edition skipped depends',
      'acr region skipped depends',
      'acr whitelist error no-connection',
      'acr hosts skipped depends',
      'acr credential skipped depends',
      'acr clock skipped depends',
      'acr push-permission skipped depends',
    ]);
    assert.match(words('whitelist'), /Access Control → Internet/);
  });
}

test('a token server that is not known to belong to the registry gets nothing', async (t) => {
  const { acr, described } = await startStand(t);
  const { told, words } = await diagnosed(t, described, { tokenHosts: [] });
  assert.deepEqual(told, [
    'acr hosts error token-host-refused',
    'acr credential skipped depends',
    'acr push-permission skipped depends',
  ]);
  assert.match(words('hosts'), /registries\.acr\.tokenHosts: \["127\.0\.0\.1:\d+"\]/);
  assert.equal(acr.tokens.questions.length, 0);
});

test('a token server that takes no connection is found', async (t) => {
  const { described } = await startStand(t);
  const service = 'registry.aliyuncs.com:cn-shanghai:china:cri-standin00000001';
  const challenge = `Bearer realm="http://127.0.0.1:1/auth",service="${service}"`;
  const { url } = await startCallServer(t, () => ({
    status: 401,
    headers: { 'www-authenticate': challenge },
  }));
  const { told, words } = await diagnosed(t, described, { url, tokenHosts: ['127.0.0.1:1'] });
  assert.deepEqual(told, [
    'acr hosts error token-host-unreachable',
    'acr credential skipped depends',
    'acr push-permission skipped depends',
  ]);
  assert.match(words('hosts'), /allow 127\.0\.0\.1:1 in the firewall/);
});

test('a clock that is wrong is found, and told by how much and to which side', async (t) => {
  const { described } = await startStand(t);
  const clock = { ...systemClock, now: () => systemClock.now() - 120_000 };
  const { told, words } = await diagnosed(t, { ...described, clock });
  assert.deepEqual(told, ['acr clock warn clock-skew']);
  assert.match(words('clock'), /clock is 1[12]\d s behind the registry's/);
});

test('a registry that speaks plain HTTP there has no certificate to trust', async (t) => {
  const { described } = await startStand(t);
  const acr = described.registries['acr'];
  const url = String(acr?.['url']).replace('http:', 'https:');
  const plain = { ...described, registries: { ...described.registries, acr: { ...acr, type: 'oci', url } } };
  const { checks } = await diagnose(t, plain);
  const found = checks.find(({ subject, check }) => subject === 'acr' && check === 'reachable');
  assert.equal(found?.code, 'plain-http-there');
  assert.doesNotMatch(JSON.stringify(found), /caFile/);
});

/** A registry whose token server, a stranger by its name, lets everybody do what `access` says. */
async function startForeign(t: TestContext, access: unknown): Promise<{ url: string; tokenHost: string }> {
  const claims = Buffer.from(JSON.stringify({ access })).toString('base64url');
  const tokens = await startCallServer(t, () => json(200, { token: `e30.${claims}.c2ln` }));
  const realm = `${tokens.url.replace('127.0.0.1', 'localhost')}/token`;
  const challenge = { 'www-authenticate': `Bearer realm="${realm}",service="foreign"` };
  const { url } = await startCallServer(t, ({ headers: { authorization } }) =>
    authorization === undefined ? { status: 401, headers: challenge } : json(200, {}),
  );
  return { url, tokenHost: new URL(realm).host };
}

test('who has no credential may ask a token server of any name', async (t) => {
  const { described } = await startStand(t);
  const challenge = { 'www-authenticate': 'Bearer realm="http://tokens.example/token",service="foreign"' };
  const { url } = await startCallServer(t, () => ({ status: 401, headers: challenge }));
  const connected: string[] = [];
  const network = {
    addresses: async () => ['192.0.2.1'],
    connect: async (host: string) => void connected.push(host),
  };
  const report = await diagnose(t, {
    ...described,
    registries: { ...described.registries, source: { url } },
    network,
  });
  const lines = told(report).filter((line) => line.startsWith('source '));
  assert.deepEqual(lines, ['source credential warn anonymous']);
  assert.ok(connected.includes('tokens.example'));
});

for (const access of [
  [{ type: { toString: 1 }, name: { toString: 1 }, actions: [{ toString: 1 }] }],
  [{ type: 'repository', name: 'mirror/app', actions: 'push' }, null, 1],
  'push',
]) {
  test(`a token that allows something odd allows nothing: ${JSON.stringify(access)}`, async (t) => {
    const { described } = await startStand(t);
    const { url, tokenHost } = await startForeign(t, access);
    const { source = {} } = described.registries;
    const acr = { url, username: 'u', password: 'hush', tokenHosts: [tokenHost] };
    const { told } = await diagnosed(t, { ...described, registries: { source, acr } });
    assert.deepEqual(new Set(told), new Set(['acr push-permission error no-push']));
  });
}

for (const [status, lines] of [
  [502, ['reachable error no-registry', 'credential skipped depends']],
  [302, ['reachable error no-registry', 'credential skipped depends']],
  [200, []],
] as const) {
  test(`where nobody is asked who he is (${status}), no credential is said to be known`, async (t) => {
    const { described } = await startStand(t);
    const headers = { location: 'http://100.100.100.200/' };
    const { url, requests } = await startCallServer(t, () => ({ status, headers }));
    const source = { url, username: 'u', password: 'hush' };
    const report = await diagnose(t, { ...described, registries: { ...described.registries, source } });
    const checks = report.checks.filter(({ subject }) => subject === 'source');
    assert.deepEqual(
      told({ ...report, checks }),
      lines.map((line) => `source ${line}`),
    );
    assert.doesNotMatch(wordsOf({ ...report, checks }, 'credential'), /known/);
    assert.ok(requests.every(({ path }) => path === '/v2/'));
  });
}

test('what a server repeats of a secret is not shown', async (t) => {
  const { described } = await startStand(t);
  const service = 'hush-password-hush';
  const challenge = { 'www-authenticate': `Bearer realm="/token",service="${service}"` };
  const { url } = await startCallServer(t, () => ({ status: 401, headers: challenge }));
  const { words } = await diagnosed(t, described, { url, username: 'u', password: service });
  assert.match(words('edition'), /calls itself \*\*\*/);
});
