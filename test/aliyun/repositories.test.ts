import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Repositories } from '../../src/aliyun/repositories.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { registryShelf } from '../support/acr-openapi.ts';
import { editJson } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { all, entries, entry, failure, startStand, type Stand } from './stand.ts';

const name = 'mirror/app';

function actions({ server }: Stand): string[] {
  return server.calls.map(({ action, parameters: { PageNo } }) => (PageNo ? `${action} ${PageNo}` : action));
}

test('tags with their digests, prefixed', async (t) => {
  const { client, table } = await startStand(t);
  table.set(name, [entry('v1'), entry('latest'), { tag: 'old', digest: entry('old').digest.slice(7) }]);
  const listed = await all(new Repositories(client).tags(name));
  assert.deepEqual(listed, [entry('v1'), entry('latest'), entry('old')]);
});

test('as a registry has them', async (t) => {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const image = ociImage('listed');
  for (const tag of ['v1', 'v2']) await push(registry.url, name, tag, image);
  const { client } = await startStand(t, {}, registryShelf(registry.url));
  const repositories = new Repositories(client);
  const { digest } = image.descriptor;
  assert.deepEqual(await all(repositories.tags(name)), [
    { tag: 'v1', digest },
    { tag: 'v2', digest },
  ]);
  assert.deepEqual(await all(repositories.tags('mirror/other')), []);
});

test('a request for each hundred tags, and none for an empty page', async (t) => {
  const stand = await startStand(t);
  const repositories = new Repositories(stand.client);
  for (const [count, pages] of [
    [0, 1],
    [99, 1],
    [100, 1],
    [101, 2],
    [200, 2],
    [250, 3],
  ] as const) {
    stand.table.set(name, entries(count));
    const before = stand.server.calls.length;
    const listed = await all(repositories.tags(name));
    assert.deepEqual(listed, entries(count));
    const asked = actions(stand)
      .slice(before)
      .filter((action) => action !== 'GetRepository');
    assert.deepEqual(
      asked,
      Array.from({ length: pages }, (_, index) => `ListRepoTag ${index + 1}`),
    );
  }
});

test('a page is asked for when it is wanted', async (t) => {
  const stand = await startStand(t);
  stand.table.set(name, entries(1_000));
  for await (const { tag } of new Repositories(stand.client).tags(name)) if (tag === 'v150') break;
  assert.deepEqual(actions(stand), ['GetRepository', 'ListRepoTag 1', 'ListRepoTag 2']);
});

test('without a count, the first page that is short is the last', async (t) => {
  const stand = await startStand(t);
  stand.server.faults.always(
    /PageNo/,
    editJson((page) => ({ ...page, TotalCount: undefined })),
  );
  stand.table.set(name, entries(200));
  assert.equal((await all(new Repositories(stand.client).tags(name))).length, 200);
  assert.deepEqual(actions(stand).slice(1), ['ListRepoTag 1', 'ListRepoTag 2', 'ListRepoTag 3']);
  stand.table.set(name, entries(150));
  assert.equal((await all(new Repositories(stand.client).tags(name))).length, 150);
  assert.deepEqual(actions(stand).slice(5), ['ListRepoTag 1', 'ListRepoTag 2']);
});

test('a count that says less than was given is not believed', async (t) => {
  const stand = await startStand(t);
  stand.server.faults.always(
    /PageNo/,
    editJson((page) => ({ ...page, TotalCount: '30' })),
  );
  stand.table.set(name, entries(230));
  assert.deepEqual(await all(new Repositories(stand.client).tags(name)), entries(230));
});

test('pages that move meanwhile: a push shows tags twice, and hides none', async (t) => {
  const stand = await startStand(t);
  stand.table.set(name, entries(250));
  const listed = new Set<string>();
  let given = 0;
  for await (const { tag } of new Repositories(stand.client).tags(name)) {
    listed.add(tag);
    if (++given === 50) stand.table.set(name, [...[1, 2, 3].map((n) => entry(`new${n}`)), ...entries(250)]);
  }
  assert.equal(given, 253);
  assert.deepEqual(
    [...listed],
    entries(250).map(({ tag }) => tag),
  );
});

