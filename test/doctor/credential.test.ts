import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { acrInstance } from '../support/acr-instance.ts';
import { type AcrOpenApi, accessKey, startAcrOpenApi } from '../support/acr-openapi.ts';
import { startAcr } from '../support/acr-standin.ts';
import { diagnose, told, wordsOf } from './stand.ts';

/* What is wrong with who asks, at an ACR in which all else is well. */

interface Login {
  username: string;
  password: string;
}

/** By that login, or by temporary passwords, which need the OpenAPI. */
async function diagnosed(t: TestContext, login?: Login, change?: (openApi: AcrOpenApi) => void) {
  const acr = await startAcr(t);
  const instance = acrInstance({ accounts: acr.accounts, immutable: acr.edge.immutable });
  const openApi = await startAcrOpenApi(t, { instance });
  change?.(openApi);
  const aliyun = { ...accessKey, openapiUrl: openApi.url };
  const tokenHosts = [new URL(acr.tokens.trust.realm).host];
  const report = await diagnose(t, {
    registries: {
      source: { url: 'http://127.0.0.1:1', connectTimeout: '1s' },
      acr: { type: 'acr-ee', url: acr.url, tokenHosts, ...(login ?? { aliyun }) },
    },
    rules: [{ name: 'all', source: 'source', repositories: ['mirror/app'], destination: 'acr' }],
  });
  const checks = report.checks.filter(({ subject }) => subject === 'acr');
  const here = { ...report, checks };
  return {
    told: told(here).map((line) => line.replace(/^acr /, '')),
    words: (check: string) => wordsOf(here, check),
  };
}

test('8 temporary passwords at an instance in which all is well', async (t) => {
  assert.deepEqual((await diagnosed(t)).told, []);
});

test('8 an identity that may not fetch passwords: what to grant, and nothing else is blamed', async (t) => {
  const { told, words } = await diagnosed(t, undefined, ({ forbidden }) =>
    forbidden.add('GetAuthorizationToken'),
  );
  assert.deepEqual(told, ['credential error no-privilege', 'push-permission skipped depends']);
  assert.match(words('credential'), /cr:GetAuthorizationToken on Resource "\*"/);
});

for (const username of ['pusher@role.1000000000000001.onaliyun.com', 'assumed-role/pusher/session'])
  test(`8 a role with a fixed password: ${username}`, async (t) => {
    const { told, words } = await diagnosed(t, { username, password: 'not-to-be-shown' });
    assert.deepEqual(told, ['credential error role-with-password', 'push-permission skipped depends']);
    assert.match(words('credential'), /is a RAM role, and a role has no fixed password/);
    assert.match(words('credential'), /leave out username and password, and name the identity in `aliyun`/);
    assert.doesNotMatch(words('credential'), /not-to-be-shown/);
  });

const personalEdition = { status: 404, code: 'USER_NOT_EXIST' };

test('8 the OpenAPI of the personal edition fetches no password', async (t) => {
  const { told, words } = await diagnosed(t, undefined, ({ refusing }) =>
    refusing.set('GetAuthorizationToken', personalEdition),
  );
  assert.deepEqual(told, ['credential error personal-edition-api', 'push-permission skipped depends']);
  assert.match(words('credential'), /set aliyun\.openapiUrl to https:\/\/cr\.<region>\.aliyuncs\.com/);
});

test('8 the OpenAPI of the personal edition answers nothing: it is not the access key', async (t) => {
  const { told, words } = await diagnosed(t, undefined, (openApi) => openApi.refuse(1_000, personalEdition));
  assert.deepEqual(told, [
    'instance error personal-edition-api',
    'public-access skipped depends',
    'credential skipped depends',
    'namespace skipped depends',
    'auto-create skipped depends',
    'push-permission skipped depends',
    'quota skipped depends',
    'immutability skipped depends',
  ]);
  assert.match(words('instance'), /the OpenAPI of the personal edition was asked/);
  assert.match(words('instance'), /set aliyun\.openapiUrl/);
  assert.doesNotMatch(words('instance'), /AccessKey/);
});
