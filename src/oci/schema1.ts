import { z } from 'zod';
import { digestOf } from './digest.ts';
import type { Algorithm, Digest } from './digest.ts';
import { ManifestError, digestMember, readDocument } from './document.ts';
import { isSchema1 } from './media-type.ts';

/*
 * Schema 1, Docker's first kind of manifest: it names its layers without their sizes, and the empty layer as often as
 * there was nothing to add. Signatures stand within the document, and its digest is of what it was without them.
 * https://distribution.github.io/distribution/spec/deprecated-schema-v1/
 * Distribution 2 signs anew for each answer: two answers with one digest are not the same bytes.
 */
const signed = z.object({ signatures: z.array(z.object({ protected: z.string() })).nullish() });

/** How many bytes there were before the signatures, and in base64url those that followed. */
const format = z.object({ formatLength: z.int().nonnegative(), formatTail: z.string() });

const absent = z.null({ error: 'both schema 1 and another manifest, expected one of them' }).optional();
const image = z.object({
  fsLayers: z.array(z.object({ blobSum: digestMember })),
  config: absent,
  layers: absent,
  manifests: absent,
});

/** The digest under which a registry knows a manifest of this type. Throws `ManifestError`. */
export function manifestDigest(bytes: Uint8Array, mediaType: string, algorithm?: Algorithm): Digest {
  return digestOf(isSchema1(mediaType) ? payloadOf(bytes) : bytes, algorithm);
}

/** The layers of a manifest of schema 1, by what its digest covers; each once. Throws `ManifestError`. */
export function layersOf(bytes: Uint8Array): Digest[] {
  const { fsLayers } = readDocument(payloadOf(bytes), image);
  return [...new Set(fsLayers.map(({ blobSum }) => blobSum))];
}

function payloadOf(bytes: Uint8Array): Uint8Array {
  const [first] = readDocument(bytes, signed).signatures ?? [];
  if (first === undefined) return bytes;
  const { formatLength, formatTail } = readDocument(Buffer.from(first.protected, 'base64url'), format);
  if (formatLength > bytes.length)
    throw new ManifestError(`manifest: ${formatLength} bytes are signed, got ${bytes.length} in all`);
  return Buffer.concat([bytes.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
}
