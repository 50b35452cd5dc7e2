import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobTraffic } from '../../src/copy/blob.ts';
import { copy } from '../../src/copy/copy.ts';
import { dockerSchema1, dockerSchema1Signed } from '../../src/oci/media-type.ts';
import { LeapingClock } from '../registry/clock.ts';
import { clientOf } from '../registry/stand.ts';
import { Client } from '../support/client.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { push } from '../support/push.ts';
import { schema1Image } from '../support/schema1.ts';
import type { Ending } from '../support/temporary.ts';
import { startStand } from './stand.ts';

const image = schema1Image('app', 'v1');
const { digest } = image.descriptor;

function copies(t: Ending, from: DockerRegistry, to: DockerRegistry, requests: string[] = []) {
  const onRequest = (method: string, status: number) => void requests.push(`${method} ${status}`);
  const counts = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  const copied = () =>
    copy({
      source: clientOf(t, from.url).repository('app', 'pull'),
      sourceTag: 'v1',
      destination: clientOf(t, to.url, { onRequest, clock: new LeapingClock() }).repository(
        'mirror/app',
        'push',
      ),
      destinationTag: 'v1',
      blobs: new BlobTraffic().mover('mirror/app', counts),
      force: false,
      signal: new AbortController().signal,
    });
  return { copied, counts };
}

test('row 54: signed schema 1 is copied between two registries that take it, and not again', async (t) => {
  const options = { schema1: true };
  const [from, to] = await Promise.all([startDockerRegistry(t, options), startDockerRegistry(t, options)]);
  await push(from.url, 'app', 'v1', image);
  const requests: string[] = [];
  const { copied, counts } = copies(t, from, to, requests);
  assert.deepEqual(await copied(), { outcome: 'copied', digest, moved: false });
  const bytes = image.blobs.reduce((sum, blob) => sum + blob.descriptor.size, 0);
  assert.deepEqual(counts, { copied: 2, mounted: 0, skipped: 0, bytes });
  const headers = { accept: dockerSchema1Signed };
  const { headers: got } = await new Client(to.url).expect(200, '/v2/mirror/app/manifests/v1', { headers });
  assert.deepEqual([got['docker-content-digest'], got['content-type']], [digest, dockerSchema1Signed]);
  requests.length = 0;
  assert.deepEqual(await copied(), { outcome: 'unchanged', digest });
  assert.deepEqual(requests, ['GET 200', 'HEAD 200']);
});

test('row 54: a registry that takes no schema 1 has refused it, and the message says so', async (t) => {
  const [from, to] = await Promise.all([startDockerRegistry(t, { schema1: true }), startDockerRegistry(t)]);
  await push(from.url, 'app', 'v1', image);
  await assert.rejects(copies(t, from, to).copied(), {
    reason: 'artifact-refused',
    side: 'destination',
    message:
      /write v1 at the destination: PUT .* answered 500 .* no Docker schema 1, it seems: push the image again/,
  });
});

test('schema 1, signed or not, arrives byte for byte', async (t) => {
  const stand = await startStand(t);
  const { payload, ...old } = schema1Image('app', 'v2');
  const unsigned = { ...old.descriptor, mediaType: dockerSchema1, size: payload.length };
  for (const [tag, sent] of [
    ['v1', image],
    ['v2', { ...old, descriptor: unsigned, bytes: payload }],
  ] as const) {
    await push(stand.source.url, 'app', tag, sent);
    const { outcome } = await stand.copy(tag, { force: true });
    assert.equal(outcome, 'copied');
    const there = stand.destination.client.repository('mirror/app', 'pull');
    assert.deepEqual(await there.resolve(tag), sent.descriptor);
    assert.deepEqual(Buffer.from(await there.manifest(sent.descriptor)), Buffer.from(sent.bytes));
  }
});
