import type { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { isRepository, isTag } from '../oci/reference.ts';
import type { Delivery, ListedArtifact, ListedTag, Policy, TagCreated } from '../task/listing.ts';
import type * as answer from './answer.ts';
import { webhookPath } from './webhook.ts';

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
  // BuildKit puts attestations into an index under a platform that there is not.
  const attested = row.references.some(
    ({ platform }) => platform.os === 'unknown' && platform.architecture === 'unknown',
  );
  const configType = row.media_type;
  return [{ id, repository, digest, pushedAt, tags, accessories, configType, attested }];
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

/** None where it tells others alone. */
export function policyOf({ id, enabled, targets }: z.output<typeof answer.policy>): Policy[] {
  return id > 0 && targets.some((path) => path.endsWith(webhookPath)) ? [{ id, enabled }] : [];
}

export function deliveryOf(row: z.output<typeof answer.execution>, policy: number): Delivery[] {
  const { id, vendor_id: of, status, start_time: startedAt } = row;
  const { payload } = row.extra_attrs;
  if (payload === '' || (of ?? policy) !== policy) return [];
  // Harbor keeps no header; a CloudEvent is known by its members as well.
  return [{ id, contentType: 'application/json', payload, startedAt, status }];
}

/** None for what else the audit log has; a push is in it as an artifact. */
export function creationOf(row: z.output<typeof answer.auditRow>, project: string): TagCreated[] {
  const { id, op_time: at, operation, operation_result: succeeded, resource, resource_type: type } = row;
  if (type !== 'tag' || operation !== 'create' || succeeded === false) return [];
  const [repository = '', tag = '', ...more] = resource.split(':');
  if (!isRepository(repository) || !isTag(tag) || more.length > 0) return [];
  return repository.startsWith(`${project}/`) ? [{ id, repository, tag, at }] : [];
}
