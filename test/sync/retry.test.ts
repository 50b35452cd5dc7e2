import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { BlobTraffic } from '../../src/copy/blob.ts';
import { json, type Call } from '../../src/demo/registry/call.ts';
import { Registry } from '../../src/registry/registry.ts';
import { Journal } from '../../src/sync/journal.ts';
import { planOf } from '../../src/sync/plan.ts';
import { Run } from '../../src/sync/run.ts';
import { loadConfig } from '../imagesyncer/files.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { hastyClock, hostOf, startRegistry, sync } from './embedded.ts';

const image = ociImage('retry');
const starts = (lines: readonly string[]) =>
  lines.filter((line) => line.includes('Start to retry tasks')).length;

test('row 55: a PUT that fails once succeeds in the next round', async (t) => {
  let fails = 2; // the request itself is sent twice
  const source = await startRegistry(t);
  const destination = await startRegistry(t, {
    misbehave: (call, next) =>
      isPut(call) && fails-- > 0 ? Promise.resolve(json(500, { errors: [] })) : next(),
  });
  await push(source.url, 'p/x', 'v1', image);
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
  const run = await sync(t, { images, registries: [source, destination] }, { retries: 1 }, hastyClock);
  const report = await run.report;
  assert.deepEqual(report.counts, { copied: 1, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 });
  assert.equal(report.tags[0]?.attempts, 2);
  assert.equal(starts(run.lines), 1);
  assert.equal(await digestOfTag(destination.url, 'n/x', 'v1'), image.descriptor.digest);
  const failed = run.lines.findIndex((line) =>
    line.includes('msg="Failed to executed synchronizing manifest'),
  );
  const start = run.lines.findIndex((line) => line.includes('Start to retry'));
  const finish = run.lines.findIndex((line) => line.includes('msg="Finish synchronizing manifest from'));
  assert.ok(0 < failed && failed < start && start < finish, run.lines.join('\n'));
});

test('a tag whose first PUT lost its answer was copied all the same, and its blobs with all their bytes', async (t) => {
  let loses = 1;
  const source = await startRegistry(t);
  const destination = await startRegistry(t, {
    misbehave: async (call, next) => {
      const answer = await next();
      if (isPut(call) && loses-- > 0) answer.headers['docker-content-digest'] = `sha256:${'0'.repeat(64)}`;
      return answer;
    },
  });
  await push(source.url, 'p/x', 'v1', image);
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
  const run = await sync(t, { images, registries: [source, destination] }, { retries: 1 }, hastyClock);
  const { tags, counts, bytes } = await run.report;
  assert.deepEqual(counts, { copied: 1, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 });
  assert.deepEqual(tags[0]?.blobs, { copied: image.blobs.length, mounted: 0, skipped: 0 });
  assert.equal(
    bytes,
    image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  );
});

test('what an attempt brought that failed later is counted, and not as skipped', async (t) => {
  let fails = 2; // the request itself is sent twice
  const source = await startRegistry(t);
  const destination = await startRegistry(t, {
    misbehave: (call, next) =>
      isPut(call) && fails-- > 0 ? Promise.resolve(json(500, { errors: [] })) : next(),
  });
  await push(source.url, 'p/x', 'v1', image);
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
  const run = await sync(t, { images, registries: [source, destination] }, { retries: 1 }, hastyClock);
  const { tags } = await run.report;
  assert.deepEqual(tags[0]?.blobs, { copied: image.blobs.length, mounted: 0, skipped: 0 });
});

