import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CopyError, RegistryError } from '../../src/copy/error.ts';
import type { WriteBlobOptions } from '../../src/copy/repository.ts';
import { mountIgnored, registryError } from '../support/fault.ts';
import { type Blob, layer, ociImageOf } from '../support/image.ts';
import { push } from '../support/push.ts';
import { bearer, opens, type Stand, startStand } from './stand.ts';
import { blob, sessions } from './upload.ts';

/*
 * The mount of a blob from the repository into which it goes: the question whether it is there, and the beginning of its
 * upload where it is not.
 */

const config = layer('config', 10);

function ask({ client }: Stand, options: WriteBlobOptions = {}, wanted: Blob = blob, open = opens(wanted)) {
  return client.repository('c/d', 'push').writeBlob(wanted.descriptor, open, options);
}

/** `METHOD kind` of the requests about blobs since it was called last. */
function watch({ registry }: Stand): () => string[] {
  let from = registry.requests.length;
  return () => {
    const news = registry.requests.slice(from);
    from = registry.requests.length;
    return news
      .filter(({ path }) => path.includes('/blobs/'))
      .map(({ method, query }) => (query.includes('mount=') ? `${method} mount` : method));
  };
}

test('a blob that is not there: two requests, and none without a purpose', async (t) => {
  const stand = await startStand(t);
  const requests = watch(stand);
  assert.equal(await ask(stand), 'copied');
  assert.deepEqual(requests(), ['POST mount', 'PUT']);
});

test('one that is there is found, looked at for its length, and not read', async (t) => {
  const stand = await startStand(t);
  await push(stand.registry.url, 'c/d', 'v1', ociImageOf(config, [blob]));
  const requests = watch(stand);
  const unread = async () => assert.fail('the source was read');
  assert.equal(await ask(stand, {}, blob, unread), 'mounted');
  assert.deepEqual(requests(), ['POST mount', 'HEAD']);
});

test('a registry that says it is there where it is not gets it', async (t) => {
  const stand = await startStand(t);
  const requests = watch(stand);
  stand.faults.once(/mount=/, async () => ({ status: 201, headers: {} }));
  assert.equal(await ask(stand), 'copied');
  assert.deepEqual(requests(), ['POST mount', 'HEAD', 'POST', 'PUT']);
});

test('it needs no token but the one for its repository', async (t) => {
  const stand = await startStand(t, { auth: bearer });
  await ask(stand);
  assert.equal(stand.seen(/^GET .*token/).length, 1);
});

test('of a big blob a registry that has not been seen to mount is asked as well', async (t) => {
  const stand = await startStand(t);
  const big = layer('dear', 8 * 1024 * 1024);
  await push(stand.registry.url, 'c/d', 'v1', ociImageOf(config, [big]));
  stand.faults.always(/mount=/, mountIgnored);
  const requests = watch(stand);
  assert.equal(await ask(stand, {}, big), 'skipped');
  assert.deepEqual(requests(), ['POST mount', 'HEAD', 'DELETE']);
  assert.equal(await ask(stand, { mounts: true }, big), 'copied');
  assert.deepEqual(requests(), ['POST mount', 'PUT']);
});

for (const status of [400, 401, 403, 404, 405])
  test(`a registry that refuses it with ${status} is not asked in that way again`, async (t) => {
    const stand = await startStand(t);
    stand.faults.always(/mount=/, registryError(status, 'UNSUPPORTED', 'no'));
    const requests = watch(stand);
    assert.equal(await ask(stand), 'copied');
    assert.equal(await ask(stand, {}, config), 'copied');
    assert.deepEqual(requests(), ['POST mount', 'HEAD', 'POST', 'PUT', 'HEAD', 'POST', 'PUT']);
  });

for (const [what, fault] of [
  ['of which it may not be written to', registryError(403, 'DENIED', 'no')],
  ['of which its name is not known', registryError(404, 'NAME_UNKNOWN', 'no such project')],
] as const)
  test(`a repository ${what} says nothing about mounts in others`, async (t) => {
    const stand = await startStand(t);
    stand.faults.always(/^POST .*\/closed\/one\/blobs/, fault);
    const closed = stand.client.repository('closed/one', 'push');
    await assert.rejects(closed.writeBlob(blob.descriptor, opens(blob), {}), RegistryError);
    const requests = watch(stand);
    assert.equal(await ask(stand), 'copied');
    assert.deepEqual(requests(), ['POST mount', 'PUT']);
  });

test('a registry that is asked too often refuses no mounts', async (t) => {
  const stand = await startStand(t);
  stand.faults.times(4, /mount=/, registryError(429, 'TOOMANYREQUESTS', 'slowly'));
  const requests = watch(stand);
  assert.equal(await ask(stand), 'copied');
  requests();
  assert.equal(await ask(stand, {}, config), 'copied');
  assert.deepEqual(requests(), ['POST mount', 'PUT']);
});

test('the session is given back when the source cannot be read', async (t) => {
  const stand = await startStand(t);
  const broken = async () =>
    Promise.reject(new CopyError('read', 'source', new RegistryError('denied', 'no')));
  await assert.rejects(ask(stand, {}, blob, broken), { side: 'source', reason: 'source-denied' });
  assert.deepEqual(sessions(stand), [1, 1]);
  await stand.assertFree();
});
