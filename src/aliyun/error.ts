import { RegistryError } from '../copy/error.ts';
import type { Fault } from '../copy/error.ts';

/** The calls made here, each with the RAM action that allows it: not always of the same name. */
const permissions = {
  GetAuthorizationToken: 'cr:GetAuthorizationToken',
  GetRepository: 'cr:GetRepository',
  ListRepoTag: 'cr:ListRepositoryTag',
} as const;

export type Action = keyof typeof permissions;

/** What an answer said that was no success; HTTP 200 may be one of them. */
export interface Refusal {
  action: Action;
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
  hint?: (action: Action) => string;
}

const rows: readonly Row[] = [
  {
    code: /^(Throttling(\..+)?|Rejected\.Throttling|ServiceUnavailable|QPS Limit Exceeded)$/i,
    fault: 'rate-limited',
  },
  {
    code: /^(NoPrivilege|NoPermission|Forbidden)(\..+)?$/i,
    fault: 'denied',
    hint: (action) => `allow ${permissions[action]} in the RAM policy of the access key's owner`,
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
  const said = [code, row?.hint?.(action) ?? message, requestId && `request ${requestId}`];
  const words = said.filter((part) => part !== undefined && part !== '').join('; ');
  const text = `${action} at ${url} answered ${status}${words === '' ? '' : ` (${words})`}`;
  return new RegistryError(row?.fault ?? 'protocol', text, { status, ...(code !== undefined && { code }) });
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

/** How often a request that ends in this fault is sent in all. Every call made here only reads. */
export function triesOf(fault: Fault): number {
  return tries[fault] ?? 1;
}
