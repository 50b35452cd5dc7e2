import { z } from 'zod';
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { ManifestError, brief, digestMember, readDocument } from './document.ts';
import {
  dockerManifest,
  dockerSchema1,
  dockerSchema1Signed,
  essence,
  isIndex,
  isSchema1,
  manifestTypes,
  ociArtifactManifest,
  ociIndex,
  ociManifest,
  unknownBlob,
} from './media-type.ts';
import { layersOf } from './schema1.ts';

export { ManifestError, maxSuccessors } from './document.ts';

/** What a manifest names: all of it is at the destination before the manifest itself is written. */
export interface Successors {
  /** Config and layers in the manifest's order, foreign layers included, or an index's; each digest once. */
  blobs: Descriptor[];
  /** An index's manifests as listed: one digest may be there for two platforms. */
  manifests: Descriptor[];
  /** Layers of schema 1, which does not tell their sizes; each once. */
  unsized?: Digest[];
  /** The manifest that this one refers to. It need not be there. */
  subject?: Descriptor;
}

/** Printable, so that it can stand in a header and in a log line. */
const mediaType = z.string().regex(/^[\x20-\x7e]{0,255}$/, 'expected up to 255 printable ASCII characters');
const word = z.string().nullish();

/** Go writes an absent member as null as often as it leaves it out. */
const described = z.object({
  mediaType: mediaType.nullish(),
  digest: digestMember,
  size: z.int().nonnegative(),
  urls: z.array(z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: z.object({ os: word, architecture: word, variant: word }).nullish(),
});

const manifest = z.object({
  mediaType: mediaType.nullish(),
  config: described.nullish(),
  layers: z.array(described).nullish(),
  blobs: z.array(described).nullish(),
  manifests: z.array(described).nullish(),
  subject: described.nullish(),
  /** Schema 1 is told by them. */
  fsLayers: z.array(z.unknown()).nullish(),
  signatures: z.unknown().optional(),
});

type Manifest = z.infer<typeof manifest>;

/**
 * Reads which blobs and manifests a manifest names. `as` is the type under which it was delivered; types not
 * known here are read by the same members. Throws `ManifestError`.
 */
export function parseManifest(bytes: Uint8Array, as: string): Successors {
  const type = essence(as);
  if (isSchema1(type)) return { blobs: [], manifests: [], unsized: layersOf(bytes) };
  const document = readDocument(bytes, manifest);
  if (document.mediaType && essence(document.mediaType) !== type)
    throw new ManifestError(
      `manifest: delivered as ${brief(type)}, but says it is ${brief(document.mediaType)}`,
    );
  refuseOtherShape(document, type);
  const listed = (document.manifests ?? []).map(manifestDescriptor);
  // BuildKit keeps its cache as an index of layers. https://github.com/moby/buildkit/issues/2251
  const manifests = listed.filter(isManifest);
  const blobs = [...blobsOf(document), ...listed.filter((child) => !isManifest(child))];
  refuseContradictions([...blobs, ...manifests]);
  return {
    blobs: once(blobs),
    manifests,
    ...(document.subject && { subject: manifestDescriptor(document.subject) }),
  };
}

const generic: ReadonlySet<string> = new Set([
  '',
  'application/json',
  'text/plain',
  'application/octet-stream',
]);

/**
 * A manifest's type: the answer's `Content-Type`, or what the document says of itself when the header is
 * missing or says nothing. Throws `ManifestError` when that cannot be told either.
 */
export function mediaTypeOf(bytes: Uint8Array, contentType: string | undefined): string {
  const type = essence(contentType ?? '');
  if (!generic.has(type)) return type;
  const document = readDocument(bytes, manifest);
  if (document.mediaType) return essence(document.mediaType);
  if (document.manifests) return ociIndex;
  if (document.config) return ociManifest;
  if (document.fsLayers) return document.signatures ? dockerSchema1Signed : dockerSchema1;
  throw new ManifestError('manifest: neither the answer nor the document says which type it is');
}

/**
 * A document that reads as an index to one program and as an image to another must not pass:
 * https://github.com/opencontainers/distribution-spec/security/advisories/GHSA-mc8v-mgrf-8f4m
 */
function refuseOtherShape(document: Manifest, type: string): void {
  if (document.manifests && (document.config ?? document.layers ?? document.fsLayers))
    throw new ManifestError('manifest: both an index and an image, expected one of them');
  const member = requiredMember(type);
  if (member !== undefined && document[member] === undefined)
    throw new ManifestError(`manifest: expected "${member}" in ${type}, found none`);
}

function requiredMember(type: string): keyof Manifest | undefined {
  if (isIndex(type)) return 'manifests';
  if (type === ociManifest || type === dockerManifest) return 'config';
  return type === ociArtifactManifest ? 'mediaType' : undefined;
}

function blobsOf({ config, layers, blobs }: Manifest): Descriptor[] {
  return [...(config ? [config] : []), ...(layers ?? []), ...(blobs ?? [])].map(blobDescriptor);
}

function isManifest({ mediaType }: Descriptor): boolean {
  return manifestTypes.includes(essence(mediaType));
}

function blobDescriptor(written: z.infer<typeof described>): Descriptor {
  return toDescriptor(written, written.mediaType || unknownBlob);
}

function manifestDescriptor(written: z.infer<typeof described>): Descriptor {
  if (written.mediaType) return toDescriptor(written, written.mediaType);
  throw new ManifestError(`manifest: ${written.digest}: expected a mediaType, found none`);
}

function toDescriptor(written: z.infer<typeof described>, type: string): Descriptor {
  const { digest, size, urls, annotations, platform } = written;
  return {
    mediaType: type,
    digest,
    size,
    ...(urls && { urls }),
    ...(annotations && { annotations }),
    ...(platform && { platform: toPlatform(platform) }),
  };
}

function toPlatform(written: NonNullable<z.infer<typeof described>['platform']>) {
  const { os, architecture, variant } = written;
  return { os: os ?? '', architecture: architecture ?? '', ...(variant && { variant }) };
}

function refuseContradictions(descriptors: readonly Descriptor[]): void {
  const sizes = new Map<string, number>();
  for (const { digest, size } of descriptors) {
    const other = sizes.get(digest) ?? size;
    if (other !== size)
      throw new ManifestError(`manifest: ${digest} is listed with ${other} and ${size} bytes`);
    sizes.set(digest, size);
  }
}

function once(descriptors: readonly Descriptor[]): Descriptor[] {
  const first = new Map<string, Descriptor>();
  for (const descriptor of descriptors)
    if (!first.has(descriptor.digest)) first.set(descriptor.digest, descriptor);
  return [...first.values()];
}
