import { Cron } from 'croner';
import { z } from 'zod';
import { aliyunSchema, prepareSchema } from './acr-schema.ts';
import { bandwidthSchema } from './bandwidth.ts';
import { duration, file, origin, text, whole } from './field.ts';
import { policyKeys } from './webhook-policy.ts';

/*
 * The shape of the file. An `error` here is the end of the sentence "expected …". Defaults are written as a
 * user would write them, so that the generated JSON schema shows them.
 */

const name = text(
  'a name of letters, digits, ".", "_" and "-" that begins with a letter or digit',
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
);

const listen = text('HOST:PORT, e.g. 0.0.0.0:8080 or [::]:8080', /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):\d{1,5}$/)
  .transform((value) => {
    const colon = value.lastIndexOf(':');
    return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, { error: 'a port from 0 to 65535' });

const schedule = z
  .string({ error: 'a cron expression or "off"' })
  .refine((value) => value === 'off' || isCron(value), { error: 'a cron expression or "off"' });

function isCron(value: string): boolean {
  try {
    return new Cron(value, { paused: true }).nextRun() !== null;
  } catch {
    return false; // croner says by an exception that it is none
  }
}

/** What a HTTP header can carry: leading and trailing blanks would be lost on the way. */
const header = text('a secret of visible ASCII characters', /^[!-~]([ -~]*[!-~])?$/);
const token = text('a token of visible ASCII characters without blanks', /^[!-~]+$/);
const pattern = text('a pattern such as "library/**", "!*-rc*" or "/^v[0-9]+$/"');

export const registrySchema = z.strictObject({
  type: z
    .enum(['harbor', 'acr-ee', 'oci'])
    .prefault('oci')
    .describe(
      'What kind of registry it is: decides which names it takes and which API it offers besides OCI.',
    ),
  url: origin.describe('Scheme, host and port. http:// only when written so.'),
  endpoint: z
    .enum(['public', 'vpc', 'auto'])
    .optional()
    .describe(
      'For acr-ee: by which of the two names of the instance it is reached; auto: by the VPC one where that is found. Default: as url says.',
    ),
  username: text('a user name without ":"', /^[^:\p{Cc}]+$/u)
    .optional()
    .describe('Without it, and without aliyun, the registry is used anonymously.'),
  password: text('a password').optional().describe('Better ${NAME} than the password itself.'),
  passwordFile: file('a file that holds the password')
    .optional()
    .describe('Instead of password. The last newline is dropped; read again when the file changes.'),
  aliyun: aliyunSchema
    .optional()
    .describe(
      'For acr-ee: an identity of Alibaba Cloud. Tags are listed by the OpenAPI; without username, temporary passwords come from it too.',
    ),
  prepare: prepareSchema
    .optional()
    .describe(
      'For acr-ee with aliyun: what a copy may make at the destination when it is missing. Nothing that is there is changed.',
    ),
  tokenHosts: z
    .array(text('HOST or HOST:PORT', /^[^\s/@]+$/))
    .prefault([])
    .describe("Hosts besides the registry's own that the credential may be sent to in exchange for a token."),
  caFile: file('a PEM file with certificates')
    .optional()
    .describe("Authorities to trust for this registry besides Node's own. Read again when the file changes."),
  insecureSkipVerify: z
    .boolean()
    .prefault(false)
    .describe('Accepts any certificate. Anybody on the way can then read the credential.'),
  concurrency: whole(1, 1000)
    .prefault(8)
    .describe('Requests in flight to this registry at most; fewer while it does not bear so many.'),
  requestsPerSecond: z
    .number({ error: 'a number from 0 to 100000' })
    .min(0, { error: 'a number from 0 to 100000' })
    .max(100_000, { error: 'a number from 0 to 100000' })
    .prefault(0)
    .describe('0: no limit.'),
  bandwidth: bandwidthSchema
    .prefault(0)
    .describe(
      'Bytes per second, both ways together, e.g. 50MiB; or a list of windows of time with a limit each. 0: no limit.',
    ),
  connectTimeout: duration('1ms').prefault('10s').describe('How long a connection may take to be made.'),
  idleTimeout: duration('1ms')
    .prefault('60s')
    .describe('How long an answer, or the next bytes of one, may take to come.'),
});

export const ruleSchema = z.strictObject({
  name: name.describe('Appears in tasks, logs and the API.'),
  source: text('the name of a registry').describe('Registry to read: a key of registries.'),
  repositories: z
    .array(pattern)
    .min(1, { error: 'at least one pattern' })
    .describe('Globs or /re/ over repository names; "!" in front excludes.'),
  tags: z
    .array(pattern)
    .min(1, { error: 'at least one pattern' })
    .prefault(['**'])
    .describe('The same over tags.'),
  destination: text('the name of a registry').describe('Registry to write: another key of registries.'),
  repository: text('a repository name or template such as "{repository}"')
    .optional()
    .describe('Name at the destination. Default {repository}; for acr-ee {project}/{flat}.'),
  tag: text('a tag or template such as "{tag}"').prefault('{tag}').describe('Tag at the destination.'),
});

const webhookSchema = z.strictObject({
  secrets: z
    .array(header)
    .prefault([])
    .describe('Whole values of the Authorization header that Harbor sends; two while rotating.'),
  allowUnauthenticated: z.boolean().prefault(false).describe('Must be true to run without secrets.'),
  ...policyKeys,
});

const adminSchema = z.strictObject({
  tokens: z.array(token).prefault([]).describe('Bearer tokens of the admin API. Without any it is off.'),
});

const serverSchema = z.strictObject({
  listen: listen.prefault('0.0.0.0:8080').describe('Host and port. Port 0: any free one, printed at start.'),
  tls: z
    .strictObject({
      certFile: file('a PEM file with the certificate').describe('Certificate, followed by its chain.'),
      keyFile: file('a PEM file with the private key').describe('Private key of the certificate.'),
    })
    .optional()
    .describe('HTTPS instead of HTTP. Both files are read again when they change.'),
  shutdownGrace: duration('0s').prefault('25s').describe('How long running copies may go on after SIGTERM.'),
});

const dispatchSchema = z.strictObject({
  concurrency: whole(1, 1000).prefault(8).describe('Tags copied at once.'),
  attempts: whole(1, 1000).prefault(12).describe('Attempts before a task is given up.'),
  backoff: z
    .strictObject({
      first: duration('1ms').prefault('2s').describe('Wait before the second attempt; doubles from there.'),
      max: duration('1ms').prefault('10m').describe('The longest wait.'),
    })
    .prefault({})
    .describe('Waits between attempts.'),
  retention: duration('1m', '3650d')
    .prefault('30d')
    .describe('How long finished tasks, events and records of sweeps are kept.'),
});

const sweepSchema = z.strictObject({
  schedule: schedule.prefault('17 * * * *').describe('When both ends are compared: cron in UTC, or "off".'),
  onStart: z.boolean().prefault(true).describe('Also compare when the program starts.'),
  audit: z
    .number({ error: 'a number from 0 to 1' })
    .min(0, { error: 'a number from 0 to 1' })
    .max(1, { error: 'a number from 0 to 1' })
    .prefault(0.01)
    .describe(
      'Share of the destination tags known to be right that each sweep asks for all the same: 0.01 is a full turn in 100 sweeps, also of tags that lists hide. 0: none of both.',
    ),
});

const logSchema = z.strictObject({
  level: z
    .enum(['error', 'warn', 'info', 'debug'])
    .prefault('info')
    .describe('The least important lines that are still written.'),
  format: z
    .enum(['json', 'pretty'])
    .prefault('json')
    .describe('One JSON document per line, or text for people.'),
});

export const configSchema = z.strictObject({
  registries: z.record(name, registrySchema).describe('Registries by a name of your choice.'),
  rules: z
    .array(ruleSchema)
    .min(1, { error: 'at least one rule' })
    .describe('Which tags go where. Every rule that matches applies.'),
  webhook: webhookSchema.prefault({}).describe("Harbor's notifications."),
  admin: adminSchema.prefault({}).describe('The admin API.'),
  server: serverSchema.prefault({}).describe('The HTTP server.'),
  dispatch: dispatchSchema.prefault({}).describe('Copies and their repetition.'),
  sweep: sweepSchema.prefault({}).describe('The comparison that finds what no event announced.'),
  database: file('the SQLite database').prefault('./data/tagferry.db').describe('Made when it is missing.'),
  log: logSchema.prefault({}).describe('Log lines, written to standard error.'),
});
