import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ManifestError, maxSuccessors, mediaTypeOf, parseManifest } from '../../src/oci/manifest.ts';
import { isDigest } from '../../src/oci/digest.ts';
import * as types from '../../src/oci/media-type.ts';
import { bytes, texts } from './corpus.ts';
import { anyText, damaged, headerText, replaced, runs, valueOrError } from './hostile.ts';

/** The manifest parser: successors that keep their promises, or a `ManifestError`. */

const described = (mediaType: string, digit: string) => ({
  mediaType,
  digest: `sha256:${digit.repeat(64)}`,
  size: 7,
  annotations: { a: 'b' },
});
const config = described('application/vnd.oci.image.config.v1+json', 'a');
const layer = { ...described('application/vnd.oci.image.layer.v1.tar', 'b'), urls: ['https://h/x'] };
const child = {
  ...described(types.ociManifest, 'c'),
  platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
};
const format = Buffer.from('{"formatLength":9,"formatTail":"fQ"}').toString('base64url');
const documents: [object, string][] = [
  [
    { schemaVersion: 2, mediaType: types.ociManifest, config, layers: [layer], subject: child },
    types.ociManifest,
  ],
  [{ schemaVersion: 2, manifests: [child, layer] }, types.ociIndex],
  [{ mediaType: types.ociArtifactManifest, blobs: [layer] }, types.ociArtifactManifest],
  [{ fsLayers: [{ blobSum: config.digest }], signatures: [] }, types.dockerSchema1],
  [
    { fsLayers: [{ blobSum: config.digest }], signatures: [{ protected: format }] },
    types.dockerSchema1Signed,
  ],
];
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value));

function check(document: Uint8Array, contentType: string): void {
  const type = valueOrError(() => mediaTypeOf(document, contentType), ManifestError, 400);
  const successors = valueOrError(() => parseManifest(document, contentType), ManifestError, 400);
  if (type !== undefined) assert.equal(type, types.essence(type));
  if (successors === undefined) return;
  const { blobs, manifests, unsized = [], subject } = successors;
  const all = [...blobs, ...manifests, ...(subject ? [subject] : [])];
  assert.ok(blobs.length + manifests.length <= maxSuccessors);
  assert.equal(new Set(blobs.map(({ digest }) => digest)).size, blobs.length);
  assert.ok(unsized.every(isDigest) && new Set(unsized).size === unsized.length);
  for (const { mediaType, digest, size } of all) {
    assert.match(digest, /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
    assert.ok(Number.isSafeInteger(size) && size >= 0);
    // It becomes a header.
    assert.match(mediaType, /^[\x20-\x7e]{1,255}$/);
  }
}

test('manifest: every nasty text in every member of every kind of manifest', () => {
  for (const text of Object.values(texts))
    for (const [document, type] of documents)
      for (const odd of replaced(document, text)) check(encoded(odd), type);
});

test('manifest: nasty bytes, as the document and as a list in it', () => {
  for (const body of Object.values(bytes))
    for (const [, type] of documents) {
      check(body, type);
      for (const member of ['layers', 'manifests', 'annotations'])
        check(Buffer.concat([Buffer.from(`{"config":null,"${member}":`), body, Buffer.from('}')]), type);
    }
});

const valid = fc.constantFrom(...documents);
const contentType = fc.oneof(
  fc.constantFrom(...types.manifestTypes, '', 'text/plain'),
  headerText('application/', ';', 'json', 'vnd.oci.image.index.v1+json', ' '),
);

test('manifest: a valid one, damaged, under any content type', () => {
  const body = valid.chain(([document]) => damaged(encoded(document)));
  fc.assert(fc.property(body, contentType, check), runs(1_000));
});

test('manifest: a valid one with any text or value somewhere', () => {
  const value = fc.oneof(anyText('sha256:', 'a'.repeat(64), types.ociIndex), fc.jsonValue(), fc.double());
  fc.assert(
    fc.property(valid, value, fc.nat(), ([document, type], value, which) => {
      const all = replaced(document, value);
      check(encoded(all[which % all.length]), type);
    }),
    runs(1_500),
  );
});

test('manifest: a megabyte of descriptors, good or broken', () => {
  for (const item of ['1', '{}', 'null', JSON.stringify(layer), JSON.stringify({ ...layer, digest: 'x' })])
    for (const member of ['layers', 'manifests', 'blobs']) {
      const list = Array(Math.floor(1_000_000 / (item.length + 1)))
        .fill(item)
        .join();
      check(Buffer.from(`{"${member}":[${list}]}`), types.ociIndex);
    }
  const annotations = Array.from({ length: 50_000 }, (_, index) => `"${index}":1`).join();
  check(Buffer.from(`{"config":{"annotations":{${annotations}}}}`), types.ociManifest);
});
