import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameOrigin } from '../../src/registry/url.ts';
import {
  foreignLocation,
  mountIgnored,
  registryError,
  relativeLocation,
  wrongDigest,
} from '../support/fault.ts';
import { answer, change } from '../support/fault.ts';
import { artifact, blobOf, indexOf, multiPlatform, ociImage, ociImageOf } from '../support/image.ts';
import { push } from '../support/push.ts';
import { bearer, failure, opens, startStand, users } from './stand.ts';
import { startMirror } from './trap.ts';

const post = /^POST .*uploads/;
const put = /^PUT .*uploads/;

test('trap 01: Location may be relative, absolute or on another host, has a query, and is new each time', async (t) => {
  const mirror = await startMirror(t);
  mirror.destination.faults.once(post, relativeLocation);
  await mirror.arrives();
  const sessions = mirror.destination.registry.requests.filter(({ method, path }) =>
    put.test(`${method} ${path}`),
  );
  assert.equal(new Set(sessions.map(({ path }) => path)).size, mirror.image.blobs.length);
  for (const { query } of sessions) assert.match(query, /^\?_state=[\w-]+&digest=sha256%3A[0-9a-f]{64}$/);
  // The same registry by another name: the session is there, the credential is not for that name.
  const { client, faults, registry } = await startStand(t);
  const name = registry.url.replace('127.0.0.1', 'localhost');
  faults.always(post, foreignLocation(name));
  const blob = blobOf('elsewhere', 'x/y');
  await client.repository('c/d', 'push').writeBlob(blob.descriptor, opens(blob), {});
  assert.equal(await client.repository('c/d', 'push').hasBlob(blob.descriptor), true);
});

test('trap 02: a Location with the default port written out, or not, is on the same host', () => {
  const registry = new URL('https://registry.example:443/');
  const locations = ['https://registry.example/v2/x', 'https://registry.example:443/v2/x', '/v2/x'];
  for (const location of locations) assert.ok(sameOrigin(new URL(location, registry), registry), location);
  assert.ok(!sameOrigin(new URL('https://registry.example:8443/'), registry));
});

test('trap 09: an upload is done with 201, and with the 204 of old registries', async (t) => {
  const mirror = await startMirror(t);
  mirror.destination.faults.always(
    put,
    change((given) => ({ ...given, status: 204 })),
  );
  await mirror.arrives();
  assert.equal(mirror.destination.seen(put).length, mirror.image.blobs.length);
});

test('trap 11: a mount answered with 202 is an upload session, and used or given back', async (t) => {
  const { client, faults, seen } = await startStand(t);
  const blob = blobOf('mount', 'x/y');
  const repository = client.repository('c/d', 'push');
  faults.always(/mount=/, mountIgnored);
  assert.equal(await repository.writeBlob(blob.descriptor, opens(blob), { from: 'a/b' }), 'copied');
  assert.deepEqual([seen(post).length, seen(put).length], [1, 1]);
  const other = blobOf('other', 'x/y');
  const unopened = async () => Promise.reject(new RangeError('closed'));
  await assert.rejects(repository.writeBlob(other.descriptor, unopened, { from: 'a/b' }), /closed/);
  assert.equal(seen(/^DELETE/).length, 1);
});

test('trap 12: a mount’s token is for both repositories', async (t) => {
  const image = ociImage('trap 12', { layers: [5_000] });
  const { registry, client } = await startStand(t, { auth: bearer });
  await push(registry.url, 'a/b', 'v1', image, users[0]);
  registry.requests.length = 0;
  for (const blob of image.blobs) {
    const opened = async () => assert.fail('opened');
    const done = await client.repository('c/d', 'push').writeBlob(blob.descriptor, opened, { from: 'a/b' });
    assert.equal(done, 'mounted');
  }
  const asked = registry.requests.filter(({ path }) => path === '/token');
  assert.deepEqual(
    asked.map(({ query }) => new URLSearchParams(query).getAll('scope')),
    [['repository:c/d:pull,push', 'repository:a/b:pull']],
  );
});

