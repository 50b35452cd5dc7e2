import type { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { isRepository, isTag } from '../oci/reference.ts';
import type { Artifact, Delivery, Policy, TagCreation } from '../task/listing.ts';
import type * as answer from './answer.ts';

/** `known`: the repository that was asked for, since releases before 2.11.1 do not name it. */
export function artifactOf(row: z.output<typeof answer.artifact>, known: string | undefined): Artifact {
  const repository = row.repository_name ?? known;
  if (repository === undefined) {
    throw new RegistryError('protocol', `artifact ${row.id}: expected its repository_name, got none`);
  }
  return {
    id: row.id,
    repository,
    digest: row.digest,
    pushedAt: row.push_time,
    tags: row.tags.map(({ name, push_time: pushedAt }) => ({ name, pushedAt })),
    // Only tagged artifacts were asked for: Harbor leaves the tags out when it fails to read them.
    hidesTags: row.accessories.length > 0 || row.tags.length === 0,
  };
}

export function policyOf({ id, name, enabled, targets }: z.output<typeof answer.policy>): Policy {
  const addresses = targets.flatMap(({ type, address }) => {
    if (type !== 'http' || !address || !URL.canParse(address)) return [];
    // Some keep a secret in the user or the query of the address.
    const { origin, pathname } = new URL(address);
    return [origin + pathname];
  });
  return { id, name, enabled: enabled ?? false, addresses };
}

export function deliveryOf({
  id,
  start_time: startedAt,
  extra_attrs,
}: z.output<typeof answer.execution>): Delivery[] {
  const payload = extra_attrs?.payload;
  return payload ? [{ id, payload: Buffer.from(payload), startedAt }] : [];
}

export function creationOf(row: z.output<typeof answer.auditRow>): TagCreation[] {
  const { id, op_time: createdAt, resource, resource_type: type, operation_result: succeeded } = row;
  if (succeeded === false || (type !== 'artifact' && type !== 'tag')) return [];
  // `repository:tag`, or `repository@digest` for what was pushed by digest.
  const [, repository = '', tag = ''] = /^([^@:]+):([^@:]+)$/.exec(resource ?? '') ?? [];
  if (!isRepository(repository) || !isTag(tag)) return [];
  return [{ id, repository, tag, by: type === 'tag' ? 'tag' : 'push', createdAt }];
}
