import { z } from 'zod';
import { isDigest } from '../oci/digest.ts';
import { isRepository, isTag } from '../oci/reference.ts';

/*
 * What is read of Harbor's answers. Unknown members are dropped, since Harbor adds some from release to release, and
 * what Go leaves out or calls null when it is empty may be missing. Without an id, a digest or a name nothing can be done.
 */

/** The year 1 is Go's way to say "never". */
const time = z
  .string()
  .nullish()
  .transform((text) => {
    const ms = Date.parse(text ?? '');
    return ms > 0 ? ms : undefined;
  });

function list<Row extends z.ZodType>(row: Row) {
  return z
    .array(row)
    .nullish()
    .transform((rows) => rows ?? []);
}

const id = z.int().min(1);
const repositoryName = z.string().refine(isRepository, 'expected a repository');

export const systemInfo = z.object({ harbor_version: z.string().nullish() });

export const project = z.object({
  name: repositoryName.refine((name) => !name.includes('/'), 'expected a name without slash'),
  registry_id: z.int().nullish(),
});

export const repository = z.object({ name: repositoryName });

export const artifact = z.object({
  id,
  digest: z.string().refine(isDigest, 'expected a digest'),
  /** Since 2.11.1. */
  repository_name: repositoryName.nullish(),
  push_time: time,
  tags: list(z.object({ name: z.string().refine(isTag, 'expected a tag'), push_time: time })),
  accessories: list(z.object({})),
});

/** `auth_header` is not read: it is the receiver's secret. */
export const policy = z.object({
  id,
  name: z.string(),
  enabled: z.boolean().nullish(),
  targets: list(z.object({ type: z.string().nullish(), address: z.string().nullish() })),
});

export const execution = z.object({
  id,
  start_time: time,
  extra_attrs: z.object({ payload: z.string().nullish() }).nullish(),
});

export const auditRow = z.object({
  id,
  op_time: time,
  resource: z.string().nullish(),
  resource_type: z.string().nullish(),
  operation_result: z.boolean().nullish(),
});
