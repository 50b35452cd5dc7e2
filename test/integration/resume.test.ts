import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { announce, ends, writeExample } from './mirror.ts';
import { Phoenix } from './phoenix.ts';

/*
 * `kill -9` at 60 % of a big blob, and what is sent after it. RESUME_MIB=1024 makes the figure that
 * docs/reliability.md tells; the default is for the machine's sake.
 */
const MiB = 1024 * 1024;
const size = Number(process.env['RESUME_MIB'] ?? 256) * MiB;

/** Bytes sent after a kill at 60 % of the blob, until it is there. */
async function sentAfterKill(t: TestContext, gateway: Gateway, size: number): Promise<number> {
  const image = ociImage('resume', { layers: [size] });
  const harbor = await startDockerRegistry(t);
  const folder = await temporaryFolder(t);
  const noSweep = ['onStart: true', 'onStart: false'] as const;
  const phoenix = new Phoenix(t, await writeExample(folder, [...ends(harbor, gateway), noSweep]));
  const digest = await push(harbor.url, 'library/big', 'v1', image);
  // Just behind the first piece that ends beyond 60 %: what the sockets still hold must not make another piece whole.
  const piece = size <= 512 * MiB ? 8 * MiB : size / 32;
  const reached = gateway.reached(Math.ceil((0.6 * size) / piece) * piece + MiB);
  const [id = 0] = await announce(await phoenix.mirror, 'library/big', 'v1', digest);
  await reached;
  let before = 0;
  await phoenix.kill(() => (before = gateway.received));
  const mirror = await phoenix.mirror;
  const task = await mirror.finished(id, 120_000);
  assert.equal(task.outcome, 'copied', task.message);
  assert.equal(await digestOfTag(gateway.url, 'mirror/big', 'v1'), image.descriptor.digest);
  for (const text of [...mirror.stderr, JSON.stringify(task)])
    assert.doesNotMatch(text, /uploads\/\w|_state/);
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
  const database = new DatabaseSync(join(folder, 'data', 'tagferry.db'), { readOnly: true });
  t.after(() => database.close());
  assert.deepEqual(database.prepare('SELECT * FROM upload').all(), [], 'nothing is left behind');
  const again = gateway.received - before;
  t.diagnostic(`${((again / size) * 100).toFixed(1)} % of ${size / 1024 / 1024} MiB sent after the kill`);
  return again / size;
}

test('killed at 60 % of a blob: at most 45 % is sent again to a registry behind a proxy', async (t) => {
  const registry = await startDockerRegistry(t);
  const again = await sentAfterKill(t, await startGateway(t, registry.url, { whole: true }), size);
  assert.ok(again > 0.2 && again <= 0.45, `${again}`);
});

test('killed at 60 % of a blob: at most 45 % is sent again to a registry that keeps what is cut', async (t) => {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const again = await sentAfterKill(t, await startGateway(t, registry.url), size / 2);
  assert.ok(again > 0.2 && again <= 0.45, `${again}`);
});
