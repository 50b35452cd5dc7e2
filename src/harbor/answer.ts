import { z } from 'zod';
import { isDigest } from '../oci/digest.ts';
import { isRepository, isTag } from '../oci/reference.ts';

/*
 * What is read of Harbor's answers. Unknown members are dropped, since Harbor adds some from release to release, and
 * what Go leaves out or calls null when it is empty may be missing. Without an id, a digest or a name nothing can be done.
 */

/** Empty where it is missing or none. */
export const text = z.string().catch('');

/** Milliseconds, or 0: the year 1 is Go's way to say "never". */
export const time = text.transform((when) => Math.max(Date.parse(when) || 0, 0));

/** What is more than a few odd rows is no list of Harbor's, and would take minutes to look at. */
const maxOdd = 100;

/** Rows that are not as expected are passed over: a few odd ones may not keep a whole list from being read. */
function list<Row extends z.ZodType>(row: Row) {
  return z
    .array(z.unknown())
    .nullish()
    .transform((given, context) => {
      const rows: z.output<Row>[] = [];
      let odd = 0;
      for (const one of given ?? []) {
        const result = row.safeParse(one);
        if (result.success) rows.push(result.data);
        else if (++odd > maxOdd) {
          context.addIssue(`expected rows, got more than ${maxOdd} that are none`);
          return z.NEVER;
        }
      }
      return rows;
    });
}

export const id = z.int().min(1);
const digest = z.string().refine(isDigest, 'expected a digest');
const repositoryName = z.string().refine(isRepository, 'expected a repository');

/** Whom Harbor does not know is told nothing of this. */
export const systemInfo = z.object({
  harbor_version: z.string().nullish(),
  external_url: text,
  read_only: z.boolean().catch(false),
  notification_enable: z.boolean().catch(true),
  current_time: time,
});

export const health = z.object({
  components: list(z.object({ name: text, status: text, error: text })),
});

export const project = z.object({
  name: repositoryName.refine((name) => !name.includes('/'), 'expected a name without slash'),
  registry_id: z.int().nullish(),
});

export const repository = z.object({ name: repositoryName });

const nowhere = { architecture: '', os: '' };

export const artifact = z.object({
  id,
  digest,
  /** Since 2.11.1. */
  repository_name: z.string().nullish(),
  push_time: time,
  tags: list(z.object({ name: z.string().refine(isTag), push_time: time })),
  accessories: list(z.object({ digest, type: z.string() })),
  media_type: text,
  references: list(z.object({ platform: z.object({ architecture: text, os: text }).catch(nowhere) })),
});

/** The path alone: some keep a secret in the user or the query of the address, and `auth_header` is one. */
const targetPath = z
  .object({ type: text, address: text })
  .transform(({ type, address }) =>
    type === 'http' && URL.canParse(address) ? new URL(address).pathname : '',
  );

export const policy = z.object({
  id: id.catch(0),
  enabled: z.boolean().catch(false),
  targets: list(targetPath),
});

export const execution = z.object({
  id,
  vendor_id: z.unknown().optional(),
  status: text,
  start_time: time,
  extra_attrs: z.object({ payload: text }).catch({ payload: '' }),
});

export const auditRow = z.object({
  id,
  op_time: time,
  operation: text,
  operation_result: z.unknown().optional(),
  resource: text,
  resource_type: text,
});
