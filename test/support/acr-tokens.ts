import { type Answer, type Call, json } from '../../src/demo/registry/call.ts';
import type { ForeignScope } from '../../src/oci/scope.ts';
import type { Sign, TokenPolicy, TokenRequest } from './token-server.ts';

type Action = 'pull' | 'push' | 'create';

export interface AcrUser {
  name: string;
  password: string;
  /** Of a temporary user whose hour is over. */
  expired?: boolean;
  /** As a RAM policy allows. */
  grants: readonly { repositories: RegExp; actions: readonly Action[] }[];
}

export interface AcrNamespace {
  autoCreate: boolean;
  /** What is made by a push into it, everybody may pull. */
  public: boolean;
  /** Tags of what is made by a push into it cannot be written twice. */
  immutable?: boolean;
  /** `NORMAL` unless told. */
  status?: string;
}

/** What the token service knows; a test may change it at any time. */
export interface AcrAccounts {
  users: AcrUser[];
  namespaces: Map<string, AcrNamespace>;
  /** `namespace/repository` of those that are there. */
  repositories: Set<string>;
  /** How many there may be, if there is an end; no push makes one more, and nothing says why. */
  quota?: { namespaces: number; repositories: number };
}

/** By which the two editions are told apart. */
export const services = {
  enterprise: 'registry.aliyuncs.com:cn-shanghai:china:cri-standin00000001',
  personal: 'registry.aliyuncs.com:cn-hangzhou:26842',
};
const everything = ['pull', 'push', 'create'] as const;
const password = 'fixed-password';

export const pusher = { name: 'pusher@1000000000000001', password };
export const nocreate = { name: 'nocreate@1000000000000001', password };
export const reader = { name: 'reader@1000000000000001', password };
/** What GetAuthorizationToken hands out: the password has a colon. */
export const temporary = {
  name: 'cr_temp_user',
  password: 'eyJpbnN0YW5jZUlkIjoiIn0:0123456789abcdef01234567',
};

/** Namespaces: `mirror` creates repositories, so does `open`, which is public; `frozen` holds `known` only. */
export function acrAccounts(): AcrAccounts {
  const mirror = /^mirror\//;
  return {
    users: [
      { ...pusher, grants: [{ repositories: /^(mirror|frozen|open)\//, actions: everything }] },
      { ...nocreate, grants: [{ repositories: mirror, actions: ['pull', 'push'] }] },
      { ...reader, grants: [{ repositories: mirror, actions: ['pull'] }] },
      { ...temporary, grants: [{ repositories: mirror, actions: everything }] },
    ],
    namespaces: new Map([
      ['mirror', { autoCreate: true, public: false }],
      ['frozen', { autoCreate: false, public: false }],
      ['open', { autoCreate: true, public: true }],
    ]),
    repositories: new Set(['frozen/known']),
    quota: { namespaces: 100, repositories: 1_000 },
  };
}

/**
 * ACR's token service. It refuses a wrong password, but no scope: what is not allowed, or not there, is
 * missing from the token, and the registry says 401 later.
 */
export function acrTokens(accounts: AcrAccounts, service = services.enterprise): TokenPolicy {
  const answer = (request: TokenRequest, sign: Sign) => {
    const user = identify(accounts, request);
    if (!user) return json(401, error('UNAUTHORIZED', 'authentication required'));
    const access = request.scopes.flatMap((scope) => grant(accounts, user, scope));
    const signed = sign(user.name, access);
    const issued_at = new Date().toISOString();
    return json(200, { ...signed, access_token: signed.token, issued_at });
  };
  const refuse = (call: Call): Answer | undefined => {
    if (call.method === 'GET' && call.query.get('service') === service) return undefined;
    return json(400, error('UNSUPPORTED', 'unknown service'));
  };
  return { path: '/auth', service, answer, refuse };
}

function error(code: string, message: string): object {
  return { errors: [{ code, message, detail: null }] };
}

function identify({ users }: AcrAccounts, request: TokenRequest): AcrUser | undefined {
  if (request.name === undefined) return { name: '', password: '', grants: [] };
  const user = users.find(({ name, password }) => name === request.name && password === request.password);
  return user?.expired ? undefined : user;
}

/** A name of exactly two parts, in a namespace that is there; a push creates the repository where it may. */
function grant(accounts: AcrAccounts, user: AcrUser, scope: ForeignScope): ForeignScope[] {
  const [name = '', ...rest] = scope.name.split('/');
  const namespace = accounts.namespaces.get(name);
  if (scope.type !== 'repository' || rest.length !== 1 || !namespace) return [];
  const may = (action: Action) => allows(user, scope.name, action);
  const there = accounts.repositories.has(scope.name);
  const room = accounts.repositories.size < (accounts.quota?.repositories ?? Infinity);
  const push = may('push') && (there || (namespace.autoCreate && room && may('create')));
  const pushed = push && scope.actions.includes('push');
  if (pushed) accounts.repositories.add(scope.name);
  const pull = there ? namespace.public || may('pull') : pushed && may('pull');
  const actions = scope.actions.filter((action) => (action === 'pull' ? pull : action === 'push' && push));
  return actions.length > 0 ? [{ ...scope, actions }] : [];
}

function allows(user: AcrUser, repository: string, action: Action): boolean {
  return user.grants.some(
    ({ repositories, actions }) => repositories.test(repository) && actions.includes(action),
  );
}
