import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Namespaces } from '../../src/aliyun/namespaces.ts';
import { Overview } from '../../src/aliyun/overview.ts';
import { systemClock } from '../../src/clock.ts';
import { RegistryError } from '../../src/copy/error.ts';
import { acrChecks } from '../../src/doctor/acr/checks.ts';
import { acrEvidence, openApiEvidence } from '../../src/doctor/acr/evidence.ts';
import { examine } from '../../src/doctor/check.ts';
import { registryEvidence } from '../../src/doctor/registry/evidence.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { load } from '../config/document.ts';
import { acrInstance } from '../support/acr-instance.ts';
import { type AcrOpenApi, accessKey, instanceId, startAcrOpenApi } from '../support/acr-openapi.ts';
import { startAcr } from '../support/acr-standin.ts';
import { pusher } from '../support/acr-tokens.ts';

/** Names that this machine cannot have: the stand-in answers for a host of ACR, and the test looks up its name. */

const open = 'demo-registry.cn-shanghai.cr.aliyuncs.com';
const vpc = 'demo-registry-vpc.cn-shanghai.cr.aliyuncs.com';

interface Names {
  host: string;
  /** Addresses by name; of others there are none. */
  addresses: Record<string, string[]>;
  proxied?: boolean;
  aliyun?: boolean;
  change?: (openApi: AcrOpenApi) => void;
}

async function diagnosed(t: TestContext, names: Names) {
  const acr = await startAcr(t);
  const openApi = await startAcrOpenApi(t, { instance: acrInstance({ accounts: acr.accounts }) });
  names.change?.(openApi);
  const aliyun = { ...accessKey, instanceId, region: 'cn-shanghai', openapiUrl: openApi.url };
  const login = { username: pusher.name, password: pusher.password };
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const { registries, rules } = load({
    registries: {
      source: { url: 'https://source.test' },
      acr: { type: 'acr-ee', url: acr.url, ...login, tokenHosts, aliyun },
    },
    rules: [{ name: 'all', source: 'source', repositories: ['mirror/app'], destination: 'acr' }],
    webhook: { allowUnauthenticated: true },
  });
  const made = new ConfiguredRegistries(registries, systemClock, () => undefined);
  const probe = made.probe('acr');
  t.after(() => Promise.all([made.close(), probe.close()]));
  return judged({ ...names, registries, rules, made, probe });
}

type Parts = Names &
  Pick<ReturnType<typeof load>, 'registries' | 'rules'> & {
    made: ConfiguredRegistries;
    probe: ReturnType<ConfiguredRegistries['probe']>;
  };

async function judged({ host, addresses, registries, rules, made, probe, ...names }: Parts) {
  const signal = new AbortController().signal;
  const [, config] = registries;
  const client = made.openApi('acr');
  assert.ok(config && client);
  const registry = registryEvidence({
    config: { ...config, url: `https://${host}` },
    probe,
    clock: systemClock,
    signal,
    proxied: () => names.proxied ?? false,
    planned: async () => ['mirror/app'],
    resolve: async (name) => {
      const found = addresses[name];
      if (found) return found;
      throw new RegistryError('unreachable', `the name ${name} has no address (ENOTFOUND)`);
    },
  });
  const options = { overview: new Overview(client), namespaces: new Namespaces(client), signal };
  const openApi = openApiEvidence({ ...options, id: async () => instanceId });
  const planned = async () => new Map([['mirror/app', ['all']]]);
  const withIdentity = names.aliyun ?? true;
  const evidence = acrEvidence(
    { ...registry, aliyun: withIdentity },
    { rules, planned, openApi: withIdentity ? openApi : undefined },
  );
  const findings = await examine(acrChecks, evidence, signal);
  const words = findings
    .filter(({ check }) => check === 'endpoint')
    .flatMap(({ saw, means = '', next = [] }) => [saw, means, ...next]);
  return {
    told: findings
      .filter(({ status, code }) => status !== 'ok' && code !== 'needs-aliyun')
      .map(({ check, status, code }) => `${check} ${status} ${code}`)
      // Which of both names is that of the region, others judge.
      .filter((line) => !/^(edition|region) /.test(line)),
    words: words.join('\n'),
  };
}

