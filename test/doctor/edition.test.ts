import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startAcr } from '../support/acr-standin.ts';
import { pusher } from '../support/acr-tokens.ts';
import { startCallServer } from '../support/call-server.ts';
import { type Described, diagnose, networkOf, told, wordsOf } from './stand.ts';

const rules = [{ name: 'all', source: 'source', repositories: ['mirror/app'], destination: 'acr' }];

async function diagnosed(t: TestContext, acr: Record<string, unknown>, more: Partial<Described> = {}) {
  const source = { url: 'http://127.0.0.1:1' };
  const registries = {
    source,
    acr: { type: 'acr-ee', username: pusher.name, password: pusher.password, ...acr },
  };
  const report = await diagnose(t, { registries, rules, ...more });
  const its = { ...report, checks: report.checks.filter(({ subject }) => subject === 'acr') };
  return { told: told(its), words: (check: string) => wordsOf(its, check), its };
}

/** A registry that calls itself so, and refuses everybody. */
async function startCalled(t: TestContext, service: string): Promise<{ url: string; tokenHosts: string[] }> {
  const server = await startCallServer(t, (call) => {
    const challenge = `Bearer realm="${server.url}/auth",service="${service}"`;
    return { status: call.path === '/auth' ? 403 : 401, headers: { 'www-authenticate': challenge } };
  });
  return { url: server.url, tokenHosts: [new URL(server.url).host] };
}

const refused = ['acr credential error wrong-credential', 'acr push-permission skipped depends'];

test('the personal edition is known by its challenge', async (t) => {
  const called = await startCalled(t, 'registry.aliyuncs.com:cn-hangzhou:26842');
  const { told, words } = await diagnosed(t, called);
  assert.deepEqual(told, ['acr edition error personal-edition', ...refused]);
  assert.match(words('edition'), /https:\/\/<instance>-registry\.<region>\.cr\.aliyuncs\.com/);
});

test('what is no ACR is told as such, and of regions nothing is said', async (t) => {
  const { told } = await diagnosed(t, await startCalled(t, 'harbor-registry'));
  assert.deepEqual(told, ['acr edition error no-acr', 'acr region skipped depends', ...refused]);
});

test('an instance and a region that the registry contradicts are named, both sides of it', async (t) => {
  const acr = await startAcr(t);
  const aliyun = {
    accessKeyId: 'AKTEST',
    accessKeySecret: 'a-secret',
    region: 'cn-beijing',
    instanceId: 'cri-other',
    openapiUrl: 'http://127.0.0.1:1',
  };
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const { words, its } = await diagnosed(t, { url: acr.url, tokenHosts, aliyun });
  assert.deepEqual(
    its.checks.filter(({ check }) => check === 'region').map(({ code }) => code),
    ['region-differs', 'instance-differs'],
  );
  assert.match(
    words('region'),
    /registries\.acr\.aliyun\.region says cn-beijing, the registry says cn-shanghai/,
  );
  assert.match(words('region'), /instanceId says cri-other, the registry says cri-standin00000001/);
});

const publicHost = 'demo-registry.cn-shanghai.cr.aliyuncs.com';
const vpcHost = 'demo-registry-vpc.cn-shanghai.cr.aliyuncs.com';

/** What the check of the endpoint says where names lead there. */
async function endpointOf(t: TestContext, host: string, names: Record<string, string[]>): Promise<string[]> {
  const network = networkOf(names);
  const { its } = await diagnosed(t, { url: `https://${host}`, connectTimeout: '1ms' }, { network });
  return its.checks
    .filter(({ check }) => check === 'endpoint')
    .map(({ status, code, saw, next = [] }) => [status, code, saw, ...next].join('\n'));
}

test('a public name while the VPC one leads inside: it costs traffic', async (t) => {
  const [told] = await endpointOf(t, publicHost, { [publicHost]: ['8.8.8.8'], [vpcHost]: ['10.0.0.5'] });
  assert.match(told ?? '', /^warn\npublic-in-vpc\n/);
  assert.match(told ?? '', /registries\.acr\.endpoint: vpc/);
});

test('a public name outside of any VPC, and the VPC one inside, are as they should be', async (t) => {
  const outside = await endpointOf(t, publicHost, { [publicHost]: ['8.8.8.8'] });
  assert.match(outside.join(''), /^ok/);
  const inside = await endpointOf(t, vpcHost, { [vpcHost]: ['100.64.3.4'] });
  assert.match(inside.join(''), /^ok/);
});

test('a VPC name that is not known here, or leads outside, is wrong', async (t) => {
  const [unknown] = await endpointOf(t, vpcHost, {});
  assert.match(unknown ?? '', /^error\nname-unresolved\n/);
  assert.match(unknown ?? '', /Access Control → VPC → Add VPC/);
  const [outside] = await endpointOf(t, vpcHost, { [vpcHost]: ['8.8.8.8'] });
  assert.match(outside ?? '', /^error\nvpc-not-private\n/);
});

test('where the name has no address, nothing else is said of the registry', async (t) => {
  const network = networkOf({});
  const { told } = await diagnosed(t, { url: `https://${publicHost}`, connectTimeout: '1ms' }, { network });
  assert.deepEqual(told.slice(0, 4), [
    'acr edition skipped depends',
    'acr region skipped depends',
    'acr endpoint error name-unresolved',
    'acr whitelist skipped depends',
  ]);
  assert.deepEqual(
    told.slice(4).filter((line) => !line.includes('skipped depends')),
    [],
  );
});
