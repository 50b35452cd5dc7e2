import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ManifestError, maxSuccessors, mediaTypeOf, parseManifest } from '../../src/oci/manifest.ts';
import * as types from '../../src/oci/media-type.ts';

const digest = (fill: string) => `sha256:${fill.repeat(64)}`;
const bytes = (document: unknown) =>
  new TextEncoder().encode(typeof document === 'string' ? document : JSON.stringify(document));
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const configType = 'application/vnd.oci.image.config.v1+json';
const config = { mediaType: configType, digest: digest('c'), size: 2 };
const layer = { mediaType: layerType, digest: digest('1'), size: 10 };
const image = { schemaVersion: 2, mediaType: types.ociManifest, config, layers: [layer] };

test('successors: of an index: what is no manifest by its type is a blob, as in a cache of BuildKit', () => {
  const child = { mediaType: types.ociManifest, digest: digest('a'), size: 7 };
  const cache = { mediaType: 'application/vnd.buildkit.cacheconfig.v0', digest: digest('b'), size: 9 };
  const document = {
    schemaVersion: 2,
    mediaType: types.ociIndex,
    manifests: [layer, child, cache, layer],
  };
  assert.deepEqual(parseManifest(bytes(document), types.ociIndex), {
    blobs: [layer, cache],
    manifests: [child],
  });
});

function digestsOf(document: unknown, type: string): string[] {
  const { blobs, manifests } = parseManifest(bytes(document), type);
  return [...blobs, ...manifests].map((descriptor) => descriptor.digest);
}

test('successors: of an image: config and layers as described, and the subject', () => {
  const subject = { mediaType: types.ociManifest, digest: digest('5'), size: 7 };
  const described = { ...layer, annotations: { title: 'x' }, urls: ['https://else.example/1'] };
  const document = { ...image, layers: [described], subject };
  assert.deepEqual(parseManifest(bytes(document), types.ociManifest), {
    blobs: [config, described],
    manifests: [],
    subject,
  });
});

test('successors: of an index: manifests with platform and annotations, one digest for two platforms twice', () => {
  const arm = {
    ...layer,
    mediaType: types.ociManifest,
    platform: { os: 'linux', architecture: 'arm', variant: 'v6' },
  };
  const attestation = {
    mediaType: types.ociManifest,
    digest: digest('a'),
    size: 5,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };
  const manifests = [arm, { ...arm, platform: { ...arm.platform, variant: 'v7' } }, attestation];
  assert.deepEqual(parseManifest(bytes({ schemaVersion: 2, manifests }), types.ociIndex), {
    blobs: [],
    manifests,
  });
});

test('successors: of an old artifact manifest, and of a type that nobody knows', () => {
  const artifact = { mediaType: types.ociArtifactManifest, blobs: [layer] };
  assert.deepEqual(digestsOf(artifact, types.ociArtifactManifest), [layer.digest]);
  assert.deepEqual(digestsOf({ config, blobs: [layer] }, 'application/vnd.new+json'), [
    config.digest,
    layer.digest,
  ]);
  assert.deepEqual(digestsOf({ manifests: [layer] }, 'application/vnd.new.index+json'), [layer.digest]);
  assert.deepEqual(digestsOf({ hello: 1 }, 'application/vnd.new+json'), []);
});

test('successors: a blob listed twice is there once, a foreign layer is there', () => {
  const foreign = {
    ...layer,
    digest: digest('f'),
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  };
  const document = { ...image, layers: [layer, foreign, layer] };
  assert.deepEqual(digestsOf(document, types.ociManifest), [config.digest, layer.digest, foreign.digest]);
});

test('successors: null is as good as absent; a blob without type is any blob', () => {
  const bare = { digest: digest('1'), size: 1, urls: null, annotations: null, platform: null };
  const document = { mediaType: null, config, layers: [bare], manifests: null, subject: null };
  assert.deepEqual(parseManifest(bytes(document), types.ociManifest).blobs[1], {
    mediaType: types.unknownBlob,
    digest: digest('1'),
    size: 1,
  });
  assert.deepEqual(digestsOf({ manifests: null }, types.dockerList), []);
});

test('successors: parameters and case of the delivered type do not matter', () => {
  const type = 'Application/vnd.oci.image.manifest.v1+JSON; charset=utf-8';
  assert.equal(digestsOf(image, type).length, 2);
});

