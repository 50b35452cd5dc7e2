import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../src/copy/ledger.ts';
import { Client } from '../support/client.ts';
import { FakeClock } from '../support/clock.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { answer, mountIgnored, registryError, unavailable } from '../support/fault.ts';
import { type Image, blobOf, indexOf, layer, ociImageOf } from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { clientOf } from '../registry/stand.ts';
import { type End, type Stand, startStand } from './stand.ts';

const shared = [layer('base', 30_000), layer('runtime', 20_000)];

/** Images with their own config and layer above the same two. */
function family(count: number): Image[] {
  return Array.from({ length: count }, (_, index) =>
    ociImageOf(blobOf(`{"author":"${index}"}`, 'application/vnd.oci.image.config.v1+json'), [
      ...shared,
      layer(`own ${index}`, 1_000),
    ]),
  );
}

async function pushFamily({ source }: Stand, repository: string, images: readonly Image[]): Promise<void> {
  for (const [index, image] of images.entries()) await push(source.url, repository, `v${index}`, image);
}

/** The requests about blobs since this was called last, as `METHOD mirror/repository`. */
function watch({ registry }: End): () => string[] {
  let from = registry.requests.length;
  return () => {
    const news = registry.requests.slice(from);
    from = registry.requests.length;
    return news.flatMap(({ method, path, query }) => {
      const repository = /^\/v2\/(.*)\/blobs\//.exec(path)?.[1];
      const mount = query.includes('mount=') ? ' mount' : '';
      return repository === undefined ? [] : [`${method}${mount} ${repository}`];
    });
  };
}

