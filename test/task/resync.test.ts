import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError } from '../../src/copy/error.ts';
import { type ResyncRequest, resync } from '../../src/task/resync.ts';
import { registryError } from '../support/fault.ts';
import { cosignSignature, cosignTag, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { type Stand, rule, startStand } from './sweep-stand.ts';

const image = ociImage('resync');
const signature = cosignTag(image.descriptor.digest);

function ask(stand: Stand, request: Partial<ResyncRequest>): Promise<number[] | undefined> {
  const { registries, rules, enqueue, clock } = stand;
  const submit = enqueue.submit.bind(enqueue);
  return resync(
    { repository: 'library/app', force: false, ...request },
    { registries, rules, submit, clock },
  );
}

test('one tag, whether it is there or not: its task will see', async (t) => {
  const stand = await startStand(t);
  assert.deepEqual(await ask(stand, { tag: 'v1', force: true }), [1]);
  const [task] = stand.state.tasks.list({ limit: 1 });
  assert.deepEqual([task?.door, task?.force, task?.destinationTag], ['admin', true, 'v1']);
});

test('all tags of a repository that the rules want, with the signatures of their images', async (t) => {
  const stand = await startStand(t, [rule({ tags: ['v*'] })]);
  for (const tag of ['v1', 'v2', 'latest']) await push(stand.harbor.url, 'library/app', tag, image);
  await push(stand.harbor.url, 'library/app', signature, cosignSignature(image));
  assert.equal((await ask(stand, {}))?.length, 3);
  assert.deepEqual(stand.tasks(), [
    `mirror/library/app:${signature}`,
    'mirror/library/app:v1',
    'mirror/library/app:v2',
  ]);
});

test('a signature by its own name', async (t) => {
  const stand = await startStand(t, [rule({ tags: ['v*'] })]);
  await push(stand.harbor.url, 'library/app', 'v1', image);
  await push(stand.harbor.url, 'library/app', signature, cosignSignature(image));
  assert.equal((await ask(stand, { tag: signature }))?.length, 1);
  assert.deepEqual(stand.tasks(), [`mirror/library/app:${signature}`]);
});

test('what no rule wants is told apart from what has no tags', async (t) => {
  const stand = await startStand(t, [rule({ tags: ['v*'] })]);
  assert.equal(await ask(stand, { repository: 'other/app' }), undefined);
  assert.equal(await ask(stand, { tag: 'latest' }), undefined);
  assert.equal(await ask(stand, { tag: signature }), undefined);
  assert.deepEqual(await ask(stand, {}), []);
});

test('a list that cannot be had is an error', async (t) => {
  const stand = await startStand(t);
  stand.harbor.faults.always(/tags\/list/, registryError(403, 'DENIED', 'no'));
  await assert.rejects(ask(stand, {}), RegistryError);
});
