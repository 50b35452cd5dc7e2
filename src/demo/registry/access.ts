import { timingSafeEqual } from 'node:crypto';
import { digestOf } from '../../oci/digest.ts';
import type { Scope } from '../../oci/scope.ts';
import type { Call } from './call.ts';
import { Refusal } from './error.ts';

export type Action = 'pull' | 'push';

/** What is allowed in the repositories whose whole name the pattern fits. */
interface Grant {
  repositories: RegExp;
  actions: readonly Action[];
}

export interface User {
  name: string;
  password: string;
  grants: readonly Grant[];
}

/**
 * Who may do what. `basic` checks the password at each request. `bearer` has a token endpoint, `/token`,
 * which never refuses a scope but grants what the user may: an opaque token, valid for `tokenLife`
 * milliseconds.
 */
export interface Auth {
  kind: 'basic' | 'bearer';
  users: readonly User[];
  /** Of those who send no credential. */
  anonymous?: readonly Grant[];
  /** Milliseconds; 5 minutes unless told. */
  tokenLife?: number;
  /** The token endpoint is on a port of its own: another host to a careful client. */
  apart?: boolean;
}

/** Lets a call through, or throws a 401 with a challenge. */
export interface Gate {
  check(call: Call, needs: readonly Scope[]): void;
}

export class BasicGate implements Gate {
  readonly #auth: Auth;

  constructor(auth: Auth) {
    this.#auth = auth;
  }

  check(call: Call, needs: readonly Scope[]): void {
    const user = identify(this.#auth, call);
    const known = user !== undefined && (user.name !== '' || needs.length > 0);
    if (known && needs.every((scope) => allows(user, scope))) return;
    if (user && user.name !== '') throw new Refusal(403, 'DENIED', { detail: needs });
    throw new Refusal(401, 'UNAUTHORIZED', { headers: { 'www-authenticate': 'Basic realm="registry"' } });
  }
}

/** The user. Without a credential the anonymous one, whose name is empty; with a wrong one none. */
export function identify(auth: Auth, call: Call): User | undefined {
  const encoded = /^Basic (\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (encoded === undefined) return { name: '', password: '', grants: auth.anonymous ?? [] };
  const given = Buffer.from(encoded, 'base64').toString();
  return auth.users.find((user) => same(`${user.name}:${user.password}`, given));
}

function same(expected: string, given: string): boolean {
  const [a, b] = [expected, given].map((text) => Buffer.from(digestOf(Buffer.from(text))));
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

function allows(user: User, scope: Scope): boolean {
  return scope.actions.every((action) => allowed(user, scope.repository, action));
}

export function allowed(user: User, repository: string, action: Action): boolean {
  return user.grants.some((grant) => fits(grant.repositories, repository) && grant.actions.includes(action));
}

function fits(pattern: RegExp, repository: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, '')).test(repository);
}
