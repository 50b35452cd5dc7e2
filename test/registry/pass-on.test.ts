import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { ociImageOf, blobOf, layer } from '../support/image.ts';
import { push } from '../support/push.ts';
import { startStand } from './stand.ts';
import { MiB, put } from './upload.ts';

/** The buffers of a blob go round while its destination is behind: what it gets are the right bytes, at the first try. */
test('several blobs pass from registry to registry unchanged, however slowly they are taken', async (t) => {
  const [source, destination] = [await startStand(t), await startStand(t)];
  const layers = ['one', 'two', 'three'].map((seed) => layer(seed, 20 * MiB + 4_321));
  const image = ociImageOf(blobOf('{}', 'application/vnd.oci.image.config.v1+json'), layers);
  await push(source.registry.url, 'a/b', 'v1', image);
  destination.faults.always(put, async (_call, next) => {
    // The sockets are full by then.
    for (let turn = 0; turn < 200; turn++) await setImmediate();
    return next();
  });
  const from = source.client.repository('a/b', 'pull');
  const to = destination.client.repository('c/d', 'push');
  const copies = layers.map(({ descriptor }) =>
    to.writeBlob(descriptor, (signal, offset) => from.blob(descriptor, signal, offset), {}),
  );
  assert.deepEqual(await Promise.all(copies), ['copied', 'copied', 'copied']);
  assert.equal(destination.seen(put).length, layers.length);
  assert.equal(source.seen(/^GET .*blobs/).length, layers.length);
});
