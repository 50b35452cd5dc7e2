import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { stalledBody } from '../support/connection-fault.ts';
import { Faults } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Mirror, announce, ends, serve, writeExample } from './mirror.ts';

interface Stand {
  file: string;
  acr: EmbeddedRegistry;
  mirror: Mirror;
  /** Of the task whose blob stands still in the middle. */
  id: number;
  /** Lets the blob go on. */
  goOn(): void;
  digest: string;
}

/** A mirror in the middle of a copy that waits for the source. */
async function startStand(t: TestContext, grace: string): Promise<Stand> {
  const faults = new Faults();
  const harbor = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  const acr = await EmbeddedRegistry.start();
  t.after(() => Promise.all([harbor.close(), acr.close()]).then(() => undefined));
  const image = ociImage('slow', { layers: [200_000] });
  const digest = await push(harbor.url, 'library/slow', 'v1', image);
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  const layer = image.blobs[1]?.descriptor.digest ?? '';
  faults.once(new RegExp(`^GET .*/blobs/${layer}`), stalledBody(100_000, promise));
  const file = await writeExample(await temporaryFolder(t), [
    ...ends(harbor, acr),
    ['shutdownGrace: 25s', `shutdownGrace: ${grace}`],
    ['onStart: true', 'onStart: false'],
  ]);
  const mirror = await serve(t, file);
  const [id = 0] = await announce(mirror, 'library/slow', 'v1', digest);
  await eventually('the upload', () => acr.requests.some(({ method }) => method === 'PUT'));
  return { file, acr, mirror, id, goOn, digest };
}

test('SIGTERM: what runs may end within the grace', async (t) => {
  const { file, acr, mirror, id, goOn, digest } = await startStand(t, '20s');
  mirror.kill('SIGTERM');
  await eventually('readiness to end', async () => (await fetch(`${mirror.url}/readyz`)).status === 503);
  goOn();
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
  assert.equal(await digestOfTag(acr.url, 'mirror/slow', 'v1'), digest);
  const task = await (await serve(t, file)).task(id);
  assert.deepEqual([task.state, task.attemptCount], ['completed', 1]);
});

test('SIGTERM: after the grace what runs is put back, and goes on at the next start', async (t) => {
  const { file, acr, mirror, id, digest } = await startStand(t, '50ms');
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
  assert.ok(mirror.stderr.some((line) => line.includes('"task put back"')));
  assert.equal(await digestOfTag(acr.url, 'mirror/slow', 'v1'), undefined);
  const task = await (await serve(t, file)).finished(id);
  assert.deepEqual([task.outcome, task.attemptCount], ['copied', 1]);
  assert.equal(await digestOfTag(acr.url, 'mirror/slow', 'v1'), digest);
});

test('a task that no rule wants any more at the next start is cancelled, and says so', async (t) => {
  const { file, acr, mirror, id } = await startStand(t, '50ms');
  mirror.kill('SIGTERM');
  await mirror.ended;
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('repository: mirror/', 'repository: other/'));
  const task = await (await serve(t, file)).finished(id);
  const message = 'no rule sends harbor/library/slow to acr/mirror/slow any more';
  assert.partialDeepStrictEqual(task, { state: 'cancelled', message, attempts: [{ message }] });
  assert.equal(await digestOfTag(acr.url, 'mirror/slow', 'v1'), undefined);
});

test('a second signal stops at once, and the task is not lost', async (t) => {
  const { file, mirror, id } = await startStand(t, '20m');
  mirror.kill('SIGINT');
  await eventually('readiness to end', async () => (await fetch(`${mirror.url}/readyz`)).status === 503);
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 130, signal: null });
  assert.equal((await (await serve(t, file)).finished(id)).outcome, 'copied');
});

test('a delivery during the grace is answered and kept', async (t) => {
  const { file, mirror, id, digest } = await startStand(t, '20m');
  mirror.kill('SIGTERM');
  await eventually('readiness to end', async () => (await fetch(`${mirror.url}/readyz`)).status === 503);
  const [late = 0] = await announce(mirror, 'library/slow', 'v2', digest);
  mirror.kill('SIGTERM');
  await mirror.ended;
  const next = await serve(t, file);
  assert.equal((await next.finished(late)).outcome, 'source-gone');
  assert.equal((await next.finished(id)).outcome, 'copied');
});

test('SIGTERM: a sweep that is asked for meanwhile ends with the rest', async (t) => {
  const { mirror, goOn } = await startStand(t, '20s');
  mirror.kill('SIGTERM');
  await eventually('readiness to end', async () => (await fetch(`${mirror.url}/readyz`)).status === 503);
  const { status } = await mirror.api('POST', '/sweeps', {});
  assert.equal(status, 202);
  goOn();
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
});