test('pages that move meanwhile: a deletion ends no list', async (t) => {
  const stand = await startStand(t);
  stand.table.set(name, entries(300));
  let given = 0;
  for await (const { tag } of new Repositories(stand.client).tags(name)) {
    assert.ok(tag);
    if (++given === 50) stand.table.set(name, entries(300).slice(10));
  }
  assert.equal(given, 290);
});

test('what is not in its normal state, or not named right, is left out', async (t) => {
  const { client, table } = await startStand(t);
  const good = entry('v1');
  table.set(name, [
    { ...entry('gone'), status: 'DELETING' },
    { ...entry('nowhere'), status: '' },
    { tag: 'empty', digest: '' },
    { tag: 'short', digest: 'abc' },
    { tag: 'loud', digest: good.digest.toUpperCase() },
    { tag: '../x', digest: good.digest },
    good,
  ]);
  assert.deepEqual(await all(new Repositories(client).tags(name)), [good]);
});

test('a repository, or its namespace, that does not exist has no tags', async (t) => {
  const stand = await startStand(t);
  const repositories = new Repositories(stand.client);
  assert.deepEqual(await all(repositories.tags('mirror/none')), []);
  assert.deepEqual(await all(repositories.tags('nowhere/app')), []);
  assert.deepEqual(actions(stand), ['GetRepository', 'GetRepository']);
  stand.table.set('mirror/none', [entry('v1')]);
  assert.deepEqual(await all(repositories.tags('mirror/none')), [entry('v1')]);
});

test('the id of a repository is asked for once, while it stays', async (t) => {
  const stand = await startStand(t);
  const repositories = new Repositories(stand.client);
  await all(repositories.tags(name));
  await all(repositories.tags(name));
  const listing = 'ListRepoTag 1';
  assert.deepEqual(actions(stand), ['GetRepository', listing, listing]);
  stand.server.recreate(name);
  assert.deepEqual(await all(repositories.tags(name)), [entry('v1')]);
  assert.deepEqual(actions(stand).slice(3), [listing, 'GetRepository', listing]);
  stand.table.delete(name);
  assert.deepEqual(await all(repositories.tags(name)), []);
});

test('an instance that does not exist is a mistake, not an empty list', async (t) => {
  const { client } = await startStand(t, { instanceId: 'cri-other' });
  const error = await failure(all(new Repositories(client).tags(name)), 'not-found');
  assert.equal(error.code, 'INSTANCE_NOT_EXIST');
});

test('a name that ACR EE cannot have is not asked for', async (t) => {
  const stand = await startStand(t);
  for (const wrong of ['app', 'mirror/a/b', '/app', 'mirror/'])
    await failure(all(new Repositories(stand.client).tags(wrong)), 'name-invalid');
  assert.deepEqual(actions(stand), []);
});

test('a list that gives its first page for ever ends as an error', async (t) => {
  const stand = await startStand(t);
  stand.table.set(name, entries(300));
  const Images = entries(100).map(({ tag: Tag, digest: Digest }) => ({ Tag, Digest, Status: 'NORMAL' }));
  stand.server.faults.always(
    /PageNo/,
    editJson((page) => ({ ...page, Images })),
  );
  const error = await failure(all(new Repositories(stand.client).tags(name)), 'protocol');
  assert.match(error.message, /does not end/);
  assert.equal(stand.server.calls.length, 3);
});

test('a page that is none', async (t) => {
  const stand = await startStand(t);
  const repositories = new Repositories(stand.client);
  for (const wrong of [{ Images: {} }, { Images: [{ Digest: 'x' }] }, { Images: [null] }]) {
    stand.server.faults.once(
      /PageNo/,
      editJson((page) => ({ ...page, ...wrong })),
    );
    const error = await failure(all(repositories.tags(name)), 'protocol');
    assert.match(error.message, /unexpected: .*Images/);
  }
  stand.server.faults.once(
    /PageNo/,
    editJson((page) => ({ ...page, Images: null })),
  );
  assert.deepEqual(await all(repositories.tags(name)), []);
});

test('a refusal in the middle is an error, not an end', async (t) => {
  const stand = await startStand(t);
  stand.table.set(name, entries(150));
  const listed: string[] = [];
  const list = async (): Promise<void> => {
    for await (const { tag } of new Repositories(stand.client).tags(name))
      if (listed.push(tag) === 1) stand.server.forbidden.add('ListRepoTag');
  };
  await failure(list(), 'denied');
  assert.equal(listed.length, 100);
});
