import type { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { isRepository } from '../oci/reference.ts';
import type { ListedArtifact, ListedTag } from '../task/listing.ts';
import type * as answer from './answer.ts';

type ArtifactRow = z.output<typeof answer.artifact>;

/** None where `/v2` could not be asked for the repository by that name. */
export function artifactOf(row: ArtifactRow, project: string): ListedArtifact[] {
  const { id, digest, repository_name: repository, push_time: pushedAt, accessories } = row;
  const where = `artifact ${id} of project ${project}`;
  // Older releases have no such list, so this is one in the guise of it.
  if (repository === undefined || repository === null)
    throw new RegistryError('not-found', `${where}: expected repository_name, as since 2.11.1, got none`);
  if (!isRepository(repository)) return [];
  if (!repository.startsWith(`${project}/`))
    throw new RegistryError('protocol', `${where}: expected a repository of it, got ${repository}`);
  const tags = row.tags.map(({ name, push_time: at }) => ({ name, pushedAt: at }));
  return [{ id, repository, digest, pushedAt, tags, accessories }];
}

/**
 * The tag of an image's classic cosign signature. Harbor does not list it, but it lists the signature, which comes in
 * under this tag. A new signature moves the tag, and the old one stays an accessory: of two nobody knows which one the
 * tag names, and it has to be asked for.
 */
export function signatureOf({ digest, accessories }: ArtifactRow): ListedTag[] {
  const [signature, ...more] = accessories.filter(({ type }) => type === 'signature.cosign');
  if (signature === undefined || more.length > 0 || !digest.startsWith('sha256:')) return [];
  return [{ tag: `${digest.replace(':', '-')}.sig`, digest: signature.digest }];
}
