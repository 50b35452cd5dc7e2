import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isEquivalent } from '../../src/copy/equivalent.ts';
import { dockerList, ociIndex, ociManifest } from '../../src/oci/media-type.ts';

const child = {
  mediaType: ociManifest,
  digest: 'sha256:a',
  size: 7,
  platform: { os: 'linux', architecture: 'arm' },
};
const index = { schemaVersion: 2, manifests: [child], annotations: { a: 'b' } };

function same(one: object, other: object, type: string): boolean {
  return isEquivalent(Buffer.from(JSON.stringify(one, null, 3)), Buffer.from(JSON.stringify(other)), type);
}

describe('row 41: an index says the same', () => {
  const equal: Record<string, object> = {
    'in another layout': index,
    'with its members in another order': { annotations: { a: 'b' }, manifests: [child], schemaVersion: 2 },
    'with a media type added': { ...index, mediaType: ociIndex },
    'with empty members': {
      ...index,
      manifests: [
        {
          ...child,
          urls: [],
          annotations: {},
          platform: { ...child.platform, 'os.version': '', variant: null },
        },
      ],
    },
  };
  for (const [what, other] of Object.entries(equal))
    test(what, () => assert.ok(same(index, other, ociIndex)));

  const different: Record<string, object> = {
    'another digest': { ...index, manifests: [{ ...child, digest: 'sha256:b' }] },
    'another size': { ...index, manifests: [{ ...child, size: 8 }] },
    'another platform': {
      ...index,
      manifests: [{ ...child, platform: { os: 'linux', architecture: 'arm64' } }],
    },
    'one child more': { ...index, manifests: [child, child] },
    'no children': { ...index, manifests: [] },
    'other annotations': { ...index, annotations: { a: 'c' } },
    'other annotations at a child': { ...index, manifests: [{ ...child, annotations: { a: 'b' } }] },
    'another kind': { ...index, mediaType: dockerList },
    'another schema': { ...index, schemaVersion: 3 },
  };
  for (const [what, other] of Object.entries(different))
    test(`but not with ${what}`, () => assert.ok(!same(index, other, ociIndex)));

  const signed = {
    ...index,
    artifactType: 'x/y',
    subject: { digest: 'sha256:s' },
    manifests: [{ ...child, artifactType: 'x/y', data: 'e30=' }],
  };
  test('without members that image-syncer does not know', () => assert.ok(same(signed, index, ociIndex)));

  const stale: Record<string, object> = {
    'another subject': { ...signed, subject: { digest: 'sha256:t' } },
    'another type of artifact': { ...signed, artifactType: 'x/z' },
    'another type of artifact at a child': {
      ...signed,
      manifests: [{ ...signed.manifests[0], artifactType: 'x/z' }],
    },
  };
  for (const [what, there] of Object.entries(stale))
    test(`but not with ${what}, which image-syncer would not have kept`, () =>
      assert.ok(!same(signed, there, ociIndex)));
  test('nor with a member that the source has no longer', () =>
    assert.ok(!same(index, { ...index, subject: signed.subject }, ociIndex)));

  test('nor with its children in another order: the first that fits is pulled', () => {
    const second = { ...child, digest: 'sha256:b' };
    const one = { ...index, manifests: [child, second] };
    assert.ok(!same(one, { ...index, manifests: [second, child] }, ociIndex));
  });

  test('a Docker list without its annotations, which image-syncer does not know there', () => {
    const annotated = { ...index, mediaType: dockerList, manifests: [{ ...child, annotations: { a: 'b' } }] };
    const { annotations: _, ...plain } = { ...annotated, manifests: [child] };
    assert.ok(same(annotated, plain, dockerList));
    const changed = { ...annotated, manifests: [{ ...child, annotations: { a: 'c' } }] };
    assert.ok(!same(annotated, changed, dockerList));
  });
});

describe('row 41: a manifest says the same', () => {
  const manifest = { schemaVersion: 2, config: { digest: 'sha256:c', size: 2 }, layers: [], annotations: {} };

  test('in another layout only', () => {
    const { layers, ...rest } = manifest;
    assert.ok(same(manifest, { layers, ...rest }, ociManifest));
    assert.ok(!same(manifest, rest, ociManifest));
    assert.ok(!same(manifest, { ...manifest, mediaType: ociManifest }, ociManifest));
  });

  test('and not when it cannot be read, or nests without end', () => {
    const [bytes, other] = ['{"a":1}', 'a'].map((text) => Buffer.from(text));
    assert.ok(bytes && other);
    assert.ok(!isEquivalent(bytes, other, ociManifest));
    assert.ok(!isEquivalent(other, other, ociIndex));
    const deep = Buffer.from(`{"annotations":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
    for (const type of [ociManifest, ociIndex]) assert.ok(!isEquivalent(deep, Buffer.from(deep), type));
  });
});
