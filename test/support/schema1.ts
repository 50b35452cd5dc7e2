import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { digestOf } from '../../src/oci/digest.ts';
import { dockerSchema1Signed } from '../../src/oci/media-type.ts';
import { type Image, layer } from './image.ts';

/** An image as Docker pushed it before 1.10. */
export interface Schema1Image extends Image {
  /** The manifest as it was before it was signed; the digest is of it. */
  payload: Buffer;
}

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');

/** Its manifest names one layer twice, as Docker did with the empty one. */
export function schema1Image(name: string, tag: string): Schema1Image {
  const blobs = [layer(`${name} nothing`, 32), layer(`${name} something`, 40_000)];
  const layers = [blobs[0], blobs[1], blobs[0]].map((blob) => ({ blobSum: blob?.descriptor.digest }));
  const history = ['c', 'b', 'a'].map((id, index) => ({
    v1Compatibility: JSON.stringify({ id, ...(index < 2 && { parent: ['b', 'a'][index] }) }),
  }));
  const document = { schemaVersion: 1, name, tag, architecture: 'amd64', fsLayers: layers, history };
  const payload = Buffer.from(JSON.stringify(document, null, 3));
  const bytes = signedOf(payload);
  const descriptor = { mediaType: dockerSchema1Signed, digest: digestOf(payload), size: bytes.length };
  return { descriptor, bytes, payload, blobs, children: [] };
}

/** In the form of https://distribution.github.io/distribution/spec/deprecated-schema-v1/#signed-manifests */
function signedOf(payload: Buffer): Buffer {
  const formatLength = payload.length - '\n}'.length;
  const start = payload.subarray(0, formatLength);
  const formatTail = base64(payload.subarray(formatLength));
  const header = base64(JSON.stringify({ formatLength, formatTail, time: '2015-07-01T12:00:00Z' }));
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = base64(sign('sha256', Buffer.from(`${header}.${base64(payload)}`), key));
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const kid = keyId(publicKey.export({ format: 'der', type: 'spki' }));
  const signatures = [
    { header: { jwk: { crv, kid, kty, x, y }, alg: 'ES256' }, signature, protected: header },
  ];
  return Buffer.concat([start, Buffer.from(`,\n   "signatures": ${JSON.stringify(signatures, null, 3)}\n}`)]);
}

/** As libtrust names keys: 240 bits of their hash in base 32, in groups of four. */
function keyId(key: Buffer): string {
  const bits = [...createHash('sha256').update(key).digest().subarray(0, 30)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const letters = (bits.match(/.{5}/g) ?? []).map(
    (five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five, 2)],
  );
  return (letters.join('').match(/.{4}/g) ?? []).join(':');
}
