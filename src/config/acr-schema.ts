import { z } from 'zod';
import { file, origin, text } from './field.ts';

/* What only a registry of type acr-ee has. */

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

export const aliyunSchema = z.strictObject({
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

export const prepareSchema = z.strictObject({
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
