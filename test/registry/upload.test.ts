import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { RegistryError } from '../../src/copy/error.ts';
import { empty } from '../../src/demo/registry/call.ts';
import { answer, location, relativeLocation } from '../support/fault.ts';
import { blobOf, layer } from '../support/image.ts';
import { bearer, failure, opens, pieces, read, startStand } from './stand.ts';
import { blob, put, write } from './upload.ts';

test('a blob is there or not', async (t) => {
  const stand = await startStand(t);
  const repository = stand.client.repository('c/d', 'push');
  assert.equal(await repository.hasBlob(blob.descriptor), false);
  assert.equal(await write(stand, opens(blob)), 'copied');
  assert.equal(await repository.hasBlob(blob.descriptor), true);
  assert.deepEqual(
    stand.seen().map((line) => line.replace(/uploads\/.+/, 'uploads/ID')),
    [
      'GET /v2/',
      `HEAD /v2/c/d/blobs/${blob.descriptor.digest}`,
      'POST /v2/c/d/blobs/uploads/',
      'PUT /v2/c/d/blobs/uploads/ID',
      `HEAD /v2/c/d/blobs/${blob.descriptor.digest}`,
    ],
  );
  const sent = stand.registry.requests.find(({ method }) => method === 'PUT');
  assert.equal(sent?.bytesIn, blob.descriptor.size);
  await stand.assertFree();
});

test('blobs of no byte, one, and named by sha512', async (t) => {
  const stand = await startStand(t);
  const blobs = [blobOf('', 'x/y'), blobOf('1', 'x/y'), layer('512', 100_000, { algorithm: 'sha512' })];
  for (const one of blobs) {
    assert.equal(await write(stand, opens(one), undefined, one), 'copied');
    assert.equal((await read(stand.client, 'c/d', one.descriptor)).length, one.descriptor.size);
  }
});

test('the upload opens only once source bytes are in hand', async (t) => {
  const stand = await startStand(t);
  const first = Promise.withResolvers<void>();
  const slow = async () => {
    return (async function* () {
      await first.promise;
      yield* pieces(blob.bytes());
    })();
  };
  const copied = write(stand, slow);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  assert.deepEqual(stand.seen(), []);
  first.resolve();
  assert.equal(await copied, 'copied');
});

test('a source that cannot be opened costs the destination nothing', async (t) => {
  const stand = await startStand(t);
  let opened = 0;
  const unopened = async () => {
    opened++;
    throw new RegistryError('unreachable', 'source');
  };
  await failure(write(stand, unopened), 'unreachable');
  assert.deepEqual([stand.seen(), opened], [[], 1]);
});

test('Location: relative, absolute, on another host, with a query', async (t) => {
  const other = await startStand(t);
  for (const fault of [relativeLocation, location(({ href }) => href)]) {
    const stand = await startStand(t);
    stand.faults.once(/^POST/, fault);
    assert.equal(await write(stand, opens(blob)), 'copied');
    assert.match(stand.registry.requests.at(-1)?.query ?? '', /^\?_state=[\w-]+&digest=sha256%3A/);
    await stand.assertFree();
  }
  const bare = await startStand(t);
  bare.faults.once(/^POST/, answer(202, { location: '/v2/c/d/blobs/uploads/bare' }));
  bare.faults.once(put, async (call) => {
    await buffer(call.body);
    return empty(201);
  });
  assert.equal(await write(bare, opens(blob)), 'copied');
  assert.equal(bare.registry.requests.at(-1)?.query, `?digest=${encodeURIComponent(blob.descriptor.digest)}`);
  // The session is begun at one host and lives on another.
  const stand = await startStand(t, { auth: bearer });
  const begun = await fetch(`${other.registry.url}/v2/c/d/blobs/uploads/`, { method: 'POST' });
  const headers = { location: begun.headers.get('location') ?? '' };
  stand.faults.once(/^POST/, async () => ({ status: 202, headers }));
  assert.equal(await write(stand, opens(blob)), 'copied');
  assert.equal(other.registry.requests.at(-1)?.authorization, 'none');
});

for (const [what, target] of [
  ['no', undefined],
  ['an empty', ''],
  ['a useless', 'http://'],
  ['a file', 'file:///etc/passwd'],
] as const)
  test(`${what} Location is the registry’s mistake`, async (t) => {
    const stand = await startStand(t);
    const headers = target === undefined ? {} : { location: target };
    stand.faults.always(/^POST/, async () => ({ status: 202, headers }));
    await failure(write(stand, opens(blob)), 'protocol');
    assert.equal(stand.seen(/^POST/).length, 1);
    await stand.assertFree();
  });
