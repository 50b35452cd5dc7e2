import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Image,
  artifact,
  blobOf,
  cosignSignature,
  dockerImage,
  helmChart,
  indexOf,
  layer,
  multiPlatform,
  nestedIndex,
  ociImage,
  ociImageOf,
  sha512Image,
} from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { startStand } from './stand.ts';

const config = blobOf('{"architecture":"amd64","os":"linux"}', 'application/vnd.oci.image.config.v1+json');
const twice = layer('twice', 4_000);
const foreign = layer('foreign', 4_000, {
  mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  urls: ['https://example.com/base-of-windows'],
});

const shapes: Record<string, Image> = {
  'an OCI image': ociImage('shape'),
  'a Docker image, schema 2': dockerImage('shape'),
  'two platforms, attested with an image’s config': multiPlatform('shape', 'image'),
  'two platforms, attested with the empty config': multiPlatform('shape', 'empty'),
  'an index within an index': nestedIndex('shape'),
  'an index that lists the same image twice': indexOf([
    { image: ociImage('same'), more: { platform: { os: 'linux', architecture: 'arm', variant: 'v6' } } },
    { image: ociImage('same'), more: { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } } },
  ]),
  'an index of nothing': indexOf([]),
  'a Helm chart': helmChart('shape'),
  'a cosign signature': cosignSignature(ociImage('shape')),
  'an artifact of an unknown type': artifact('shape'),
  'blobs named by sha512': sha512Image('shape'),
  'an image that has a layer twice': ociImageOf(config, [twice, layer('other', 3_000), twice]),
  'an image with a layer of no bytes': ociImageOf(config, [layer('nothing', 0), layer('something', 10)]),
  'an image without layers': ociImageOf(config, []),
  'an image whose base may not be distributed': ociImageOf(config, [foreign, layer('own', 3_000)]),
};

for (const [what, image] of Object.entries(shapes))
  test(`${what} arrives with the same bytes`, async (t) => {
    const { source, destination, copy } = await startStand(t);
    await push(source.url, 'app', 'v1', image);
    const { digest } = image.descriptor;
    assert.deepEqual(await copy('v1'), { outcome: 'copied', digest, moved: false });
    const expected = await contentsOf(source.url, 'app', 'v1');
    assert.deepEqual(await contentsOf(destination.url, 'mirror/app', 'v1'), expected);
    assert.ok(expected[0]?.includes(digest));
  });

test('a layer that may not be distributed is not even asked for', async (t) => {
  const { source, destination, copy } = await startStand(t);
  await push(source.url, 'app', 'v1', ociImageOf(config, [foreign]));
  await copy('v1');
  const of = new RegExp(foreign.descriptor.digest);
  assert.deepEqual([source.seen(of), destination.seen(of)], [[], []]);
});

test('a layer that an image has twice is moved once', async (t) => {
  const { source, copy, counts } = await startStand(t);
  await push(source.url, 'app', 'v1', ociImageOf(config, [twice, twice]));
  await copy('v1');
  assert.equal(source.seen(new RegExp(`^GET .*${twice.descriptor.digest}`)).length, 1);
  assert.deepEqual(counts, { copied: 2, mounted: 0, skipped: 0, bytes: 4_000 + config.descriptor.size });
});
