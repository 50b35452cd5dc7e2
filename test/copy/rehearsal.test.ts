import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobTraffic } from '../../src/copy/blob.ts';
import type { CopyRequest, CopyResult } from '../../src/copy/copy.ts';
import { CopyError } from '../../src/copy/error.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import { Rehearsal } from '../../src/copy/rehearsal.ts';
import { registryError } from '../support/fault.ts';
import {
  type Image,
  blobOf,
  dockerImage,
  helmChart,
  indexOf,
  layer,
  multiPlatform,
  nestedIndex,
  ociImageOf,
} from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import type { Ending } from '../support/temporary.ts';
import { type Stand, startStand } from './stand.ts';

/** A stand, and copies that are rehearsed in it: what they would do, and with how many blobs and bytes. */
async function startRehearsal(t: Ending) {
  const stand = await startStand(t);
  const rehearsal = new Rehearsal();
  const traffic = new BlobTraffic();
  const counts = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  const rehearse = (tag: string, other: Partial<CopyRequest> & { repository?: string } = {}) => {
    const { repository = 'app', ...rest } = other;
    const to = `mirror/${repository}`;
    return stand.copy(tag, {
      repository,
      source: rehearsal.source(stand.source.client.repository(repository, 'pull')),
      destination: rehearsal.destination(stand.destination.client.repository(to, 'push'), 'mirror', to),
      blobs: traffic.mover(to, counts),
      ...rest,
    });
  };
  return { ...stand, rehearse, rehearsed: counts };
}

const config = blobOf('{"architecture":"amd64","os":"linux"}', 'application/vnd.oci.image.config.v1+json');
const shared = layer('shared', 5_000);

/** What the source has before each run: some of it shares layers, some of it is at the destination already. */
const images: [repository: string, tag: string, image: Image][] = [
  ['app', 'v1', multiPlatform('rehearsal', 'empty')],
  ['app', 'v2', nestedIndex('rehearsal')],
  ['app', 'again', multiPlatform('rehearsal', 'empty')],
  ['app', 'docker', dockerImage('rehearsal')],
  ['app', 'index', indexOf([{ image: dockerImage('rehearsal') }])],
  ['app', 'shared', ociImageOf(config, [shared])],
  ['other', 'shared', ociImageOf(config, [shared, layer('own', 900)])],
  ['other', 'chart', helmChart('rehearsal')],
  ['old', 'unchanged', dockerImage('unchanged')],
  ['old', 'layers', ociImageOf(config, [layer('there', 700), layer('new', 800)])],
  ['other', 'layers', ociImageOf(config, [layer('there', 700)])],
];

async function fill({ source, destination }: Stand): Promise<void> {
  for (const [repository, tag, image] of images) await push(source.url, repository, tag, image);
  await push(destination.url, 'mirror/old', 'unchanged', dockerImage('unchanged'));
  await push(destination.url, 'mirror/old', 'before', ociImageOf(config, [layer('there', 700)]));
}

async function all(
  copy: (tag: string, other: { repository: string }) => Promise<CopyResult>,
): Promise<CopyResult[]> {
  const results: CopyResult[] = [];
  for (const [repository, tag] of images) results.push(await copy(tag, { repository }));
  return results;
}

test('a rehearsal says what the copies then do, and writes nothing', async (t) => {
  const stand = await startRehearsal(t);
  const { source, destination, copy, counts, rehearse, rehearsed } = stand;
  await fill(stand);
  const before = [source.seen(/v2\/./).length, destination.seen(/v2\/./).length];
  const said = await all(rehearse);
  const [asked, seen] = [source, destination].map((end, index) => end.seen(/v2\/./).slice(before[index]));
  assert.deepEqual(
    [asked, seen].map((lines) => [...new Set(lines?.map((line) => line.split(' ')[0]))].toSorted()),
    [['GET', 'HEAD'], ['HEAD']],
  );
  assert.deepEqual(
    asked?.filter((line) => line.includes('/blobs/')),
    [],
  );
  // A tag is resolved once, and what is noted is not asked for.
  assert.equal(asked?.filter((line) => line.startsWith('HEAD')).length, images.length);
  assert.equal(new Set(seen).size, seen?.length);
  assert.deepEqual(await all(copy), said);
  assert.deepEqual(rehearsed, counts);
  assert.ok(rehearsed.copied > 0 && rehearsed.mounted > 0 && rehearsed.skipped > 0);
});

test('rehearsed with platforms: the smaller index, and what is filtered', async (t) => {
  const stand = await startRehearsal(t);
  const { source, copy, counts, rehearse, rehearsed } = stand;
  await push(source.url, 'app', 'v1', multiPlatform('platforms'));
  await push(source.url, 'app', 'v2', dockerImage('platforms'));
  const platforms = parsePlatforms({ os: [], arch: ['arm64'] });
  assert.ok(platforms);
  const said = [await rehearse('v1', { platforms }), await rehearse('v2', { platforms })];
  assert.deepEqual(
    said.map(({ outcome }) => outcome),
    ['copied', 'filtered'],
  );
  assert.deepEqual(said, [await copy('v1', { platforms }), await copy('v2', { platforms })]);
  assert.deepEqual(rehearsed, counts);
});

test('what is rehearsed twice is unchanged the second time', async (t) => {
  const { source, rehearse, rehearsed } = await startRehearsal(t);
  const digest = await push(source.url, 'app', 'v1', dockerImage('twice'));
  assert.deepEqual(await rehearse('v1'), { outcome: 'copied', digest, moved: false });
  const { bytes } = rehearsed;
  assert.deepEqual(await rehearse('v1'), { outcome: 'unchanged', digest });
  assert.equal(rehearsed.bytes, bytes);
});

test('a tag that goes while it is rehearsed is gone; one that has lost its manifest fails', async (t) => {
  const { source, destination, rehearse } = await startRehearsal(t);
  await push(source.url, 'app', 'v1', dockerImage('going'));
  const missing = registryError(404, 'MANIFEST_UNKNOWN', 'no such manifest');
  source.faults.once(/^GET .*manifests/, (call, next) => {
    source.faults.always(/manifests\/v1$/, registryError(404, 'MANIFEST_UNKNOWN', 'no such tag'));
    return missing(call, next);
  });
  assert.deepEqual(await rehearse('v1'), { outcome: 'source-gone' });
  source.faults.clear();
  source.faults.always(/^GET .*manifests/, missing);
  await assert.rejects(rehearse('v1'), (error) => error instanceof CopyError && error.reason === 'not-found');
  assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), undefined);
});
