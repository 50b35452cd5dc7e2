import { dockerImage, dockerListOf, type Image, indexOf, rewritten } from '../support/image.ts';

export const amd64 = { architecture: 'amd64', os: 'linux' };
export const armv7 = { architecture: 'arm', os: 'linux', variant: 'v7' };
export const arm64v8 = { architecture: 'arm64', os: 'linux', variant: 'v8' };
/** Says nothing of its variant. */
export const arm64 = { architecture: 'arm64', os: 'linux' };

export function imagesFor(seed: string, platforms: readonly object[]): { image: Image; more: object }[] {
  return platforms.map((platform, index) => {
    return { image: dockerImage(`${seed} ${index}`, [300]), more: { platform } };
  });
}

/** Indented, with members that image-syncer's library does not know. */
export const lists: Record<string, Image> = {
  'a Docker list': withMembers(dockerListOf(imagesFor('a list', [amd64, armv7])), { 'x-builder': 'a' }),
  'an OCI index': indexOf(imagesFor('an index', [amd64, armv7]), {
    mediaType: undefined,
    artifactType: 'application/vnd.example',
    annotations: { made: 'here' },
  }),
};

function withMembers(list: Image, more: object): Image {
  return {
    ...rewritten(list, JSON.stringify({ ...documentOf(list), ...more }, null, 3)),
    children: list.children,
  };
}

export function documentOf({ bytes }: Image): { manifests: { digest: string }[]; annotations?: object } {
  return JSON.parse(Buffer.from(bytes).toString());
}

/** As image-syncer writes it: compact, in the order of Go's types, with a media type, without what it does not know. */
export function afterImageSyncer(list: Image): Image {
  const { manifests, annotations } = documentOf(list);
  const { mediaType } = list.descriptor;
  const kept = { schemaVersion: 2, mediaType, manifests, ...(annotations && { annotations }) };
  return { ...rewritten(list, JSON.stringify(kept)), children: list.children };
}
