import { Cron } from 'croner';
import { z } from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from './unit.ts';

/*
 * The shape of the file. An `error` here is the end of the sentence "expected …". Defaults are written as a
 * user would write them, so that the generated JSON schema shows them.
 */

/** The longest time that a timer of Node can wait is a little more than this. */
const longest = '24d';

function text(error: string, pattern?: RegExp) {
  const some = z.string({ error }).min(1, { error });
  return pattern === undefined ? some : some.regex(pattern, { error });
}

function duration(least: string, most = longest) {
  const error = `a duration from ${least} to ${most}, such as 500ms, 30s, 5m, 1h or 7d`;
  return text(error, durationPattern)
    .transform(parseDuration)
    .refine((ms) => ms >= parseDuration(least) && ms <= parseDuration(most), { error });
}

function size() {
  const error = 'a size such as 64KiB, 10MiB, 1GiB or a number of bytes';
  return z
    .union([z.number({ error }), text(error, sizePattern)], { error })
    .transform((value) => (typeof value === 'number' ? value : parseSize(value)))
    .refine((bytes) => Number.isSafeInteger(bytes) && bytes >= 0, { error });
}

function whole(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

function file(what: string) {
  const error = `the path of ${what}`;
  return text(error).refine((path) => path.trim() !== '', { error });
}

const name = text(
  'a name of letters, digits, ".", "_" and "-" that begins with a letter or digit',
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
);

const originError = 'https://HOST[:PORT] (or http://) without path, user or query';
const origin = text(originError, /^https?:\/\/[^\s/?#@\\]+\/?$/).refine(URL.canParse, { error: originError });

const webhookUrlError = 'http(s)://HOST[:PORT][/PREFIX] without user, query or fragment';
export const webhookUrl = text(webhookUrlError, /^https?:\/\/[^\s?#@\\]+$/).refine(URL.canParse, {
  error: webhookUrlError,
});

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

const oidcSchema = z.strictObject({
  roleArn: text('the ARN of a RAM role: acs:ram::ACCOUNT:role/NAME', /^acs:ram::\d+:role\/\S+$/)
    .optional()
    .describe('RAM role to assume. Default $ALIBABA_CLOUD_ROLE_ARN.'),
  providerArn: text(
    'the ARN of an OIDC provider: acs:ram::ACCOUNT:oidc-provider/NAME',
    /^acs:ram::\d+:oidc-provider\/\S+$/,
  )
    .optional()
    .describe('Who issued the token. Default $ALIBABA_CLOUD_OIDC_PROVIDER_ARN.'),
  tokenFile: file('a file that holds the token')
    .optional()
    .describe('Read anew for each use. Default $ALIBABA_CLOUD_OIDC_TOKEN_FILE.'),
  sessionName: text('2 to 64 letters, digits, ".", "@", "_" and "-"', /^[\w.@-]{2,64}$/)
    .prefault('tagferry')
    .describe("Under which the role's calls appear in ActionTrail."),
  stsUrl: origin.optional().describe("Default: the region's STS, https://sts.REGION.aliyuncs.com."),
});

const ecsRamRoleSchema = z.strictObject({
  role: text('the name of a RAM role', /^[\w.-]{1,64}$/)
    .optional()
    .describe('Default: the one that is attached to the instance.'),
  metadataUrl: origin
    .prefault('http://100.100.100.200')
    .transform((url) => new URL(url).origin)
    .describe("The instance's metadata server."),
});

const aliyunSchema = z.strictObject({
  accessKeyId: text('the id of an access key', /^[\w.-]+$/)
    .optional()
    .describe('Of a RAM user. One of four identities.'),
  accessKeySecret: text('the secret of an access key')
    .optional()
    .describe('Better ${NAME} than the secret itself.'),
  securityToken: text('the security token of a temporary key')
    .optional()
    .describe('With a temporary access key of STS, which nothing renews.'),
  ecsRamRole: ecsRamRoleSchema
    .optional()
    .describe('Instead of an access key: the RAM role of the ECS instance that this runs on.'),
  oidc: oidcSchema
    .optional()
    .describe('Instead of an access key: a RAM role by an OIDC token, as RRSA of ACK gives it.'),
  credentialsPackage: z
    .boolean()
    .optional()
    .describe('true, instead of an access key: what the npm package @alicloud/credentials finds.'),
  instanceId: text('an instance id that begins with cri-', /^cri-[a-z0-9-]+$/)
    .optional()
    .describe("The ACR EE instance: cri-…. Default: from the registry's challenge."),
  // It becomes part of a host's name.
  region: text('a region such as cn-shanghai', /^[a-z0-9]+(-[a-z0-9]+)+$/)
    .optional()
    .describe("Where the instance is. Default: from the host's name or the registry's challenge."),
  openapiUrl: origin
    .optional()
    .describe(
      'Default https://cr.REGION.aliyuncs.com, for the VPC endpoint https://cr-vpc.REGION.aliyuncs.com where that is reached.',
    ),
});

export type AliyunShape = z.output<typeof aliyunSchema>;

const visibility = z.enum(['private', 'public']).prefault('private');
const immutableTags = z.boolean().prefault(false);

const prepareSchema = z.strictObject({
  namespaces: z
    .strictObject({
      visibility: visibility.describe('Of the repositories that pushes make in it.'),
      immutableTags: immutableTags.describe(
        'Whether tags of the repositories that pushes make in it can be written once only, latest excepted.',
      ),
      autoCreateRepositories: z
        .boolean()
        .prefault(false)
        .describe('Whether any push to it makes a repository that is missing.'),
    })
    .optional()
    .describe('Makes a namespace that is missing. Left out: never.'),
  repositories: z
    .strictObject({
      visibility: visibility.describe('Who may pull: those with the right to, or everybody.'),
      immutableTags: immutableTags.describe('Whether tags can be written once only, latest excepted.'),
      summary: text('a text of 1 to 100 characters', /^.{1,100}$/u)
        .prefault('Mirrored by Tagferry')
        .describe('Shown in the console.'),
    })
    .optional()
    .describe('Makes a repository that is missing. Left out: never.'),
});

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
    .describe("Authorities to trust for this registry besides Node's own."),
  insecureSkipVerify: z
    .boolean()
    .prefault(false)
    .describe('Accepts any certificate. Anybody on the way can then read the credential.'),
  concurrency: whole(1, 1000).prefault(8).describe('Requests in flight to this registry.'),
  requestsPerSecond: z
    .number({ error: 'a number from 0 to 100000' })
    .min(0, { error: 'a number from 0 to 100000' })
    .max(100_000, { error: 'a number from 0 to 100000' })
    .prefault(0)
    .describe('0: no limit.'),
  bandwidth: size().prefault(0).describe('Bytes per second, e.g. 50MiB. 0: no limit.'),
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
  url: webhookUrl
    .optional()
    .describe(
      'Where Harbor reaches this mirror; /webhooks/harbor is added. For `tagferry webhook` and `doctor`.',
    ),
  insecureSkipVerify: z
    .boolean()
    .prefault(false)
    .describe(
      'Policies tell Harbor to accept any certificate of url. Anybody on the way can then read the secret.',
    ),
  format: z
    .enum(['Default', 'CloudEvents'])
    .prefault('Default')
    .describe('Payload format that policies ask Harbor for; both are understood.'),
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
    .describe('HTTPS instead of HTTP.'),
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
