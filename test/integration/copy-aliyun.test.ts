import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type AcrOpenApi,
  accessKey,
  instanceId,
  registryShelf,
  startAcrOpenApi,
} from '../support/acr-openapi.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { pusher, temporary } from '../support/acr-tokens.ts';
import { ociImage } from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { role, startEcsMetadata, startSts } from '../support/sts.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Harbor, developer, startHarbor } from './harbor.ts';
import { type Edit, type Mirror, announce, ends, serve, writeExample } from './mirror.ts';

interface Stand {
  harbor: Harbor;
  acr: AcrStandIn;
  openApi: AcrOpenApi;
  mirror: Mirror;
}

const key = `accessKeyId: ${accessKey.accessKeyId}, accessKeySecret: '\${ALIYUN_SECRET}'`;
const instance = `instanceId: ${instanceId}, region: cn-test`;

/** The whole service with an identity of Alibaba Cloud, by default an access key, in place of a user name and a password. */
async function startStand(
  t: TestContext,
  identity = `${key}, ${instance}`,
  environment: Record<string, string> = {},
  more: readonly Edit[] = [],
): Promise<Stand> {
  const [harbor, acr] = await Promise.all([startHarbor(t), startAcr(t)]);
  const openApi = await startAcrOpenApi(t, { shelf: registryShelf(acr.url, pusher) });
  const there = { url: acr.url, realm: acr.tokens.trust.realm };
  const aliyun = `aliyun: { ${identity}, openapiUrl: '${openApi.url}' }`;
  const edits: Edit[] = [
    ...ends(harbor, there),
    [`username: ${pusher.name}`, aliyun],
    ['password: ${ACR_PASSWORD}', '# no password'],
    ...more,
  ];
  const file = await writeExample(await temporaryFolder(t), edits);
  const mirror = await serve(t, file, {
    env: { ALIYUN_SECRET: accessKey.accessKeySecret, ...environment },
  });
  return { harbor, acr, openApi, mirror };
}

test('with an access key alone, a tag is copied by a temporary password, which nothing shows', async (t) => {
  const { harbor, acr, openApi, mirror } = await startStand(t);
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('temporary'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.deepEqual(
    await contentsOf(acr.url, 'mirror/app', 'v1', pusher),
    await contentsOf(harbor.url, 'library/app', 'v1', developer),
  );
  const names = acr.tokens.questions.map(({ name }) => name);
  assert.ok(names.includes(temporary.name));
  const actions = openApi.calls.map(({ action }) => action);
  assert.equal(actions.filter((action) => action === 'GetAuthorizationToken').length, 1);
  const metrics = await fetch(`${mirror.url}/metrics`).then((answer) => answer.text());
  const shown = [...mirror.stdout, ...mirror.stderr, metrics, JSON.stringify(await mirror.task(id))].join(
    '\n',
  );
  for (const secret of [temporary.password, accessKey.accessKeySecret]) assert.ok(!shown.includes(secret));
  assert.match(
    metrics,
    /tagferry_registry_requests_total\{[^}]*registry="acr"[^}]*method="POST"[^}]*status="200"/,
  );
});

test('while the OpenAPI is away a task waits, and no attempt is spent', async (t) => {
  const { harbor, openApi, mirror } = await startStand(t);
  openApi.faults.always(/./, async () => 'reset');
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('away'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  const waiting = await eventually('a task that waits', async () => {
    const task = await mirror.task(id);
    return task.state === 'retryable' && task;
  });
  assert.deepEqual([waiting.reason, waiting.attemptCount], ['unreachable', 0]);
  assert.match(
    waiting.message ?? '',
    /registry acr: its credential cannot be read: GetAuthorizationToken at /,
  );
  openApi.faults.clear();
  await mirror.api('POST', `/tasks/${id}/retry`);
  const done = await mirror.finished(id);
  assert.equal(done.outcome, 'copied');
});

/** Copies one tag, and gives the calls of the OpenAPI. */
async function copied({ harbor, acr, openApi, mirror }: Stand, seed: string): Promise<AcrOpenApi['calls']> {
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage(seed), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.deepEqual(
    await contentsOf(acr.url, 'mirror/app', 'v1', pusher),
    await contentsOf(harbor.url, 'library/app', 'v1', developer),
  );
  return openApi.calls;
}

test('which instance it is, is found from the challenge of the registry', async (t) => {
  const calls = await copied(await startStand(t, key), 'found');
  assert.deepEqual(new Set(calls.map(({ parameters }) => parameters['InstanceId'])), new Set([instanceId]));
});

test('with a RAM role by OIDC, as Kubernetes gives it, a tag is copied, and nothing shows what came', async (t) => {
  const sts = await startSts(t);
  const tokenFile = join(await temporaryFolder(t), 'token');
  await writeFile(tokenFile, sts.token);
  const stand = await startStand(t, `oidc: { stsUrl: '${sts.url}' }`, {
    ALIBABA_CLOUD_ROLE_ARN: role.roleArn,
    ALIBABA_CLOUD_OIDC_PROVIDER_ARN: role.providerArn,
    ALIBABA_CLOUD_OIDC_TOKEN_FILE: tokenFile,
  });
  const calls = await copied(stand, 'oidc');
  assert.deepEqual(new Set(calls.map(tokenOf)), new Set(['sts-token-1']));
  assert.equal(sts.given, 1);
  const { stdout, stderr } = stand.mirror;
  const shown = [...stdout, ...stderr].join('\n');
  for (const secret of [sts.token, 'sts-token-1', accessKey.accessKeySecret, temporary.password])
    assert.ok(!shown.includes(secret));
});

test('with the RAM role of the ECS instance that it runs on, a tag is copied', async (t) => {
  const ecs = await startEcsMetadata(t);
  const calls = await copied(await startStand(t, `ecsRamRole: { metadataUrl: '${ecs.url}' }`), 'ecs');
  assert.deepEqual(new Set(calls.map(tokenOf)), new Set(['sts-token-1']));
  assert.equal(ecs.given, 1);
});

test("with what Alibaba's own package finds, a tag is copied", async (t) => {
  const modules = await temporaryFolder(t);
  const own = join(modules, '@alicloud', 'credentials');
  await mkdir(own, { recursive: true });
  const found = { ...accessKey, securityToken: 'of-the-package' };
  const code = `exports.default = class { async getCredential() { return ${JSON.stringify(found)}; } };`;
  await writeFile(join(own, 'index.js'), code);
  const stand = await startStand(t, 'credentialsPackage: true', { NODE_PATH: modules });
  const calls = await copied(stand, 'package');
  assert.deepEqual(new Set(calls.map(tokenOf)), new Set(['of-the-package']));
});

function tokenOf({ headers }: AcrOpenApi['calls'][number]): unknown {
  return headers['x-acs-security-token'];
}

test('a host that is no name of an instance is left as it is by endpoint: auto, and the log says so', async (t) => {
  const stand = await startStand(t, undefined, {}, [['# endpoint: auto', 'endpoint: auto']]);
  await copied(stand, 'auto');
  const lines = stand.mirror.log().filter(({ url }) => url === stand.acr.url);
  assert.equal(lines.length, 1);
  assert.match(String(lines[0]?.['message']), /^registry acr is reached by a host of its own/);
});