test('row 55: a PUT that always fails is tried N+1 times, N rounds of them retries', async (t) => {
  const source = await startRegistry(t);
  const destination = await startRegistry(t, {
    misbehave: (call, next) => (isPut(call) ? Promise.resolve(json(500, { errors: [] })) : next()),
  });
  for (const tag of ['a', 'b', 'c']) await push(source.url, 'p/x', tag, image);
  const images = { [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x` };
  const run = await sync(
    t,
    { images, registries: [source, destination] },
    { retries: 2, proc: 1 },
    hastyClock,
  );
  const { tags, counts } = await run.report;
  assert.equal(counts.failed, 3);
  assert.deepEqual(
    tags.map(({ attempts }) => attempts),
    [3, 3, 3],
  );
  assert.match(
    tags[0]?.message ?? '',
    /^gave up after 3 attempts: write a at the destination: PUT .* answered 500/,
  );
  assert.equal(starts(run.lines), 2, 'one line a round, not one a tag');
  const last = run.lines.at(-1) ?? '';
  assert.match(last, /msg="Synchronization finished, 3 tasks failed, cost [\dhm.]+s\."$/);
});

const hopeless: Record<string, [status: number, code: string, reason: string]> = {
  denied: [403, 'DENIED', 'destination-denied'],
  refused: [400, 'MANIFEST_INVALID', 'artifact-refused'],
  'not found': [404, 'NAME_UNKNOWN', 'not-found'],
};

for (const [what, [status, code, reason]] of Object.entries(hopeless))
  test(`row 55: what is ${what} is not tried again`, async (t) => {
    const source = await startRegistry(t);
    const destination = await startRegistry(t, {
      misbehave: (call, next) =>
        isPut(call) ? Promise.resolve(json(status, { errors: [{ code, message: 'no' }] })) : next(),
    });
    await push(source.url, 'p/x', 'v1', image);
    const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
    const run = await sync(t, { images, registries: [source, destination] }, { retries: 5 }, hastyClock);
    const { tags } = await run.report;
    assert.deepEqual([tags[0]?.reason, tags[0]?.attempts], [reason, 1]);
    assert.equal(starts(run.lines), 0);
  });

test('a list of tags that fails is asked for again, in rounds of its own', async (t) => {
  let fails = 4; // the request itself is sent four times
  const source = await startRegistry(t, {
    misbehave: (call, next) =>
      call.path.endsWith('/tags/list') && fails-- > 0 ? Promise.resolve(json(503, {})) : next(),
  });
  const destination = await startRegistry(t);
  await push(source.url, 'p/x', 'v1', image);
  const images = { [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x` };
  const run = await sync(t, { images, registries: [source, destination] }, { retries: 1 }, hastyClock);
  assert.equal((await run.report).counts.copied, 1);
  assert.equal(starts(run.lines), 1);
  assert.ok(run.lines.some((line) => /msg="Failed to executed analyzing image rules for .*503/.test(line)));
});

test('row 56: 429 is waited for as long as the registry asks, within the task', async (t) => {
  let fails = 1;
  const source = await startRegistry(t, {
    misbehave: (call, next) =>
      call.path.includes('/manifests/') && call.method !== 'PUT' && fails-- > 0
        ? Promise.resolve(json(429, { errors: [] }, { 'retry-after': '7' }))
        : next(),
  });
  const destination = await startRegistry(t);
  fails = 0;
  await push(source.url, 'p/x', 'v1', image);
  fails = 1;
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
  const before = hastyClock.now();
  const run = await sync(t, { images, registries: [source, destination] }, { retries: 0 }, hastyClock);
  const { tags } = await run.report;
  assert.deepEqual([tags[0]?.outcome, tags[0]?.attempts], ['copied', 1]);
  assert.ok(hastyClock.now() - before >= 7_000, 'by the clock that was injected');
});

test('row 56: a registry that wants an hour of silence is not waited for', async (t) => {
  const source = await startRegistry(t, {
    misbehave: (call, next) =>
      call.method === 'PUT' || call.method === 'POST'
        ? next()
        : Promise.resolve(json(429, { errors: [] }, { 'retry-after': '3600' })),
  });
  const destination = await startRegistry(t);
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
  const run = await sync(t, { images, registries: [source, destination] }, { retries: 3 }, hastyClock);
  const { tags } = await run.report;
  assert.deepEqual([tags[0]?.reason, tags[0]?.attempts], ['rate-limited', 1]);
});

test('row 60a: an exception inside a worker is a failed task, and the others are copied', async (t) => {
  const source = await startRegistry(t);
  const destination = await startRegistry(t);
  for (const tag of ['a', 'b']) await push(source.url, 'p/x', tag, image);
  const registries = new Map([source, destination].map(({ url }) => [hostOf({ url }), registryAt(t, url)]));
  const lines: string[] = [];
  const log = { error: (line: string) => void lines.push(line), warn() {}, info() {}, debug() {} };
  const place = (registry: Registry | undefined, name: string) =>
    registry?.repository(name, 'push') ?? assert.fail(name);
  const rules = loadRules(hostOf(source), hostOf(destination));
  const policy = { attempts: 1, first: 1, max: 1, impatient: true } as const;
  const accounts = await new Run({
    plan: (signal, onRetry) =>
      planOf(rules, {
        tags: ({ registry, repository }, signal) => place(registries.get(registry), repository).tags(signal),
        width: 2,
        policy,
        clock: hastyClock,
        signal,
        onRetry,
        onFailed: () => undefined,
        onRule: () => undefined,
      }),
    ends: (task) => {
      if (task.sourceTag === 'a') throw new TypeError('nobody thought of that');
      return {
        source: place(registries.get(task.source), task.sourceRepository),
        destination: place(registries.get(task.destination), task.destinationRepository),
        traffic: new BlobTraffic(),
      };
    },
    policy,
    width: 2,
    force: false,
    clock: hastyClock,
    journal: new Journal(log),
    onThere: () => undefined,
  }).run();
  const told = accounts.tags.map(({ outcome, reason, message }) => [outcome, reason, message]);
  assert.deepEqual(told, [
    ['failed', 'internal', 'nobody thought of that'],
    ['copied', undefined, undefined],
  ]);
  assert.equal(lines.length, 1, 'said in the log as well');
});

function loadRules(from: string, to: string) {
  return loadConfig({ [`${from}/p/x`]: `${to}/n/x` }).config?.rules ?? assert.fail('expected rules');
}

function registryAt(t: TestContext, url: string): Registry {
  const registry = new Registry({
    name: url,
    url: new URL(url),
    credential: () => Promise.resolve(undefined),
    tokenHosts: 'any',
    aliyun: false,
    insecureSkipVerify: false,
    connectTimeout: 1_000,
    idleTimeout: 1_000,
    onRequest: () => undefined,
    limits: { concurrency: 2, requestsPerSecond: 0, bandwidth: 0 },
    clock: hastyClock,
  });
  t.after(() => registry.close());
  return registry;
}

function isPut({ method, path }: Call): boolean {
  return method === 'PUT' && path.includes('/manifests/');
}
