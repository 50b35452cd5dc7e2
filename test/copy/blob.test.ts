import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { mountIgnored, unavailable } from '../support/fault.ts';
import { type Image, blobOf, layer, ociImage, ociImageOf } from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { type Stand, startStand } from './stand.ts';

const config = blobOf('{"architecture":"amd64","os":"linux"}', 'application/vnd.oci.image.config.v1+json');
const shared = layer('shared', 30_000);

/** How often the source was asked for the blob. */
function reads({ source }: Stand, image: Image, index: number): number {
  return source.seen(new RegExp(`^GET .*/blobs/${image.blobs[index]?.descriptor.digest}`)).length;
}

/** Answers nothing before so many requests have come. */
function together(count: number): Misbehaviour {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return async (_call, next) => {
    arrived++;
    if (arrived === count) resolve();
    await promise;
    return next();
  };
}

test('the blobs of an image move at the same time', async (t) => {
  const stand = await startStand(t);
  const image = ociImage('parallel', { layers: [1_000, 2_000, 3_000, 4_000] });
  await push(stand.source.url, 'app', 'v1', image);
  stand.source.faults.always(/^GET .*\/blobs\//, together(5));
  assert.equal((await stand.copy('v1')).outcome, 'copied');
});

test('a blob that two copies want at once in one repository is moved once', async (t) => {
  const stand = await startStand(t);
  const images = ['one', 'two'].map((seed) => ociImageOf(config, [shared, layer(seed, 1_000)]));
  for (const [index, image] of images.entries()) await push(stand.source.url, 'app', `v${index}`, image);
  // Both are under way before any blob is.
  stand.source.faults.always(/^GET .*\/manifests\//, together(2));
  await Promise.all([stand.copy('v0'), stand.copy('v1')]);
  for (const [index, image] of images.entries()) assert.equal(reads(stand, image, 1), 1, `v${index}`);
  assert.deepEqual([stand.counts.copied, stand.counts.skipped], [4, 2]);
});

test('a blob that two copies want at once in two repositories is moved once, and mounted', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v1', image);
  stand.source.faults.always(/^GET .*\/manifests\//, together(2));
  await Promise.all(['one', 'two'].map((repository) => stand.copy('v1', { repository })));
  assert.deepEqual([reads(stand, image, 0), reads(stand, image, 1)], [1, 1]);
  assert.deepEqual([stand.counts.copied, stand.counts.mounted], [2, 2]);
  const expected = await contentsOf(stand.source.url, 'one', 'v1');
  for (const repository of ['one', 'two'])
    assert.deepEqual(await contentsOf(stand.destination.url, `mirror/${repository}`, 'v1'), expected);
});

test('when the first of two fails, the second moves the blob', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v1', image);
  stand.source.faults.always(/^GET .*\/manifests\//, together(2));
  stand.source.faults.always(/^GET \/v2\/one\/blobs\//, unavailable());
  const [one, two] = await Promise.allSettled(
    ['one', 'two'].map((repository) => stand.copy('v1', { repository })),
  );
  assert.deepEqual([one?.status, two?.status], ['rejected', 'fulfilled']);
});

test('an abort does not wait for the copy that moves the blob', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  await push(stand.source.url, 'app', 'v1', image);
  const arrived = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  stand.source.faults.always(/^GET .*\/blobs\//, async (_call, next) => {
    arrived.resolve();
    await goOn.promise;
    return next();
  });
  const first = stand.copy('v1');
  await arrived.promise;
  const controller = new AbortController();
  const second = stand.copy('v1', { signal: controller.signal });
  controller.abort(new Error('that is enough'));
  await assert.rejects(second, /that is enough/);
  goOn.resolve();
  assert.equal((await first).outcome, 'copied');
});

test('waiting for the copy that moves the blob leaves no listener at the signal', async (t) => {
  const stand = await startStand(t);
  await push(stand.source.url, 'app', 'v1', ociImageOf(config, [shared]));
  const source = stand.source.client.repository('app', 'pull');
  const destination = stand.destination.client.repository('mirror/app', 'push');
  const mover = stand.traffic.mover('mirror/app', stand.counts);
  const move = (signal: AbortSignal) => mover.move(shared.descriptor, source, destination, signal);
  const { signal } = new AbortController();
  await Promise.all([move(new AbortController().signal), move(signal), move(signal)]);
  assert.deepEqual([stand.counts.copied, stand.counts.skipped], [1, 2]);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('what the destination has in another repository is mounted from there', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v1', image);
  await stand.copy('v1', { repository: 'one' });
  await stand.copy('v1', { repository: 'two' });
  assert.deepEqual(stand.counts, {
    copied: 2,
    mounted: 2,
    skipped: 0,
    bytes: 30_000 + config.descriptor.size,
  });
});

test('a place that is remembered wrongly costs no more than the answer to the mount', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v1', image);
  await stand.copy('v1', { repository: 'one' });
  stand.destination.faults.always(/^POST .*mount=/, mountIgnored);
  await stand.copy('v1', { repository: 'two' });
  // One POST for each blob: the session that came instead of a mount is the one that is used.
  assert.equal(stand.destination.seen(/^POST \/v2\/mirror\/two\/blobs\/uploads/).length, 2);
  assert.deepEqual([stand.counts.copied, stand.counts.mounted], [4, 0]);
});

test('a mount that is refused costs one request more', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  for (const repository of ['one', 'two']) await push(stand.source.url, repository, 'v1', image);
  await stand.copy('v1', { repository: 'one' });
  stand.destination.faults.always(/^POST .*mount=/, async () => ({ status: 400, headers: {} }));
  await stand.copy('v1', { repository: 'two' });
  assert.equal(stand.destination.seen(/^POST \/v2\/mirror\/two\/blobs\/uploads/).length, 4);
  assert.deepEqual([stand.counts.copied, stand.counts.mounted], [4, 0]);
});

