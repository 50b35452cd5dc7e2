import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Mirror, announce, ends, environment, pushed, serve, writeExample } from './mirror.ts';
import { liftFileLimit, run } from './process.ts';

async function exampleIn(t: TestContext): Promise<{ folder: string; file: string }> {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const folder = await temporaryFolder(t);
  const file = await writeExample(folder, [...ends(registry, registry), ['onStart: true', 'onStart: false']]);
  return { folder, file };
}

/** How much of the disk the database may take, in KiB: room for the start, and for a few hundred deliveries. */
const room = 512;

async function deliverUntil(mirror: Mirror, status: number): Promise<number> {
  for (let count = 0; ; count++) {
    const answer = await mirror.post(pushed('library/gone', `v${count}`, `sha256:${'0'.repeat(64)}`));
    if (answer.status === status) return count;
    if (answer.status !== 202) assert.fail(`${answer.status}: ${answer.body.toString()}`);
    if (count > 20_000) assert.fail(`never ${status}`);
  }
}

test('a full disk: 503 with Retry-After, alive but not ready; with room all goes on by itself', async (t) => {
  const { file } = await exampleIn(t);
  const full = await serve(t, file, { fileLimit: room });
  const stored = await deliverUntil(full, 503);
  assert.ok(stored > 0);
  const refused = await full.post(pushed('library/gone', 'v0', `sha256:${'0'.repeat(64)}`));
  assert.equal(refused.status, 503);
  assert.match(String(refused.headers['retry-after']), /^\d+$/);
  assert.equal((await fetch(`${full.url}/healthz`)).status, 200);
  await eventually('unreadiness', async () => (await fetch(`${full.url}/readyz`)).status === 503);
  // With room all goes on in the same process, and what was answered is there.
  await liftFileLimit(full);
  await eventually('readiness', async () => (await fetch(`${full.url}/readyz`)).status === 200);
  const [last = 0] = await announce(full, 'library/gone', 'v-last', `sha256:${'0'.repeat(64)}`);
  for (const id of [1, stored, last]) assert.equal((await full.finished(id)).outcome, 'source-gone');
});

test('a database deleted while in use: no 202 that no later start would know of', async (t) => {
  const { folder, file } = await exampleIn(t);
  const mirror = await serve(t, file);
  await announce(mirror, 'library/gone', 'v1', `sha256:${'0'.repeat(64)}`);
  await rm(join(folder, 'data', 'tagferry.db'));
  const { status } = await mirror.post(pushed('library/gone', 'v2', `sha256:${'0'.repeat(64)}`));
  assert.equal(status, 503);
  assert.equal((await fetch(`${mirror.url}/healthz`)).status, 200);
  await eventually('unreadiness', async () => (await fetch(`${mirror.url}/readyz`)).status === 503);
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
});

test('a second process on the same database refuses to start', async (t) => {
  const { folder, file } = await exampleIn(t);
  await serve(t, file);
  const second = await run(t, ['serve', '--config', file], { env: environment });
  assert.equal(second.code, 1);
  assert.match(second.stderr.split('\n').at(-1) ?? '', /^tagferry: database .* is in use by another process/);
  assert.ok(second.stderr.includes(folder));
});

test('a database of a newer version is left alone', async (t) => {
  const { folder, file } = await exampleIn(t);
  const first = await serve(t, file);
  first.kill('SIGTERM');
  await first.ended;
  const path = join(folder, 'data', 'tagferry.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  const newer = await run(t, ['serve', '--config', file], { env: environment });
  assert.equal(newer.code, 1);
  assert.match(newer.stderr, /has version 99, this program knows versions up to \d+; run the newer program/);
});

test('a port that is taken: exit 1', async (t) => {
  const { folder, file } = await exampleIn(t);
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const taken = await writeExample(folder, [
    ...ends(registry, registry),
    ['listen: 127.0.0.1:0', `listen: ${new URL(registry.url).host}`],
  ]);
  const ended = await run(t, ['serve', '--config', taken], { env: environment });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /tagferry: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  assert.equal(file, taken);
});

test('a wrong configuration: exit 2 with all mistakes, each with its place, and no secret', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'config'));
  const text = [
    'registries:',
    '  harbor: { url: ftp://harbor.example.com, username: me, password: hunter2-is-secret, concurency: 3 }',
    'rules:',
    '  - { name: a, source: harbour, repositories: ["**"], destination: acr }',
    'webhook: { secrets: ["${NOT_SET_ANYWHERE}"] }',
  ].join('\n');
  await writeFile(join(folder, 'config', 'tagferry.yaml'), text);
  const { code, stderr, stdout } = await run(t, ['serve'], { cwd: folder });
  assert.equal(code, 2);
  assert.equal(stdout, '');
  for (const expected of [/:2.*url/, /concurency.*concurrency/, /NOT_SET_ANYWHERE/])
    assert.match(stderr, expected);
  assert.ok(!stderr.includes('hunter2'));
});
