import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import { dockerSchema1, dockerSchema1Signed, ociManifest } from '../../src/oci/media-type.ts';
import { manifestDigest } from '../../src/oci/schema1.ts';
import { schema1Image } from '../support/schema1.ts';

const image = schema1Image('library/old', 'v1');
const { payload, bytes, descriptor } = image;
const layers = image.blobs.map((blob) => blob.descriptor.digest);
const json = (document: object) => Buffer.from(JSON.stringify(document));
const header = (document: object) => json(document).toString('base64url');

test('the digest of schema 1 is of what was signed; of any other manifest, and of an unsigned one, of all bytes', () => {
  assert.equal(manifestDigest(bytes, dockerSchema1Signed), descriptor.digest);
  assert.equal(manifestDigest(bytes, dockerSchema1Signed, 'sha512'), digestOf(payload, 'sha512'));
  assert.equal(manifestDigest(payload, dockerSchema1), digestOf(payload));
  assert.equal(manifestDigest(payload, dockerSchema1Signed), digestOf(payload));
  assert.equal(manifestDigest(bytes, ociManifest), digestOf(bytes));
});

test('the layers of schema 1 come without sizes, each once', () => {
  const expected = { blobs: [], manifests: [], unsized: layers };
  assert.deepEqual(parseManifest(bytes, dockerSchema1Signed), expected);
  assert.deepEqual(parseManifest(payload, `${dockerSchema1}; charset=utf-8`), expected);
});

test('what the digest does not cover names no layers', () => {
  const other = `sha256:${'0'.repeat(64)}`;
  const text = Buffer.from(bytes)
    .toString()
    .replace('"signatures"', `"fsLayers": [{"blobSum": "${other}"}], "signatures"`);
  assert.equal(manifestDigest(Buffer.from(text), dockerSchema1Signed), descriptor.digest);
  assert.deepEqual(parseManifest(Buffer.from(text), dockerSchema1Signed).unsized, layers);
});

const far = header({ formatLength: 1_000, formatTail: '' });
const cut = header({ formatLength: 20, formatTail: '' });
for (const [what, document, message] of [
  ['no layers', {}, /fsLayers: /],
  [
    'a layer that is none',
    { fsLayers: [{ blobSum: 'x' }] },
    /blobSum: expected a sha256 or sha512 digest, got x/,
  ],
  ['another manifest as well', { fsLayers: [], config: {} }, /config: both schema 1 and another/],
  ['an index as well', { fsLayers: [], manifests: [] }, /manifests: both schema 1 and another/],
  ['signatures that are none', { fsLayers: [], signatures: [{}] }, /signatures\.0\.protected/],
  ['a header that is none', { fsLayers: [], signatures: [{ protected: 'x' }] }, /expected JSON, got 0 bytes/],
  ['a header without a format', { fsLayers: [], signatures: [{ protected: header({}) }] }, /formatLength/],
  ['a longer format than it is', { signatures: [{ protected: far }] }, /1000 bytes are signed, got/],
  ['a format that makes no document', { signatures: [{ protected: cut }] }, /expected JSON, got 20 bytes/],
] as const)
  test(`schema 1 with ${what} is refused`, () => {
    assert.throws(() => parseManifest(json(document), dockerSchema1), { name: 'ManifestError', message });
  });