test('what the destination has under the digest with another length is no blob to skip', async (t) => {
  const stand = await startStand(t);
  const image = ociImageOf(config, [shared]);
  await push(stand.source.url, 'app', 'v1', image);
  await push(stand.destination.url, 'mirror/app', 'other', image);
  stand.destination.faults.always(new RegExp(`^HEAD .*/blobs/${shared.descriptor.digest}`), async () => {
    return { status: 200, headers: { 'content-length': '29999' } };
  });
  const message = /write blob sha256:\w+ at the destination: .* expected 30000 bytes, .* announces 29999/;
  await assert.rejects(stand.copy('v1'), { reason: 'corrupt', side: 'destination', message });
  assert.equal(stand.destination.seen(/^PUT .*mirror.app.manifests.v1/).length, 0);
});

test('the first blob that fails stops the others', async (t) => {
  const stand = await startStand(t);
  const image = ociImage('failing', { layers: [1_000, 2_000] });
  await push(stand.source.url, 'app', 'v1', image);
  const [, stalled, broken] = image.blobs.map(({ descriptor }) => descriptor.digest);
  const forever = new Promise<never>(() => undefined);
  stand.source.faults.always(new RegExp(`^GET .*${stalled}`), () => forever);
  stand.source.faults.always(new RegExp(`^GET .*${broken}`), async () => ({ status: 404, headers: {} }));
  await assert.rejects(stand.copy('v1'), new RegExp(`read blob ${broken} at the source`));
});

test('a pushed tag does not wait for a blob that a less urgent copy has not begun to move', async (t) => {
  const stand = await startStand(t);
  const bulk = ociImage('bulk', { layers: Array.from({ length: 9 }, (_, index) => 40_000 + index) });
  await push(stand.source.url, 'bulk', 'v1', ociImageOf(config, [...bulk.blobs.slice(1), shared]));
  await push(stand.source.url, 'app', 'v1', ociImageOf(config, [shared]));
  const full = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let arrived = 0;
  // One slot of eight is for pushed tags.
  stand.destination.faults.always(/^POST .*\/bulk\/blobs\/uploads/, async (_call, next) => {
    if (++arrived === 7) full.resolve();
    await goOn.promise;
    return next();
  });
  const sweep = stand.copy('v1', {
    repository: 'bulk',
    source: stand.source.client.repository('bulk', 'pull', 'sweep'),
    destination: stand.destination.client.repository('mirror/bulk', 'push', 'sweep'),
  });
  await full.promise;
  const blobs = stand.traffic.mover('mirror/app', stand.counts, 'first');
  assert.equal((await stand.copy('v1', { blobs })).outcome, 'copied');
  assert.equal(stand.destination.seen(/^PUT .*\/bulk\/manifests/).length, 0);
  goOn.resolve();
  await sweep;
  for (const repository of ['app', 'bulk'])
    assert.deepEqual(
      await contentsOf(stand.destination.url, `mirror/${repository}`, 'v1'),
      await contentsOf(stand.source.url, repository, 'v1'),
    );
});
