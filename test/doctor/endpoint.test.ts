import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type AcrOpenApi, accessKey, instanceId, startAcrOpenApi } from '../support/acr-openapi.ts';
import { pusher } from '../support/acr-tokens.ts';
import { diagnose, networkOf, told, wordsOf } from './stand.ts';

/** What the OpenAPI adds where the name of the VPC endpoint leads nowhere: from where it would. */

const host = 'demo-registry-vpc.cn-shanghai.cr.aliyuncs.com';

async function diagnosed(
  t: TestContext,
  names: Record<string, string[]>,
  change?: (openApi: AcrOpenApi) => void,
) {
  const openApi = await startAcrOpenApi(t, {});
  change?.(openApi);
  const aliyun = { ...accessKey, instanceId, region: 'cn-shanghai', openapiUrl: openApi.url };
  const login = { username: pusher.name, password: pusher.password };
  const report = await diagnose(t, {
    registries: {
      source: { url: 'http://127.0.0.1:1' },
      acr: { type: 'acr-ee', url: `https://${host}`, ...login, aliyun },
    },
    rules: [{ name: 'all', source: 'source', repositories: ['mirror/app'], destination: 'acr' }],
    network: networkOf(names),
  });
  const checks = report.checks.filter(({ subject }) => subject === 'acr');
  return {
    told: told({ ...report, checks }).filter((line) => !line.endsWith('skipped depends')),
    words: wordsOf({ ...report, checks }, 'endpoint'),
  };
}

test('4 the name of the VPC is not known here: which VPCs are linked, and what to do', async (t) => {
  const { told, words } = await diagnosed(t, {});
  assert.deepEqual(told, ['acr endpoint error name-unresolved']);
  assert.match(words, /linked to the instance: vpc-1 \(10\.0\.0\.9, RUNNING\)/);
  assert.match(words, /Access Control → VPC → Add VPC/);
});

test('4 it leads outside: which VPCs are linked', async (t) => {
  const { words } = await diagnosed(t, { [host]: ['127.0.0.1'] });
  assert.match(words, /127\.0\.0\.1 here, which is not within a VPC; linked to the instance: vpc-1/);
});

test('4 no VPC is linked, or access from VPCs is off', async (t) => {
  const none = await diagnosed(t, {}, ({ instance }) => (instance.vpc.LinkedVpcs = []));
  assert.match(none.words, /no VPC is linked to the instance/);
  const off = await diagnosed(t, {}, ({ instance }) => (instance.vpc.Enable = false));
  assert.match(off.words, /access from VPCs is off/);
});

test('4 the links may not be looked at: what to grant', async (t) => {
  const { told, words } = await diagnosed(t, {}, ({ forbidden }) => forbidden.add('GetInstanceVpcEndpoint'));
  assert.deepEqual(told, ['acr endpoint error name-unresolved', 'acr endpoint warn no-privilege']);
  assert.match(words, /it could not be seen which VPCs are linked/);
  assert.match(words, /grant cr:GetInstanceVpcEndpoint on acs:cr:\*:\*:instance\/cri-standin00000001/);
});
