import { createCipheriv, createHash } from 'node:crypto';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { type Algorithm, type Digest, Digester, digestOf } from '../../src/oci/digest.ts';
import { dockerList, dockerManifest, ociIndex, ociManifest } from '../../src/oci/media-type.ts';

/*
 * Images made by hand, one of each shape that a mirror meets. The same seed gives the same bytes.
 * An `Image` is a manifest with everything below it: blobs, and for an index the manifests it lists.
 */

export interface Blob {
  readonly descriptor: Descriptor;
  /** The content from its beginning; however large it is, it is not held in memory. */
  readonly bytes: () => Iterable<Uint8Array>;
}

export interface Image {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly blobs: readonly Blob[];
  readonly children: readonly Image[];
}

const imageConfig = 'application/vnd.oci.image.config.v1+json';
const emptyConfig = 'application/vnd.oci.empty.v1+json';
const ociLayer = 'application/vnd.oci.image.layer.v1.tar+gzip';
const dockerLayer = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const inToto = 'application/vnd.in-toto+json';

/** Pseudo-random bytes, in pieces of 64 KiB. */
export function* noise(seed: string, size: number): Iterable<Uint8Array> {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(65_536);
  for (let left = size; left > 0; left -= zeros.length)
    yield cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
}

/** A blob of noise. What it hashes to is found by making it once. */
export function layer(
  seed: string,
  size: number,
  options: { mediaType?: string; algorithm?: Algorithm; urls?: string[] } = {},
): Blob {
  const { mediaType = ociLayer, algorithm = 'sha256', urls } = options;
  const digester = new Digester(algorithm);
  for (const chunk of noise(seed, size)) digester.update(chunk);
  return {
    descriptor: { mediaType, digest: digester.digest(), size, ...(urls && { urls }) },
    bytes: () => noise(seed, size),
  };
}

export function blobOf(content: Uint8Array | string, mediaType: string): Blob {
  const bytes = Buffer.from(content);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes: () => [bytes] };
}

/** Any manifest of OCI's: `more` is added to its members. */
export function ociImageOf(config: Blob, layers: readonly Blob[], more: object = {}): Image {
  return manifestOf(ociManifest, config, layers, more);
}

/** An ordinary image. `layers` are their sizes in bytes. */
export function ociImage(seed: string, options: { layers?: number[]; more?: object } = {}): Image {
  const { layers = [20_000, 3_000], more = {} } = options;
  const blobs = layers.map((size, index) => layer(`${seed} ${index}`, size));
  return ociImageOf(configOf(seed, blobs), blobs, more);
}

/** What `docker push` makes: schema 2. */
export function dockerImage(seed: string, layers: number[] = [20_000, 3_000]): Image {
  const blobs = layers.map((size, index) => layer(`${seed} ${index}`, size, { mediaType: dockerLayer }));
  const config = configOf(seed, blobs, 'application/vnd.docker.container.image.v1+json');
  return manifestOf(dockerManifest, config, blobs);
}

