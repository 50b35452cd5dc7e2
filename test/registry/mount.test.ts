import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CopyError, RegistryError } from '../../src/copy/error.ts';
import { registryError } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { bearer, opens, startStand } from './stand.ts';
import { blob, put, sessions, write } from './upload.ts';

test('a mount from a repository that has the blob is one request', async (t) => {
  const stand = await startStand(t);
  await push(stand.registry.url, 'a/b', 'v1', ociImage('mount', { layers: [1_000] }));
  const [, one] = ociImage('mount', { layers: [1_000] }).blobs;
  assert.ok(one);
  const before = stand.seen().length;
  assert.equal(await write(stand, async () => assert.fail('opened'), 'a/b', one), 'mounted');
  assert.equal(stand.seen().length - before, 2, 'with the ping');
});

test('a mount that becomes an upload uses the session that it was given', async (t) => {
  const stand = await startStand(t);
  assert.equal(await write(stand, opens(blob), 'nothing/here'), 'copied');
  assert.deepEqual([stand.seen(/^POST/).length, stand.seen(put).length], [1, 1]);
});

for (const status of [400, 401, 403, 404, 405, 500])
  test(`a mount refused with ${status} is followed by an ordinary upload`, async (t) => {
    const stand = await startStand(t, { auth: bearer });
    stand.faults.always(/mount=/, registryError(status, 'UNSUPPORTED', 'no'));
    assert.equal(await write(stand, opens(blob), 'a/b'), 'copied');
    assert.equal(stand.seen(/^POST/).length, status === 500 ? 5 : 2);
  });

test('a session behind a mount is given back when the source fails', async (t) => {
  const stand = await startStand(t);
  const broken = async () =>
    Promise.reject(new CopyError('read', 'source', new RegistryError('denied', 'no')));
  await assert.rejects(write(stand, broken, 'a/b'), { side: 'source', reason: 'source-denied' });
  assert.deepEqual(sessions(stand), [1, 1]);
  await stand.assertFree();
});
