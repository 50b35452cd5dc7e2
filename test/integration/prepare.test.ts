import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { acrInstance } from '../support/acr-instance.ts';
import {
  type AcrOpenApi,
  accessKey,
  instanceId,
  instanceShelf,
  registryShelf,
  startAcrOpenApi,
} from '../support/acr-openapi.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { pusher, temporary } from '../support/acr-tokens.ts';
import { ociImage } from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Harbor, developer, startHarbor } from './harbor.ts';
import { type Edit, type Mirror, environment, announce, ends, serve, writeExample } from './mirror.ts';
import { run } from './process.ts';

/** Missing namespaces and repositories at the destination, made as the configuration asks, and not otherwise. */

interface Stand {
  harbor: Harbor;
  acr: AcrStandIn;
  openApi: AcrOpenApi;
  file: string;
  env: Record<string, string>;
  serve(): Promise<Mirror>;
  /** How often an action was asked for. */
  asked(action: string): number;
}

const both = `
      namespaces: { visibility: private, autoCreateRepositories: false }
      repositories: { immutableTags: false, summary: 'A mirror of library' }`;

/** `prepare` is what stands below the key; the destination is `fresh/…`, a namespace that is not there. */
async function startStand(
  t: TestContext,
  prepare: string | undefined,
  { namespace = 'fresh', sweep = false } = {},
): Promise<Stand> {
  const [harbor, acr] = await Promise.all([startHarbor(t), startAcr(t)]);
  const instance = acrInstance({ accounts: acr.accounts, immutable: acr.edge.immutable });
  const grants = [{ repositories: /^(fresh|frozen|mirror)\//, actions: ['pull', 'push', 'create'] as const }];
  acr.accounts.users.unshift({ ...temporary, grants }, { ...pusher, grants });
  const shelf = instanceShelf(instance, registryShelf(acr.url, pusher));
  const openApi = await startAcrOpenApi(t, { shelf, instance });
  const aliyun = `aliyun: { accessKeyId: ${accessKey.accessKeyId}, accessKeySecret: '\${ALIYUN_SECRET}', instanceId: ${instanceId}, region: cn-test, openapiUrl: '${openApi.url}' }`;
  const edits: Edit[] = [
    ...ends(harbor, { url: acr.url, realm: acr.tokens.trust.realm }),
    [`username: ${pusher.name}`, prepare === undefined ? aliyun : `${aliyun}\n    prepare:${prepare}`],
    ['password: ${ACR_PASSWORD}', '# no password'],
    ['repository: mirror/{flat}', `repository: ${namespace}/{flat}`],
    ["repositories: ['library/**', '!library/tmp-*']", "repositories: ['library/app', 'library/web']"],
    ...(sweep ? [] : ([['onStart: true', 'onStart: false']] as const)),
  ];
  const file = await writeExample(await temporaryFolder(t), edits);
  const env = { ALIYUN_SECRET: accessKey.accessKeySecret };
  return {
    harbor,
    acr,
    openApi,
    file,
    env,
    serve: () => serve(t, file, { env }),
    asked: (action) => openApi.calls.filter((call) => call.action === action).length,
  };
}

function made(mirror: Mirror): unknown[] {
  const lines = mirror.log().filter(({ message }) => /^destination \w+ made$/.test(String(message)));
  return lines.map(({ level, registry, namespace, repository }) => [
    level,
    registry,
    namespace ?? repository,
  ]);
}

test('a missing namespace and its repository are made by the template, and the tag is copied', async (t) => {
  const { harbor, acr, openApi, asked, serve } = await startStand(t, both);
  const mirror = await serve();
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('prepared'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.deepEqual(
    await contentsOf(acr.url, 'fresh/app', 'v1', pusher),
    await contentsOf(harbor.url, 'library/app', 'v1', developer),
  );
  const { namespaces, summaries, visibility } = openApi.instance;
  assert.deepEqual(namespaces.get('fresh'), { autoCreate: false, public: false, immutable: false });
  assert.deepEqual(
    [summaries.get('fresh/app'), visibility.get('fresh/app')],
    ['A mirror of library', 'PRIVATE'],
  );
  assert.deepEqual(made(mirror), [
    ['info', 'acr', 'fresh'],
    ['info', 'acr', 'fresh/app'],
  ]);
  await push(harbor.url, 'library/app', 'v2', ociImage('second'), developer);
  const [second = 0] = await announce(mirror, 'library/app', 'v2', ociImage('second').descriptor.digest);
  assert.equal((await mirror.finished(second)).outcome, 'copied');
  assert.equal(asked('GetRepository'), 1);
});

test('two tags of one new repository at once: it is made once', async (t) => {
  const { harbor, asked, serve } = await startStand(t, both);
  const mirror = await serve();
  const ids: number[] = [];
  for (const tag of ['v1', 'v2', 'v3', 'v4']) {
    const digest = await push(harbor.url, 'library/app', tag, ociImage(tag), developer);
    ids.push(...(await announce(mirror, 'library/app', tag, digest)));
  }
  for (const id of ids) {
    const { outcome, attempts } = await mirror.finished(id);
    assert.deepEqual([outcome, attempts.length], ['copied', 1]);
  }
  assert.deepEqual(['GetRepository', 'CreateNamespace', 'CreateRepository'].map(asked), [1, 1, 1]);
});

test('auto-creation off: a new repository in a namespace that is there', async (t) => {
  const repositories = `\n      repositories: { visibility: public, immutableTags: true }`;
  const { harbor, acr, openApi, asked, serve } = await startStand(t, repositories, { namespace: 'frozen' });
  const mirror = await serve();
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('frozen'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.deepEqual(openApi.instance.visibility.get('frozen/app'), 'PUBLIC');
  assert.ok(acr.edge.immutable.has('frozen/app'));
  assert.equal(openApi.instance.summaries.get('frozen/app'), 'Mirrored by Tagferry');
  assert.deepEqual(acr.accounts.namespaces.get('frozen'), { autoCreate: false, public: false });
  assert.equal(asked('CreateNamespace'), 0);
});

test('what may not be made is denied, with the permission to grant; once granted, it goes', async (t) => {
  const { harbor, openApi, serve } = await startStand(t, both, { namespace: 'frozen' });
  openApi.forbidden.add('CreateRepository');
  const mirror = await serve();
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('denied'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  const waiting = await eventually('a task that waits', async () => {
    const task = await mirror.task(id);
    return task.state === 'retryable' && task;
  });
  assert.equal(waiting.reason, 'destination-denied');
  const [told] = /grant .* to /.exec(waiting.message ?? '') ?? [];
  assert.equal(told, `grant cr:CreateRepository on acs:cr:*:*:repository/${instanceId}/frozen to `);
  assert.match(waiting.message ?? '', /^resolve v1 at the destination: CreateRepository at /);
  openApi.forbidden.clear();
  await mirror.api('POST', `/tasks/${id}/retry`);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
});

test('a missing namespace without a template for it is denied, and none is made', async (t) => {
  const { harbor, acr, asked, serve } = await startStand(t, '\n      repositories: {}');
  const mirror = await serve();
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('nowhere'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  const waiting = await eventually('a task that waits', async () => {
    const task = await mirror.task(id);
    return task.state === 'retryable' && task;
  });
  assert.equal(waiting.reason, 'destination-denied');
  assert.match(waiting.message ?? '', /namespace fresh is not there, and prepare\.namespaces/);
  assert.ok(!acr.accounts.namespaces.has('fresh'));
  assert.equal(asked('CreateNamespace') + asked('CreateRepository'), 0);
});

test('without `prepare` nothing is made, and nothing is asked for', async (t) => {
  const { harbor, acr, asked, serve } = await startStand(t, undefined, { namespace: 'frozen' });
  const mirror = await serve();
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('unasked'), developer);
  const [id = 0] = await announce(mirror, 'library/app', 'v1', digest);
  const waiting = await eventually('a task that waits', async () => {
    const task = await mirror.task(id);
    return task.state === 'retryable' && task;
  });
  assert.match(waiting.message ?? '', /resolve v1 at the destination: HEAD .* answered 401/);
  assert.deepEqual([...acr.accounts.repositories], ['frozen/known']);
  assert.deepEqual(['GetRepository', 'CreateNamespace', 'CreateRepository'].map(asked), [0, 0, 0]);
});

test('a source tag that has gone makes nothing', async (t) => {
  const { acr, asked, serve } = await startStand(t, both);
  const mirror = await serve();
  const [id = 0] = await announce(mirror, 'library/app', 'v1', ociImage('gone').descriptor.digest);
  assert.equal((await mirror.finished(id)).outcome, 'source-gone');
  assert.ok(!acr.accounts.namespaces.has('fresh'));
  assert.equal(asked('GetRepository'), 0);
});

test('a sweep brings what a missing namespace lacks; a plan before it tells so, and makes nothing', async (t) => {
  const { harbor, acr, asked, serve, file, env } = await startStand(t, both, { sweep: true });
  for (const name of ['app', 'web'])
    await push(harbor.url, `library/${name}`, 'v1', ociImage(name), developer);
  const plan = await run(t, ['plan', '--config', file, '--json'], { env: { ...environment, ...env } });
  const { counts } = JSON.parse(plan.stdout);
  assert.deepEqual([counts.copied, counts.failed], [2, 0], plan.stdout);
  assert.ok(!acr.accounts.namespaces.has('fresh'));
  assert.equal(asked('CreateNamespace') + asked('CreateRepository'), 0);
  await serve();
  for (const name of ['app', 'web'])
    await eventually(`fresh/${name}`, () =>
      digestOfTag(acr.url, `fresh/${name}`, 'v1', pusher).catch(() => undefined),
    );
  assert.deepEqual(['CreateNamespace', 'CreateRepository'].map(asked), [1, 2]);
});
