import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { type TestContext, test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { brokenBody, shortBody } from '../support/connection-fault.ts';
import { change, rateLimited, registryError, setHeaders } from '../support/fault.ts';
import { ociImageOf, blobOf, layer } from '../support/image.ts';
import { push } from '../support/push.ts';
import { startStorage } from '../support/storage.ts';
import { type ClientOptions, bearer, failure, read, startStand, users } from './stand.ts';

const MiB = 1024 * 1024;
const get = /^GET .*\/blobs\//;
const content = layer('download', 5 * MiB);
const { descriptor } = content;

/** A registry with the blob, and the ranges that were asked of it. */
async function startSource(t: TestContext, client: Partial<ClientOptions> = {}, guarded = false) {
  const stand = await startStand(t, guarded ? { auth: bearer } : {}, client);
  const image = ociImageOf(blobOf('{}', 'application/vnd.oci.image.config.v1+json'), [content]);
  await push(stand.registry.url, 'a/b', 'v1', image, guarded ? users[0] : undefined);
  stand.registry.requests.length = 0;
  const ranges: (string | undefined)[] = [];
  const noting = (fault: Misbehaviour): Misbehaviour => {
    return (call, next) => {
      ranges.push(call.headers.range);
      return fault(call, next);
    };
  };
  return { ...stand, ranges, noting };
}

const asIs: Misbehaviour = (_call, next) => next();

test('a blob that is cut goes on where it stopped, again and again while it moves', async (t) => {
  const { client, faults, ranges, noting, registry, assertFree } = await startSource(t);
  faults.always(get, noting(shortBody(1.25 * MiB)));
  assert.equal(digestOf(await read(client, 'a/b', descriptor)), descriptor.digest);
  assert.deepEqual(
    ranges,
    [undefined, 1, 2, 3].map((part) => part && `bytes=${part * 1.25 * MiB}-`),
  );
  const sent = registry.requests.reduce((sum, { bytesOut }) => sum + bytesOut, 0);
  assert.ok(sent < descriptor.size + 2 * MiB, `${sent} bytes`);
  await assertFree();
});

test('a source that brings next to nothing is given up after the sixth time', async (t) => {
  const { client, faults, seen, assertFree } = await startSource(t);
  faults.always(get, brokenBody(100_000));
  await failure(read(client, 'a/b', descriptor), 'unreachable');
  assert.equal(seen(get).length, 6);
  await assertFree();
});

test('a source that is away for a while in the middle of a blob is waited for', async (t) => {
  const { client, faults, clock, ranges, noting, assertFree } = await startSource(t);
  faults.once(get, shortBody(2 * MiB));
  faults.times(2, get, registryError(502, 'UNKNOWN', 'restarting'));
  faults.once(get, rateLimited('7'));
  faults.always(get, noting(asIs));
  assert.equal((await read(client, 'a/b', descriptor)).length, descriptor.size);
  assert.deepEqual(ranges, [`bytes=${2 * MiB}-`]);
  assert.ok(
    clock.slept.some((ms) => ms > 3_000),
    `slept ${clock.slept.join()}`,
  );
  await assertFree();
});

for (const [what, fault] of [
  ['another place', setHeaders({ 'content-range': `bytes 0-${descriptor.size - 1}/${descriptor.size}` })],
  ['another length', setHeaders({ 'content-range': `bytes ${2 * MiB}-${3 * MiB}/${3 * MiB + 1}` })],
  ['no place at all', setHeaders({ 'content-range': undefined })],
] as const)
  test(`a part of ${what} is corrupt, and not used`, async (t) => {
    const { client, faults, seen, assertFree } = await startSource(t);
    faults.once(get, shortBody(2 * MiB));
    faults.always(get, fault);
    const error = await failure(read(client, 'a/b', descriptor), 'corrupt');
    assert.match(error.message, /expected Content-Range bytes 2097152-5242879\/5242880 .* got /);
    assert.equal(seen(get).length, 2);
    await assertFree();
  });

test('a range from the end on is never asked for', async (t) => {
  const { client, seen, assertFree } = await startSource(t);
  const repository = client.repository('a/b', 'pull');
  const { signal } = new AbortController();
  assert.equal((await buffer(await repository.blob(descriptor, signal, descriptor.size))).length, 0);
  assert.equal(seen(get).length, 0);
  const tail = await buffer(await repository.blob(descriptor, signal, descriptor.size - 5));
  assert.deepEqual(tail, Buffer.concat([...content.bytes()]).subarray(-5));
  await assertFree();
});

test('a blob on another host goes on there, by a new redirect and without Authorization', async (t) => {
  const source = await startSource(t, {}, true);
  const storage = await startStorage(t);
  source.faults.once(get, async (_call, next) => {
    const answer = await next();
    return storage.redirectTo(async (there) => {
      const broken = await brokenBody(3 * MiB)(there, async () => answer);
      return broken === 'reset' ? answer : broken;
    });
  });
  source.faults.always(get, storage.redirect);
  assert.equal(digestOf(await read(source.client, 'a/b', descriptor)), descriptor.digest);
  assert.deepEqual(
    storage.requests.map(({ authorization, status }) => [authorization, status]),
    [
      ['none', 200],
      ['none', 206],
    ],
  );
});

test('the slot is kept over a cut: nobody waits for one while holding another', async (t) => {
  const limits = { concurrency: 1, requestsPerSecond: 0, bandwidth: 0 };
  const { client, faults, seen } = await startSource(t, { limits });
  let other: Promise<unknown> | undefined;
  faults.once(get, (call, next) => {
    other = client.repository('a/b', 'pull').resolve('v1');
    return brokenBody(2 * MiB)(call, next);
  });
  assert.equal((await read(client, 'a/b', descriptor)).length, descriptor.size);
  await other;
  assert.deepEqual(
    seen(/blobs|manifests/).map((line) => line.slice(0, 4)),
    ['GET ', 'GET ', 'HEAD'],
  );
});

test('whoever stops reading gives the slot back', async (t) => {
  const limits = { concurrency: 1, requestsPerSecond: 0, bandwidth: 0 };
  const { client, assertFree } = await startSource(t, { limits });
  const stop = new AbortController();
  const repository = client.repository('a/b', 'pull');
  // Never begun, and left in the middle.
  await repository.blob(descriptor, stop.signal);
  stop.abort();
  const again = new AbortController();
  for await (const chunk of await repository.blob(descriptor, again.signal)) if (chunk.length > 0) break;
  again.abort();
  await setImmediate();
  await assertFree();
});

test('a part that is shorter than what is missing is not taken for all of it', async (t) => {
  const { client, faults, assertFree } = await startSource(t);
  faults.once(get, shortBody(2 * MiB));
  faults.always(
    get,
    change((given) => {
      const part = { 'content-range': `bytes ${2 * MiB}-${3 * MiB - 1}/${descriptor.size}` };
      return { status: 206, headers: { ...given.headers, ...part, 'content-length': `${MiB}` } };
    }),
  );
  await failure(read(client, 'a/b', descriptor), 'corrupt');
  await assertFree();
});
