import { parallel } from '../../src/task/parallel.ts';
import type { Credential } from './client.ts';
import { type Blob, type Image, blobOf, layer, ociImageOf } from './image.ts';
import { push } from './push.ts';

/*
 * Images as people build them: all upon the same layers, those of one repository with a further layer in common, each
 * with one of its own.
 */

export interface FamilySize {
  repositories: number;
  /** In each. */
  tags: number;
  /** Bytes of the layers: those that all have, the one that a repository has, the one that a tag has. */
  layers: { all: readonly number[]; repository: number; tag: number };
}

export interface Member {
  repository: string;
  tag: string;
  image: Image;
}

/** Tag after tag, each in all repositories. `repositoryOf` names the repositories. */
export function family(size: FamilySize, repositoryOf: (index: number) => string): Member[] {
  const shared = size.layers.all.map((bytes, index) => layer(`shared ${index}`, bytes));
  const common = Array.from({ length: size.repositories }, (_, index) =>
    layer(`common ${index}`, size.layers.repository),
  );
  const members: Member[] = [];
  for (let tag = 0; tag < size.tags; tag++)
    for (const [index, blob] of common.entries()) {
      const repository = repositoryOf(index);
      const layers = [...shared, blob];
      members.push({ repository, tag: `v${tag}`, image: imageOf(`${repository}:v${tag}`, layers, size) });
    }
  return members;
}

/** The member's next build: the same but for the layer of its own. */
export function rebuilt({ repository, tag, image }: Member, size: FamilySize): Member {
  const layers = image.blobs.slice(1, -1);
  return { repository, tag, image: imageOf(`${image.descriptor.digest} again`, layers, size) };
}

function imageOf(seed: string, layers: readonly Blob[], { layers: { tag } }: FamilySize): Image {
  const all = [...layers, layer(seed, tag)];
  const about = { architecture: 'amd64', os: 'linux', author: seed };
  return ociImageOf(blobOf(JSON.stringify(about), 'application/vnd.oci.image.config.v1+json'), all);
}

/** Pushes every blob once to each repository that it belongs to, then the rest. */
export async function pushFamily(url: string, members: readonly Member[], credential?: Credential) {
  const pushed = new Set<string>();
  const unseen = members.map(({ repository, tag, image }) => {
    const isNew = ({ descriptor: { digest } }: Blob) =>
      pushed.size < pushed.add(`${repository}@${digest}`).size;
    return { repository, tag, image: { ...image, blobs: image.blobs.filter(isNew) } };
  });
  const first = new Set<string>();
  const leads = unseen.filter(({ repository }) => first.size < first.add(repository).size);
  const one = async ({ repository, tag, image }: Member) =>
    void (await push(url, repository, tag, image, credential));
  await parallel(leads, 8, one);
  await parallel(
    unseen.filter((member) => !leads.includes(member)),
    8,
    one,
  );
}
