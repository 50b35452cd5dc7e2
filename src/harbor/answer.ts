import { z } from 'zod';
import { isDigest } from '../oci/digest.ts';
import { isRepository, isTag } from '../oci/reference.ts';

/*
 * What is read of Harbor's answers. Unknown members are dropped, since Harbor adds some from release to release, and
 * what Go leaves out or calls null when it is empty may be missing. Without an id, a digest or a name nothing can be done.
 */

function list<Row extends z.ZodType>(row: Row) {
  return z
    .array(row)
    .nullish()
    .transform((rows) => rows ?? []);
}

const repositoryName = z.string().refine(isRepository, 'expected a repository');

export const systemInfo = z.object({ harbor_version: z.string().nullish() });

export const project = z.object({
  name: repositoryName.refine((name) => !name.includes('/'), 'expected a name without slash'),
  registry_id: z.int().nullish(),
});

export const repository = z.object({ name: repositoryName });

export const artifact = z.object({
  id: z.int().min(1),
  digest: z.string().refine(isDigest, 'expected a digest'),
  tags: list(z.object({ name: z.string().refine(isTag, 'expected a tag') })),
});
