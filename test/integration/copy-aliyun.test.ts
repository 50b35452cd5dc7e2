import assert from 'node:assert/strict';
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

/** The whole service with an access key of Alibaba Cloud in place of a user name and a password. */
async function startStand(t: TestContext): Promise<Stand> {
  const [harbor, acr] = await Promise.all([startHarbor(t), startAcr(t)]);
  const openApi = await startAcrOpenApi(t, { shelf: registryShelf(acr.url, pusher) });
  const there = { url: acr.url, realm: acr.tokens.trust.realm };
  const aliyun = `aliyun: { accessKeyId: ${accessKey.accessKeyId}, accessKeySecret: '\${ALIYUN_SECRET}', instanceId: ${instanceId}, region: cn-test, openapiUrl: '${openApi.url}' }`;
  const edits: Edit[] = [
    ...ends(harbor, there),
    [`username: ${pusher.name}`, aliyun],
    ['password: ${ACR_PASSWORD}', '# no password'],
  ];
  const file = await writeExample(await temporaryFolder(t), edits);
  const mirror = await serve(t, file, { env: { ALIYUN_SECRET: accessKey.accessKeySecret } });
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