/** Two platforms, and for each what BuildKit attests: `empty` as it does since 0.32, `image` as before. */
export function multiPlatform(seed: string, config: 'image' | 'empty' = 'image'): Image {
  const platforms = ['amd64', 'arm64'].map((architecture) => {
    const image = ociImage(`${seed} ${architecture}`, { layers: [10_000] });
    return { image, architecture };
  });
  const images = platforms.map(({ image, architecture }) => {
    return { image, more: { platform: { architecture, os: 'linux' } } };
  });
  const attestations = platforms.map(({ image }) => ({
    image: attestation(image, config),
    more: {
      platform: { architecture: 'unknown', os: 'unknown' },
      annotations: {
        'vnd.docker.reference.digest': image.descriptor.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
    },
  }));
  return indexOf([...images, ...attestations]);
}

/** An index that lists an index and an image. */
export function nestedIndex(seed: string): Image {
  const inner = indexOf([{ image: ociImage(`${seed} inner`, { layers: [5_000] }) }]);
  return indexOf([{ image: inner }, { image: ociImage(`${seed} outer`, { layers: [5_000] }) }]);
}

export function indexOf(children: readonly { image: Image; more?: object }[], more: object = {}): Image {
  const manifests = children.map(({ image, more: extra }) => ({ ...image.descriptor, ...extra }));
  const document = { schemaVersion: 2, mediaType: ociIndex, manifests, ...more };
  return { ...encoded(ociIndex, document), blobs: [], children: children.map(({ image }) => image) };
}

/** Docker's own kind of index. */
export function dockerListOf(children: readonly { image: Image; more?: object }[]): Image {
  const manifests = children.map(({ image, more }) => ({ ...image.descriptor, ...more }));
  const document = { schemaVersion: 2, mediaType: dockerList, manifests };
  return { ...encoded(dockerList, document), blobs: [], children: children.map(({ image }) => image) };
}

/** The same image under a manifest, or index, of other bytes. */
export function rewritten(image: Image, text: string): Image {
  const bytes = Buffer.from(text);
  const { mediaType } = image.descriptor;
  return { ...image, bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

export function helmChart(seed: string): Image {
  const chart = layer(seed, 4_000, { mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip' });
  const about = { name: 'chart', version: '0.1.0', apiVersion: 'v2', description: seed };
  return ociImageOf(blobOf(JSON.stringify(about), 'application/vnd.cncf.helm.config.v1+json'), [chart]);
}

/** A classic cosign signature; it is pushed under `cosignTag` of the image's digest. */
export function cosignSignature(image: Image): Image {
  const { digest } = image.descriptor;
  const payload = JSON.stringify({ critical: { image: { 'docker-manifest-digest': digest } } });
  const signed = blobOf(payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
  return ociImageOf(configOf(`signature of ${digest}`, [signed]), [signed]);
}

export function cosignTag(digest: Digest): string {
  return `${digest.replace(':', '-')}.sig`;
}

/** An artifact of a type that nobody knows, with OCI's empty config. */
export function artifact(seed: string, artifactType = 'application/vnd.example.thing.v1'): Image {
  const thing = layer(seed, 2_000, { mediaType: 'application/vnd.example.thing.content' });
  return ociImageOf(blobOf('{}', emptyConfig), [thing], { artifactType });
}

/** An image one of whose layers is named by sha512. */
export function sha512Image(seed: string): Image {
  const blobs = [layer(`${seed} 0`, 6_000, { algorithm: 'sha512' }), layer(`${seed} 1`, 3_000)];
  return ociImageOf(configOf(seed, blobs), blobs);
}

function attestation(image: Image, config: 'image' | 'empty'): Image {
  const statement = blobOf(JSON.stringify({ _type: 'statement', of: image.descriptor.digest }), inToto);
  if (config === 'image') return ociImageOf(configOf('attestation', [statement]), [statement]);
  const artifactType = 'application/vnd.docker.attestation.manifest.v1+json';
  return ociImageOf(blobOf('{}', emptyConfig), [statement], { artifactType, subject: image.descriptor });
}

function configOf(seed: string, layers: readonly Blob[], mediaType = imageConfig): Blob {
  const document = {
    architecture: 'amd64',
    os: 'linux',
    author: seed,
    rootfs: { type: 'layers', diff_ids: layers.map((blob) => blob.descriptor.digest) },
  };
  return blobOf(JSON.stringify(document), mediaType);
}

function manifestOf(mediaType: string, config: Blob, layers: readonly Blob[], more: object = {}): Image {
  const document = {
    schemaVersion: 2,
    mediaType,
    config: config.descriptor,
    layers: layers.map((blob) => blob.descriptor),
    ...more,
  };
  return { ...encoded(mediaType, document), blobs: [config, ...layers], children: [] };
}

/** Indented, as no JSON library prints by default: a copy that writes its own JSON gets another digest. */
function encoded(mediaType: string, document: object): Pick<Image, 'descriptor' | 'bytes'> {
  const bytes = Buffer.from(JSON.stringify(document, null, 3));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
