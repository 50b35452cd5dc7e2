import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { acrInstance } from '../support/acr-instance.ts';
import { accessKey, instanceId, startAcrOpenApi } from '../support/acr-openapi.ts';
import { startAcr } from '../support/acr-standin.ts';
import { pusher } from '../support/acr-tokens.ts';
import { startCallServer } from '../support/call-server.ts';
import { forward } from '../support/forward.ts';
import { diagnose, told, wordsOf } from './stand.ts';

/*
 * What the name of the host, the configuration and the registry say of the same thing: at an instance in which all else is
 * well, under its own name. A proxy knows
 * that name.
 */

interface Change {
  host: string;
  aliyun?: Record<string, unknown>;
}

async function diagnosed(t: TestContext, { host, aliyun }: Change) {
  const acr = await startAcr(t);
  const instance = acrInstance({ accounts: acr.accounts, immutable: acr.edge.immutable });
  const openApi = await startAcrOpenApi(t, { instance });
  const proxy = await startCallServer(t, (call) => forward(acr.url, call));
  const identity = { ...accessKey, openapiUrl: openApi.url, ...aliyun };
  const report = await diagnose(t, {
    registries: {
      source: { url: 'http://127.0.0.1:1', connectTimeout: '1s' },
      acr: {
        type: 'acr-ee',
        url: `http://${host}`,
        username: pusher.name,
        password: pusher.password,
        tokenHosts: [new URL(acr.tokens.trust.realm).host],
        aliyun: identity,
      },
    },
    rules: [{ name: 'all', source: 'source', repositories: ['mirror/app'], destination: 'acr' }],
    env: { HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' },
  });
  const checks = report.checks.filter(({ subject }) => subject === 'acr');
  const here = { ...report, checks };
  return {
    told: told(here).map((line) => line.replace(/^acr /, '')),
    words: (check: string) => wordsOf(here, check),
  };
}

const host = 'demo-registry.cn-shanghai.cr.aliyuncs.com';

test('3 where all say the same, nothing is told', async (t) => {
  const aliyun = { region: 'cn-shanghai', instanceId };
  assert.deepEqual((await diagnosed(t, { host, aliyun })).told, []);
});

test("3 the host's name is of another region than the registry", async (t) => {
  const { told, words } = await diagnosed(t, { host: 'demo-registry.cn-beijing.cr.aliyuncs.com' });
  assert.deepEqual(told, ['region error region-differs']);
  assert.match(
    words('region'),
    /^the host's name in registries\.acr\.url says cn-beijing, the registry says cn-shanghai$/m,
  );
});

test('3 the configuration is of another region than the registry', async (t) => {
  const { told, words } = await diagnosed(t, { host, aliyun: { region: 'cn-beijing' } });
  assert.deepEqual(told, ['region error region-differs']);
  assert.match(
    words('region'),
    /^registries\.acr\.aliyun\.region says cn-beijing, the registry says cn-shanghai$/m,
  );
});

for (const personal of [
  'registry.cn-hangzhou.aliyuncs.com',
  'crpi-0a1b2c.cn-hangzhou.personal.cr.aliyuncs.com',
])
  test(`1 a host of the personal edition: ${personal}`, async (t) => {
    const { told, words } = await diagnosed(t, { host: personal });
    assert.deepEqual(told, ['edition error personal-edition']);
    assert.match(words('edition'), /is a host of the personal edition/);
    assert.match(words('edition'), /https:\/\/<instance>-registry\.<region>\.cr\.aliyuncs\.com/);
  });