test('trap 13: `from` is always named, and a registry that refuses it gets an ordinary upload', async (t) => {
  for (const status of [400, 401, 404]) {
    const { client, faults, registry } = await startStand(t);
    faults.once(/mount=/, registryError(status, 'UNSUPPORTED', 'invalid from'));
    const blob = blobOf(`from ${status}`, 'x/y');
    await client.repository('c/d', 'push').writeBlob(blob.descriptor, opens(blob), { from: 'not/here' });
    const [first, second] = registry.requests.filter(({ method }) => method === 'POST');
    assert.match(first?.query ?? '', /mount=sha256%3A.*&from=not%2Fhere/);
    assert.equal(second?.query, '');
  }
});

test('trap 14: a blob is not put into a POST, which may be answered with 202 after it', async (t) => {
  const { arrives, destination } = await startMirror(t);
  await arrives();
  const posts = destination.registry.requests.filter(({ method }) => method === 'POST');
  assert.deepEqual(
    posts.map(({ query, bytesIn }) => [/[?&]digest=/.test(query), bytesIn]),
    Array.from(posts, () => [false, 0]),
  );
});

test('trap 15: that a session cannot be given back does not matter', async (t) => {
  for (const status of [401, 403, 404, 405, 500]) {
    const { client, faults, seen, assertFree } = await startStand(t);
    faults.always(put, registryError(403, 'DENIED', 'no'));
    faults.always(/^DELETE/, answer(status));
    const blob = blobOf('given back', 'x/y');
    const repository = client.repository('c/d', 'push');
    const { status: said } = await failure(repository.writeBlob(blob.descriptor, opens(blob), {}), 'denied');
    assert.deepEqual([said, seen(/^DELETE/).length], [403, 1]);
    await assertFree();
  }
});

test('trap 17: another digest in the answer to a PUT is corrupt', async (t) => {
  const mirror = await startMirror(t);
  mirror.destination.faults.once(/^PUT .*manifests/, wrongDigest);
  await assert.rejects(mirror.copy(), { side: 'destination', reason: 'corrupt' });
});

test('trap 21: children go by digest, and the tag comes last', async (t) => {
  const mirror = await startMirror(t, { image: multiPlatform('trap 21') });
  await mirror.arrives();
  const puts = mirror.destination.seen(/^PUT/).filter((line) => line.includes('manifests'));
  const children = mirror.image.children.map(({ descriptor }) => descriptor.digest);
  assert.deepEqual(
    puts,
    [...children, 'v1'].map((reference) => `PUT /v2/c/d/manifests/${reference}`),
  );
  assert.match(mirror.destination.seen(/^(PUT|POST)/).at(-1) ?? '', /manifests\/v1$/);
});

test('trap 22: a refusal of missing parts is said; a subject may be missing', async (t) => {
  const mirror = await startMirror(t, { image: indexOf([{ image: ociImage('trap 22') }]) });
  mirror.destination.faults.once(/^PUT .*v1/, registryError(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown'));
  await assert.rejects(mirror.copy(), { side: 'destination', reason: 'not-found' });
  const subject = artifact('not there').descriptor;
  const referring = await startMirror(t, {
    image: ociImageOf(blobOf('{}', 'application/vnd.oci.empty.v1+json'), [], { subject }),
  });
  await referring.arrives();
});

test('trap 36: a blob of no byte has a Content-Length of 0, and one of two is the config of many', async (t) => {
  const image = ociImageOf(blobOf('{}', 'application/vnd.oci.empty.v1+json'), [blobOf('', 'application/x')]);
  const mirror = await startMirror(t, { image });
  const lengths: unknown[] = [];
  mirror.destination.faults.always(put, (call, next) => {
    lengths.push([call.headers['content-length'], call.headers['transfer-encoding']]);
    return next();
  });
  await mirror.arrives();
  assert.deepEqual(lengths.toSorted(), [
    ['0', undefined],
    ['2', undefined],
  ]);
});

test('trap 42: a token that ends during an upload costs neither the upload nor a refusal', async (t) => {
  const { client, faults, clock, seen } = await startStand(t, { auth: { ...bearer, tokenLife: 60_000 } });
  faults.always(put, async (_call, next) => {
    const stored = await next();
    clock.advance(300_000);
    return stored;
  });
  const repository = client.repository('c/d', 'push');
  for (const content of ['five minutes', 'five more']) {
    const blob = blobOf(content, 'x/y');
    assert.equal(await repository.writeBlob(blob.descriptor, opens(blob), {}), 'copied');
  }
  assert.deepEqual([seen(post).length, seen(put).length, seen(/token/).length], [2, 2, 2]);
});