test('4 each name leads where it should: nothing is told', async (t) => {
  const well = await diagnosed(t, { host: open, addresses: { [open]: ['47.0.0.1'] } });
  assert.deepEqual(well.told, []);
  const inside = await diagnosed(t, { host: vpc, addresses: { [vpc]: ['10.0.0.9'] } });
  assert.deepEqual(inside.told, []);
  assert.match(inside.words, /10\.0\.0\.9, which is within a VPC/);
});

test('4 a proxy looks names up itself', async (t) => {
  const { told, words } = await diagnosed(t, { host: vpc, addresses: {}, proxied: true });
  assert.deepEqual(told, []);
  assert.match(words, /a proxy leads to/);
});

test('4 the public name has no address', async (t) => {
  const { told, words } = await diagnosed(t, { host: open, addresses: {} });
  assert.deepEqual(told, ['endpoint error name-unresolvable', 'whitelist skipped depends']);
  assert.match(words, /ENOTFOUND/);
});

test('4 the name of the VPC is not known here: which VPCs are linked, and what else to do', async (t) => {
  const { told, words } = await diagnosed(t, { host: vpc, addresses: {} });
  assert.deepEqual(told, ['endpoint error vpc-unresolvable', 'whitelist skipped depends']);
  assert.match(words, /linked to the instance: vpc-1 \(10\.0\.0\.9, RUNNING\)/);
  assert.match(words, /Access Control → VPC → Add VPC/);
  assert.match(words, /alicloud_cr_vpc_endpoint_linked_vpc/);
  assert.match(words, new RegExp(`endpoint: public, which is https://${open}`));
});

test('4 no VPC is linked, or access from VPCs is off', async (t) => {
  const none = await diagnosed(t, {
    host: vpc,
    addresses: {},
    change: ({ instance }) => (instance.vpc.LinkedVpcs = []),
  });
  assert.match(none.words, /no VPC is linked to the instance/);
  const off = await diagnosed(t, {
    host: vpc,
    addresses: {},
    change: ({ instance }) => (instance.vpc.Enable = false),
  });
  assert.match(off.words, /access from VPCs is off/);
});

test('4 the name of the VPC leads outside', async (t) => {
  const { told, words } = await diagnosed(t, { host: vpc, addresses: { [vpc]: ['47.0.0.1'] } });
  assert.deepEqual(told, ['endpoint error vpc-not-private']);
  assert.match(words, /47\.0\.0\.1 here/);
  assert.match(words, /100\.100\.2\.136/);
});

test('4 the public way is taken where the VPC is at hand', async (t) => {
  const addresses = { [open]: ['47.0.0.1'], [vpc]: ['100.100.0.9'] };
  const { told, words } = await diagnosed(t, { host: open, addresses });
  assert.deepEqual(told, ['endpoint warn public-while-vpc']);
  assert.match(words, /registries\.acr\.endpoint: auto, or vpc/);
});

test('4 the links may not be looked at, or there is no identity', async (t) => {
  const forbidden = await diagnosed(t, {
    host: vpc,
    addresses: {},
    change: ({ forbidden }) => forbidden.add('GetInstanceVpcEndpoint'),
  });
  assert.deepEqual(forbidden.told, [
    'endpoint error vpc-unresolvable',
    'endpoint warn no-privilege',
    'whitelist skipped depends',
  ]);
  assert.match(forbidden.words, /it could not be seen which VPCs are linked/);
  assert.match(
    forbidden.words,
    /grant cr:GetInstanceVpcEndpoint on acs:cr:\*:\*:instance\/cri-standin00000001/,
  );
  const nobody = await diagnosed(t, { host: vpc, addresses: {}, aliyun: false });
  assert.deepEqual(nobody.told, ['endpoint error vpc-unresolvable', 'whitelist skipped depends']);
});