const blobUnknown = registryError(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry');

test('the blobs that five tags share are asked for once, and sent once', async (t) => {
  const stand = await startStand(t);
  const images = family(5);
  await pushFamily(stand, 'app', images);
  await Promise.all(images.map((_, index) => stand.copy(`v${index}`)));
  // The upload's beginning is the question.
  assert.deepEqual(stand.destination.seen(/^HEAD .*\/blobs\//), []);
  assert.equal(stand.destination.seen(/^POST .*\/blobs\//).length, 2 + 5 * 2);
  assert.equal(stand.destination.seen(/^PUT .*\/blobs\//).length, 12);
  assert.equal(stand.source.seen(/^GET .*\/blobs\//).length, 12);
  assert.deepEqual([stand.counts.copied, stand.counts.skipped], [12, 8]);
});

test('for a second repository a known blob costs its mount, and for a second tag there nothing', async (t) => {
  const stand = await startStand(t);
  const images = family(1);
  for (const repository of ['one', 'two']) await pushFamily(stand, repository, images);
  await stand.copy('v0', { repository: 'one' });
  const requests = watch(stand.destination);
  await stand.copy('v0', { repository: 'two' });
  assert.deepEqual(
    requests(),
    Array.from({ length: 4 }, () => 'POST mount mirror/two'),
  );
  await push(stand.source.url, 'two', 'other', ociImageOf(images[0]?.blobs[0] ?? layer('none', 1), shared));
  await stand.copy('other', { repository: 'two' });
  assert.deepEqual(requests(), []);
  assert.deepEqual(await contentsOf(stand.destination.url, 'mirror/two', 'v0'), [
    ...(await contentsOf(stand.source.url, 'two', 'v0')),
  ]);
});

test('a blob that was found at the destination is not asked for again', async (t) => {
  const stand = await startStand(t);
  const images = family(2);
  await pushFamily(stand, 'app', images);
  for (const [index, image] of images.entries())
    await push(stand.destination.url, 'mirror/app', `old${index}`, image);
  const requests = watch(stand.destination);
  for (const index of images.keys()) await stand.copy(`v${index}`);
  // The mount finds it, and a look at it tells its length.
  assert.deepEqual(requests().sort(), [
    ...Array.from({ length: 6 }, () => 'HEAD mirror/app'),
    ...Array.from({ length: 6 }, () => 'POST mount mirror/app'),
  ]);
  assert.equal(stand.counts.skipped, 8);
});

test('a blob that somebody removed from a real registry is sent again, in the same attempt', async (t) => {
  const stand = await startStand(t);
  const images = family(2);
  await pushFamily(stand, 'app', images);
  const { url } = await startDockerRegistry(t);
  const destination = clientOf(t, url).repository('mirror/app', 'push');
  const there = (tag: string) =>
    stand.copy(tag, { destination, blobs: stand.traffic.mover('mirror/app', stand.counts) });
  await there('v0');
  const [base] = shared;
  await new Client(url).expect(202, `/v2/mirror/app/blobs/${base?.descriptor.digest}`, { method: 'DELETE' });
  assert.equal((await there('v1')).outcome, 'copied');
  assert.equal(stand.source.seen(new RegExp(`^GET .*/blobs/${base?.descriptor.digest}`)).length, 2);
  assert.deepEqual(
    await contentsOf(url, 'mirror/app', 'v1'),
    await contentsOf(stand.source.url, 'app', 'v1'),
  );
});

for (const [how, refusal] of [
  ['as the specification says', blobUnknown],
  ['as an invalid manifest', registryError(400, 'MANIFEST_INVALID', 'manifest invalid')],
  ['by a code of its own', registryError(400, 'LAYERS_NOT_FOUND', 'layers not found')],
] as const)
  test(`a manifest that is refused ${how} is written again after all its blobs were looked for`, async (t) => {
    const stand = await startStand(t);
    await pushFamily(stand, 'app', family(2));
    await stand.copy('v0');
    const requests = watch(stand.destination);
    stand.destination.faults.once(/^PUT .*manifests\/v1/, refusal);
    await stand.copy('v1');
    const asked = requests().filter((line) => line.startsWith('HEAD'));
    assert.equal(asked.length, 4);
  });

test('a child of an index that is refused is written again, and then the index', async (t) => {
  const stand = await startStand(t);
  const [first, second] = family(2);
  if (first === undefined || second === undefined) throw new RangeError('there are two');
  await push(stand.source.url, 'app', 'v0', first);
  await push(stand.source.url, 'app', 'all', indexOf([{ image: second }]));
  await stand.copy('v0');
  stand.destination.faults.once(/^PUT .*manifests\/sha256/, blobUnknown);
  await stand.copy('all');
  const expected = await contentsOf(stand.source.url, 'app', 'all');
  assert.deepEqual(await contentsOf(stand.destination.url, 'mirror/app', 'all'), expected);
});

test('a manifest that is refused for good is written twice, and once where nothing was believed', async (t) => {
  const stand = await startStand(t);
  await pushFamily(stand, 'app', family(2));
  stand.destination.faults.always(/^PUT .*manifests/, blobUnknown);
  const refused = { reason: 'not-found', side: 'destination', message: /blob unknown to registry/ };
  await assert.rejects(stand.copy('v0'), refused);
  assert.equal(stand.destination.seen(/^PUT .*manifests.v0/).length, 1);
  await assert.rejects(stand.copy('v1'), refused);
  assert.equal(stand.destination.seen(/^PUT .*manifests.v1/).length, 2);
});

test('where a registry fails at the manifest, the next attempt looks for what was believed', async (t) => {
  const stand = await startStand(t);
  await pushFamily(stand, 'app', family(2));
  await stand.copy('v0');
  stand.destination.faults.always(/^PUT .*manifests\/v1/, unavailable());
  await assert.rejects(stand.copy('v1'), { reason: 'unreachable' });
  stand.destination.faults.clear();
  const requests = watch(stand.destination);
  await stand.copy('v1');
  assert.deepEqual(
    requests(),
    Array.from({ length: 4 }, () => 'HEAD mirror/app'),
  );
});

test('who wants everything again does not believe what is known', async (t) => {
  const stand = await startStand(t);
  await pushFamily(stand, 'app', family(1));
  await stand.copy('v0');
  const requests = watch(stand.destination);
  await stand.copy('v0', { force: true });
  assert.deepEqual(
    requests(),
    Array.from({ length: 4 }, () => 'HEAD mirror/app'),
  );
});

test('a mount that is not made sends no bytes of what is there already', async (t) => {
  const stand = await startStand(t);
  const [image] = family(1);
  if (image === undefined) throw new RangeError('there is one');
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v0', image);
  await stand.copy('v0', { repository: 'one' });
  await push(stand.destination.url, 'mirror/two', 'old', image);
  stand.destination.faults.always(/^POST .*mount=/, mountIgnored);
  const requests = watch(stand.destination);
  await stand.copy('v0', { repository: 'two' });
  const counted = requests().reduce<Record<string, number>>(
    (counts, line) => ({ ...counts, [line]: (counts[line] ?? 0) + 1 }),
    {},
  );
  // Four of each at most, for all four are under way at once; each session is given back.
  assert.deepEqual(counted, {
    'POST mount mirror/two': 4,
    'HEAD mirror/two': 4,
    'DELETE mirror/two': 4,
  });
  assert.equal(stand.source.seen(/^GET \/v2\/two\/blobs/).length, 0);
});

test('a registry that does not mount is asked first, until it mounts again', async (t) => {
  const stand = await startStand(t);
  for (const repository of ['one', 'two', 'three', 'four', 'five'])
    await push(stand.source.url, repository, 'v0', ociImageOf(layer('config', 10), []));
  stand.destination.faults.times(3, /^POST .*mount=/, mountIgnored);
  const requests = watch(stand.destination);
  const costs: string[][] = [];
  for (const repository of ['one', 'two', 'three', 'four', 'five']) {
    await stand.copy('v0', { repository });
    costs.push(requests().map((line) => line.replace(/ \S+$/, '')));
  }
  assert.deepEqual(costs, [
    ['POST mount', 'PUT'],
    ['POST mount', 'HEAD', 'PUT'],
    ['HEAD', 'POST mount', 'PUT'],
    ['HEAD', 'POST mount', 'HEAD'],
    ['POST mount'],
  ]);
});

test('a mount that a registry says it has made and has not: the blob is sent, in the same attempt', async (t) => {
  const stand = await startStand(t);
  const [image] = family(1);
  if (image === undefined) throw new RangeError('there is one');
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v0', image);
  await stand.copy('v0', { repository: 'one' });
  stand.destination.faults.always(/^POST .*mount=/, answer(201));
  assert.equal((await stand.copy('v0', { repository: 'two' })).outcome, 'copied');
  assert.deepEqual(
    await contentsOf(stand.destination.url, 'mirror/two', 'v0'),
    await contentsOf(stand.source.url, 'two', 'v0'),
  );
});

test('the place from which a mount was not made is forgotten', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(layer('config', 10), []);
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v0', image);
  await stand.copy('v0', { repository: 'one' });
  stand.destination.faults.once(/^POST .*mount=/, mountIgnored);
  await stand.copy('v0', { repository: 'two' });
  await push(stand.source.url, 'one', 'v1', ociImageOf(layer('config', 10), [layer('new', 10)]));
  const requests = watch(stand.destination);
  await stand.copy('v1', { repository: 'one' });
  assert.equal(requests().filter((line) => line === 'HEAD mirror/one').length, 2);
});

test('a blob that is on its way elsewhere holds up no copy that knows it is there', async (t) => {
  const stand = await startStand(t);
  const images = family(2);
  await pushFamily(stand, 'one', images);
  await pushFamily(stand, 'two', images.slice(0, 1));
  await stand.copy('v0', { repository: 'one' });
  const goOn = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  stand.destination.faults.always(/^POST .*mirror\/two\/.*mount=/, async (_call, next) => {
    arrived.resolve();
    await goOn.promise;
    return next();
  });
  const slow = stand.copy('v0', { repository: 'two' });
  await arrived.promise;
  assert.equal((await stand.copy('v1', { repository: 'one' })).outcome, 'copied');
  goOn.resolve();
  await slow;
});

test('what was seen a week ago is asked for again', async (t) => {
  const clock = new FakeClock();
  const stand = await startStand(t, { ledger: new Ledger(clock) });
  const images = family(3);
  await pushFamily(stand, 'app', images);
  await stand.copy('v0');
  clock.advance(7 * 24 * 60 * 60 * 1000);
  await stand.copy('v1');
  const requests = watch(stand.destination);
  clock.advance(1);
  await stand.copy('v2');
  assert.equal(requests().filter((line) => line.startsWith('POST mount')).length, 4);
});

test('a listener is told of the bytes that pass', async (t) => {
  const passed: number[] = [];
  const stand = await startStand(t, { onBytes: (count) => passed.push(count) });
  await pushFamily(stand, 'app', family(1));
  await stand.copy('v0');
  assert.ok(passed.length >= 4);
  assert.equal(
    passed.reduce((sum, count) => sum + count, 0),
    stand.counts.bytes,
  );
});
