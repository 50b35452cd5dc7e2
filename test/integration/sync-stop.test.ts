import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type Call, json, type Misbehaviour } from '../../src/demo/registry/call.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { hostOf, startRegistry, writeConfig } from '../sync/embedded.ts';
import { type Running, start } from './process.ts';

/*
 * Nothing here is ever let go on: that the process ends is the proof that it does not wait for what hangs.
 */

const never = new Promise<never>(() => undefined);

interface Stopped {
  running: Running;
  /** `source-tag outcome reason`, in the report's order. */
  tags: string[];
  rules: string[];
}

/** Runs until `reached` resolves, then sends the signal; 130 and a report are what must come of it. */
async function stopped(
  t: TestContext,
  given: Parameters<typeof writeConfig>[1],
  reached: (running: Running) => Promise<unknown>,
  options: { signal?: NodeJS.Signals; args?: string[] } = {},
): Promise<Stopped> {
  const folder = await temporaryFolder(t);
  const report = join(folder, 'report.json');
  const config = await writeConfig(t, { ...given, folder });
  const args = ['sync', `--config=${config}`, `--report=${report}`, '--proc=3', ...(options.args ?? [])];
  const running = start(t, args);
  await reached(running);
  const killed = performance.now();
  running.kill(options.signal ?? 'SIGINT');
  assert.deepEqual(await running.ended, { code: 130, signal: null }, running.stderr.join('\n'));
  t.diagnostic(`ended ${(performance.now() - killed).toFixed()} ms after the signal`);
  const { interrupted, tags, rules, counts } = JSON.parse(await readFile(report, 'utf8'));
  assert.equal(interrupted, true);
  assert.match(running.stdout.join('\n'), new RegExp(`copied ${counts.copied}, .*; interrupted, `));
  assert.match(running.stderr.at(-1) ?? '', /msg="Synchronization interrupted, /);
  const told = (items: { source: string; outcome?: string; reason?: string }[]) =>
    items.map(({ source, outcome, reason }) =>
      [source.replace(/^.*?\//, ''), outcome, reason].filter(Boolean).join(' '),
    );
  return { running, tags: told(tags), rules: told(rules) };
}

/** Says when a request came that is not answered, ever. */
function hanging(which: (call: Call) => boolean) {
  const { promise: hangs, resolve } = Promise.withResolvers<void>();
  const misbehave: Misbehaviour = (call, next) => {
    if (!which(call)) return next();
    resolve();
    return never;
  };
  return { misbehave, hangs };
}

function until(running: Running, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    running.onLine((line) => pattern.test(line) && resolve());
  });
}

test('SIGINT in the middle of a blob: what is done is told as done, the rest as interrupted', async (t) => {
  const source = await startRegistry(t);
  const images = ['one', 'two', 'three'].map((seed) => ociImage(seed));
  for (const [index, image] of images.entries()) await push(source.url, 'p/x', `v${index}`, image);
  const layer = images[1]?.blobs[0]?.descriptor.digest ?? '';
  const { misbehave, hangs } = hanging(
    ({ method, path, query }) =>
      method === 'PUT' && (query.get('digest') === layer || path.endsWith('/manifests/v2')),
  );
  const destination = await startRegistry(t, { misbehave });
  const given = {
    images: { [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x` },
    registries: [source, destination],
  };
  const reached = (running: Running) => Promise.all([hangs, until(running, /Finish .*:v0 to /)]);
  const { tags, running } = await stopped(t, given, reached);
  assert.deepEqual(tags, ['p/x:v0 copied', 'p/x:v1 skipped interrupted', 'p/x:v2 skipped interrupted']);
  assert.equal(
    running.stdout.at(-1)?.replace(/; [\d.]+ KiB in [\d.]+ s/, ''),
    'copied 1, unchanged 0, skipped 2, failed 0; interrupted, 2 tags not looked at or not finished',
  );
});

test('SIGTERM while the list of tags hangs: the rules without tags are named, known tags as interrupted', async (t) => {
  const { misbehave, hangs } = hanging(({ path }) => path.endsWith('/tags/list'));
  const [source, destination] = [await startRegistry(t, { misbehave }), await startRegistry(t)];
  const to = `${hostOf(destination)}/n/x`;
  const images = { [`${hostOf(source)}/p/x`]: to, [`${hostOf(source)}/p/y:v1`]: to };
  const given = { images, registries: [source, destination] };
  const { tags, rules } = await stopped(t, given, () => hangs, { signal: 'SIGTERM' });
  assert.deepEqual(tags, ['p/y:v1 skipped interrupted']);
  assert.deepEqual(rules, ['p/x interrupted']);
});

test('SIGINT while a server takes the connection and says nothing', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const source = { url: `https://127.0.0.1:${address.port}` };
  const images = {
    [`${hostOf(source)}/p/x:v1`]: `${hostOf(source)}/n/x`,
    [`${hostOf(source)}/p/y`]: 'localhost/y',
  };
  const { tags } = await stopped(t, { images, registries: [source] }, () => once(server, 'connection'));
  assert.deepEqual(tags, ['p/x:v1 skipped interrupted']);
});

test('SIGINT in the pause before a retry', async (t) => {
  const source = await startRegistry(t, {
    misbehave: (call, next) =>
      call.path.includes('/manifests/')
        ? Promise.resolve(json(429, { errors: [] }, { 'retry-after': '250' }))
        : next(),
  });
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(source)}/n/x` };
  const failed = (running: Running) => until(running, /Failed to executed/);
  const { tags } = await stopped(t, { images, registries: [source] }, failed, { args: ['--retries=5'] });
  assert.deepEqual(tags, ['p/x:v1 skipped interrupted']);
});
