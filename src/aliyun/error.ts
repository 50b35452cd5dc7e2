import { RegistryError } from '../copy/error.ts';
import type { Fault } from '../copy/error.ts';

type Parameters = Readonly<Record<string, string>>;

/** What a RAM policy is asked for: `acs:cr:REGION:ACCOUNT:…`, where `*` stands for any region and account. */
type Resource = (parameters: Parameters) => string;

const everything: Resource = () => '*';
const instance: Resource = ({ InstanceId = '*' }) => `acs:cr:*:*:instance/${InstanceId}`;
const namespaces: Resource = ({ InstanceId = '*' }) => `acs:cr:*:*:repository/${InstanceId}`;
const namespace: Resource = (parameters) => {
  const { NamespaceName, RepoNamespaceName = NamespaceName } = parameters;
  return `${namespaces(parameters)}/${RepoNamespaceName ?? '*'}`;
};
const repositories: Resource = (parameters) => `${namespace(parameters)}/*`;

/**
 * The calls made here, each with the RAM action that allows it, not always of the same name, and on what.
 * https://help.aliyun.com/en/acr/user-guide/ram-authorization-information
 */
const permissions = {
  CreateNamespace: { action: 'cr:CreateNamespace', resource: namespaces },
  CreateRepository: { action: 'cr:CreateRepository', resource: namespace },
  GetAuthorizationToken: { action: 'cr:GetAuthorizationToken', resource: everything },
  GetInstanceEndpoint: { action: 'cr:GetInstanceEndpoint', resource: instance },
  GetInstanceUsage: { action: 'cr:GetInstanceUsage', resource: instance },
  GetInstanceVpcEndpoint: { action: 'cr:GetInstanceVpcEndpoint', resource: instance },
  GetNamespace: { action: 'cr:GetNamespace', resource: namespace },
  GetRepository: { action: 'cr:GetRepository', resource: repositories },
  ListInstance: { action: 'cr:ListInstance', resource: everything },
  ListRepoTag: { action: 'cr:ListRepositoryTag', resource: repositories },
} as const;

export type Action = keyof typeof permissions;

/** What a RAM policy has to allow for a call with these parameters. */
export function permissionFor(of: Action, parameters: Parameters): { action: string; resource: string } {
  const { action, resource } = permissions[of];
  return { action, resource: resource(parameters) };
}

function grant({ action, parameters }: Refusal): string {
  const permission = permissionFor(action, parameters);
  return `grant ${permission.action} on ${permission.resource} to the owner of the access key`;
}

/** What an answer said that was no success; HTTP 200 may be one of them. */
export interface Refusal {
  action: Action;
  parameters: Parameters;
  /** Scheme, host and path; never the query. */
  url: string;
  status: number;
  code: string | undefined;
  message: string | undefined;
  /** Alibaba's support asks for it. */
  requestId: string | undefined;
}

/*
 * The one table that decides what a refusal means. The first row that fits wins; a row without `code` fits every
 * one. `hint` stands in place of the server's words: those about signatures repeat what was sent.
 */
interface Row {
  code?: RegExp;
  status?: (status: number) => boolean;
  fault: Fault;
  hint?: (refusal: Refusal) => string;
}

const forbidden = /^(NoPrivilege|NoPermission|Forbidden)(\..+)?$/i;

const rows: readonly Row[] = [
  {
    code: /^(Throttling(\..+)?|Rejected\.Throttling|ServiceUnavailable|QPS Limit Exceeded)$/i,
    fault: 'rate-limited',
  },
  {
    code: forbidden,
    fault: 'denied',
    hint: grant,
  },
  { code: /^InvalidTimeStamp/i, fault: 'denied', hint: () => "set this machine's clock right" },
  {
    code: /^(SignatureDoesNotMatch|IncompleteSignature)/i,
    fault: 'denied',
    hint: () => 'expected aliyun.accessKeySecret to belong to aliyun.accessKeyId',
  },
  {
    code: /^InvalidAccessKeyId/i,
    fault: 'denied',
    hint: () => 'expected an access key that is in force; a fixed one is aliyun.accessKeyId',
  },
  {
    code: /^InvalidSecurityToken/i,
    fault: 'denied',
    hint: () =>
      'expected a security token that is in force, and of this access key; a fixed one ends some time',
  },
  // A proxy sent the same request twice. With a new nonce it is good.
  { code: /^SignatureNonceUsed$/i, fault: 'unreachable' },
  {
    code: /^INSTANCE_NOT_EXIST$/i,
    fault: 'not-found',
    hint: () => 'expected aliyun.instanceId to be an instance in aliyun.region',
  },
  { code: /^(NAMESPACE|REPO)_NOT_EXIST$/i, fault: 'not-found' },
  // https://github.com/aliyun/aliyun-cli/issues/232
  {
    code: /^USER_NOT_EXIST$/i,
    fault: 'denied',
    hint: () => 'the OpenAPI of the personal edition has answered; expected that of the Enterprise Edition',
  },
  // What the codes of a full quota are, the vendor does not say.
  {
    code: /QUOTA|EXCEED/i,
    fault: 'denied',
    hint: () => "the instance's quota is used up: GetInstanceUsage tells it, the instance's page raises it",
  },
  { code: /^INSTANCE_STATUS_NOT_SUPPORT$/i, fault: 'unreachable', hint: () => 'the instance is not running' },
  { status: (status) => status === 429, fault: 'rate-limited' },
  { status: (status) => status === 408, fault: 'timeout' },
  { status: (status) => status === 401 || status === 403, fault: 'denied' },
  { status: (status) => status >= 500, fault: 'unreachable' },
];

/** The error for an answer that was no success. */
export function refused(refusal: Refusal): RegistryError {
  const { action, url, status, code, message, requestId } = refusal;
  const row = rows.find(
    (row) => (row.code?.test(code ?? '') ?? true) && (row.status === undefined || row.status(status)),
  );
  const said = [code, row?.hint?.(refusal) ?? message, requestId && `request ${requestId}`];
  const words = said.filter((part) => part !== undefined && part !== '').join('; ');
  const text = `${action} at ${url} answered ${status}${words === '' ? '' : ` (${words})`}`;
  return new RegistryError(row?.fault ?? 'protocol', text, { status, ...(code !== undefined && { code }) });
}

/** Whether the identity may not ask this; what to grant is in the message. */
export function isForbidden(error: unknown): error is RegistryError {
  return error instanceof RegistryError && forbidden.test(error.code ?? '');
}

/** Whether a refusal is about the instance as a whole: it is not there, or does not run. */
export function isOfInstance(error: unknown): error is RegistryError {
  return error instanceof RegistryError && /^INSTANCE_/i.test(error.code ?? '');
}

/** Whether a refusal says that there is no such repository: of the instance it says nothing. */
export function isMissing(error: unknown): boolean {
  return error instanceof RegistryError && /^(NAMESPACE|REPO)_NOT_EXIST$/i.test(error.code ?? '');
}

/** Whether the key that the call was signed with is not in force, or not any more. */
export function isKeyRefused(error: unknown): boolean {
  return error instanceof RegistryError && /^Invalid(AccessKeyId|SecurityToken)/i.test(error.code ?? '');
}

const tries: Partial<Record<Fault, number>> = { 'rate-limited': 4, unreachable: 4, timeout: 2 };

/**
 * How often a request that ends in this fault is sent in all. Every call made here reads, or makes what one name has once:
 * what was done by a request whose answer was lost, the next one finds there.
 */
export function triesOf(fault: Fault): number {
  return tries[fault] ?? 1;
}
