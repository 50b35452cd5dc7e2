import { digestOf } from '../oci/digest.ts';
import type { Digest } from '../oci/digest.ts';
import { ociIndex, ociManifest } from '../oci/media-type.ts';

/** Content to be stored: bytes with what they are. */
export interface Content {
  mediaType: string;
  digest: Digest;
  bytes: Buffer;
}

/** An image index with all that it needs, in the order in which it can be pushed. */
export interface DemoImage {
  blobs: Content[];
  manifests: Content[];
  index: Content;
}

/** A small image for two platforms, with its own layers and one that both share. */
export function demoImage(greeting: string): DemoImage {
  const shared = content('application/vnd.oci.image.layer.v1.tar', `shared by both platforms of ${greeting}`);
  const platforms = ['amd64', 'arm64'].map((architecture) => platformImage(architecture, greeting, shared));
  const manifests = platforms.map(({ manifest }) => manifest);
  const index = json(ociIndex, {
    schemaVersion: 2,
    mediaType: ociIndex,
    manifests: platforms.map(({ manifest, platform }) => ({ ...descriptorOf(manifest), platform })),
  });
  return { blobs: [shared, ...platforms.flatMap(({ blobs }) => blobs)], manifests, index };
}

function platformImage(architecture: string, greeting: string, shared: Content) {
  const platform = { os: 'linux', architecture };
  const layer = content('application/vnd.oci.image.layer.v1.tar', `${greeting} on ${architecture}`);
  const layers = [shared, layer];
  const config = json('application/vnd.oci.image.config.v1+json', {
    ...platform,
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = json(ociManifest, {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
  });
  return { platform, blobs: [layer, config], manifest };
}

function json(mediaType: string, value: unknown): Content {
  return content(mediaType, JSON.stringify(value));
}

function content(mediaType: string, text: string): Content {
  const bytes = Buffer.from(text);
  return { mediaType, digest: digestOf(bytes), bytes };
}

function descriptorOf({ mediaType, digest, bytes }: Content): object {
  return { mediaType, digest, size: bytes.length };
}
