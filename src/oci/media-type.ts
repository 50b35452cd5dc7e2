import type { Descriptor } from './descriptor.ts';

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';
/** Was in the image specification until 1.1.0-rc2; ORAS and Harbor have stored some. */
export const ociArtifactManifest = 'application/vnd.oci.artifact.manifest.v1+json';
export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
export const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const dockerSchema1 = 'application/vnd.docker.distribution.manifest.v1+json';
export const dockerSchema1Signed = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** A blob whose descriptor does not say what it is. */
export const unknownBlob = 'application/octet-stream';

/**
 * Every type to put in `Accept`, on HEAD and GET alike: with one missing, registries answer 404, or another
 * manifest than the tag's. Schema 1 comes last, so that it is only sent for what is stored as such.
 */
export const manifestTypes: readonly string[] = [
  ociIndex,
  ociManifest,
  dockerList,
  dockerManifest,
  ociArtifactManifest,
  dockerSchema1Signed,
  dockerSchema1,
];

const foreignLayers: ReadonlySet<string> = new Set([
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
]);

/** The type in a `Content-Type`, without its parameters, in lower case. */
export function essence(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

export function isIndex(mediaType: string): boolean {
  return mediaType === ociIndex || mediaType === dockerList;
}

export function isSchema1(mediaType: string): boolean {
  return mediaType === dockerSchema1 || mediaType === dockerSchema1Signed;
}

/** A layer that its maker does not want pushed to registries, and that a registry may not even hold. */
export function isForeignLayer(descriptor: Pick<Descriptor, 'mediaType' | 'urls'>): boolean {
  return (descriptor.urls?.length ?? 0) > 0 || foreignLayers.has(essence(descriptor.mediaType));
}