const refused: [string, unknown, string, RegExp][] = [
  ['HTML', '<html></html>', types.ociManifest, /expected JSON, got 13 bytes/],
  ['a list', [], types.ociManifest, /document: .*object/],
  ['another type than it says', image, types.dockerManifest, /delivered as .*docker.*says it is .*oci/],
  ['an error answer', { errors: [] }, types.ociManifest, /expected "config"/],
  ['an image delivered as an index', { config, layers: [] }, types.ociIndex, /expected "manifests"/],
  [
    'both image and index',
    { config, manifests: [] },
    'application/vnd.new+json',
    /both an index and an image/,
  ],
  ['both schema 1 and index', { fsLayers: [], manifests: [] }, types.ociIndex, /both an index and an image/],
  [
    'a short digest',
    { config: { ...config, digest: 'sha256:abc' } },
    types.ociManifest,
    /config\.digest: .*got sha256:abc/,
  ],
  [
    'a digest that is a path',
    { config, layers: [{ ...layer, digest: 'sha256:../../x' }] },
    types.ociManifest,
    /layers\.0\.digest/,
  ],
  ['a negative size', { config: { ...config, size: -1 } }, types.ociManifest, /config\.size/],
  ['half a byte', { config: { ...config, size: 0.5 } }, types.ociManifest, /config\.size/],
  [
    'a size beyond exact numbers',
    { config: { ...config, size: 2 ** 53 } },
    types.ociManifest,
    /config\.size/,
  ],
  ['a size as text', { config: { ...config, size: '2' } }, types.ociManifest, /config\.size/],
  [
    'two sizes of one blob',
    { config, layers: [layer, { ...layer, size: 11 }] },
    types.ociManifest,
    /with 10 and 11 bytes/,
  ],
  [
    'a type with a line break',
    { config: { ...config, mediaType: 'a\r\nb' } },
    types.ociManifest,
    /config\.mediaType/,
  ],
  [
    'a manifest without type',
    { manifests: [{ digest: digest('1'), size: 1 }] },
    types.ociIndex,
    /expected a mediaType/,
  ],
  [
    'annotations that are no texts',
    { config: { ...config, annotations: { a: 1 } } },
    types.ociManifest,
    /annotations/,
  ],
];

for (const [name, document, type, message] of refused)
  test(`documents that are not the manifest they should be: ${name}`, () => {
    assert.throws(() => parseManifest(bytes(document), type), { name: 'ManifestError', message });
  });

test('documents that are not the manifest they should be: invalid UTF-8', () => {
  const document = Buffer.from(JSON.stringify({ ...image, note: '\u00ff' }), 'latin1');
  assert.throws(() => parseManifest(document, types.ociManifest), ManifestError);
});

test('documents that are not the manifest they should be: too many successors, in one list or in several', () => {
  const layers = Array.from({ length: maxSuccessors }, () => layer);
  assert.equal(digestsOf({ config, layers }, types.ociManifest).length, 2);
  const many = { config, layers, blobs: [layer] };
  assert.throws(() => parseManifest(bytes(many), types.ociManifest), /at most 10000 descriptors, got 10001/);
});

test('documents that are not the manifest they should be: members of the prototype are not members', () => {
  const document = '{"__proto__":{"config":{"digest":"x"},"manifests":[]}}';
  assert.throws(() => parseManifest(bytes(document), types.ociIndex), /expected "manifests"/);
});

test('documents that are not the manifest they should be: whatever comes, only a ManifestError is thrown', () => {
  const part = fc.oneof(fc.constant(config), fc.array(fc.constant(layer)), fc.anything());
  const shaped = fc.record(
    { config: part, layers: part, manifests: part, blobs: part },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.json(),
    shaped.map((document) => JSON.stringify(document)),
  );
  const type = fc.constantFrom(...types.manifestTypes, 'text/html', '');
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), text.map(bytes)), type, (document, delivered) => {
      try {
        parseManifest(document, delivered);
        mediaTypeOf(document, delivered);
      } catch (error) {
        assert.ok(error instanceof ManifestError, String(error));
        assert.match(error.message, /^[\x20-\x7e]{1,400}$/);
      }
    }),
    { numRuns: 1000 },
  );
});

test('the type of a manifest: is the header’s, without parameters', () => {
  assert.equal(mediaTypeOf(bytes('<html>'), 'Text/HTML; charset=utf-8'), 'text/html');
  assert.equal(mediaTypeOf(bytes(image), types.dockerManifest), types.dockerManifest);
});

test('the type of a manifest: is the document’s own, when the header says nothing', () => {
  const own: [unknown, string][] = [
    [image, types.ociManifest],
    [{ mediaType: types.dockerList, manifests: [] }, types.dockerList],
    [{ manifests: [] }, types.ociIndex],
    [{ config }, types.ociManifest],
    [{ fsLayers: [] }, types.dockerSchema1],
    [{ fsLayers: [], signatures: [{}] }, types.dockerSchema1Signed],
  ];
  for (const header of [
    undefined,
    '',
    'application/json',
    'text/plain; charset=utf-8',
    'application/octet-stream',
  ])
    for (const [document, type] of own) assert.equal(mediaTypeOf(bytes(document), header), type);
});

test('the type of a manifest: cannot be told of anything else', () => {
  assert.throws(() => mediaTypeOf(bytes({}), undefined), ManifestError);
  assert.throws(() => mediaTypeOf(bytes('nothing'), 'text/plain'), ManifestError);
});

test('media types: Accept names every type once, the current ones first', () => {
  assert.equal(new Set(types.manifestTypes).size, 7);
  assert.equal(types.manifestTypes[0], types.ociIndex);
  assert.ok(types.isSchema1(types.manifestTypes.at(-1) ?? ''));
});

test('media types: kinds', () => {
  assert.deepEqual(types.manifestTypes.filter(types.isIndex), [types.ociIndex, types.dockerList]);
  assert.deepEqual(types.manifestTypes.filter(types.isSchema1), [
    types.dockerSchema1Signed,
    types.dockerSchema1,
  ]);
});

test('media types: a foreign layer has such a type, or an address elsewhere', () => {
  const foreign = [
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  ];
  for (const mediaType of foreign) assert.ok(types.isForeignLayer({ mediaType }), mediaType);
  assert.ok(types.isForeignLayer({ mediaType: layerType, urls: ['https://else.example'] }));
  assert.equal(types.isForeignLayer({ mediaType: layerType, urls: [] }), false);
  assert.equal(types.isForeignLayer({ mediaType: layerType }), false);
});
