import { randomBytes } from 'node:crypto';
import { type Scope, formatScope, parseScopes } from '../../oci/scope.ts';
import { type Action, type Auth, type Gate, type User, allowed, identify } from './access.ts';
import { type Answer, type Call, json } from './call.ts';
import { Refusal } from './error.ts';

interface Token {
  readonly scopes: readonly Scope[];
  readonly expiresAt: number;
}

export class BearerGate implements Gate {
  readonly #auth: Auth;
  readonly #service: string;
  readonly #now: () => number;
  readonly #realm: (call: Call) => string;
  readonly #tokens = new Map<string, Token>();

  constructor(auth: Auth, options: { service: string; now: () => number; realm: (call: Call) => string }) {
    this.#auth = auth;
    this.#service = options.service;
    this.#now = options.now;
    this.#realm = options.realm;
  }

  check(call: Call, needs: readonly Scope[]): void {
    const token = this.#tokens.get(/^Bearer (\S+)$/i.exec(call.headers.authorization ?? '')?.[1] ?? '');
    const valid = token !== undefined && this.#now() < token.expiresAt;
    if (valid && needs.every((need) => covers(token.scopes, need))) return;
    const given = /^Bearer /i.test(call.headers.authorization ?? '');
    const error = valid ? 'insufficient_scope' : given ? 'invalid_token' : undefined;
    throw new Refusal(401, 'UNAUTHORIZED', {
      headers: { 'www-authenticate': this.#challenge(call, needs, error) },
      detail: needs.length > 0 ? needs : undefined,
    });
  }

  /** The token endpoint. */
  token(call: Call): Answer {
    const user = identify(this.#auth, call);
    if (!user || (user.name === '' && call.query.getAll('scope').length === 0))
      throw new Refusal(401, 'UNAUTHORIZED', { headers: { 'www-authenticate': 'Basic realm="token"' } });
    if (call.query.get('service') !== this.#service)
      throw new Refusal(400, 'UNSUPPORTED', { detail: { service: call.query.get('service') } });
    const now = this.#now();
    const life = this.#auth.tokenLife ?? 300_000;
    const token = this.#issue({ scopes: granted(user, call), expiresAt: now + life });
    return json(200, {
      token,
      access_token: token,
      expires_in: Math.ceil(life / 1000),
      issued_at: new Date(now).toISOString(),
    });
  }

  #issue(token: Token): string {
    for (const [name, { expiresAt }] of this.#tokens) if (expiresAt <= this.#now()) this.#tokens.delete(name);
    const name = randomBytes(24).toString('base64url');
    this.#tokens.set(name, token);
    return name;
  }

  #challenge(call: Call, needs: readonly Scope[], error: string | undefined): string {
    const scope = needs.map(formatScope).join(' ');
    return [
      `Bearer realm="${this.#realm(call)}"`,
      `service="${this.#service}"`,
      ...(scope === '' ? [] : [`scope="${scope}"`]),
      ...(error === undefined ? [] : [`error="${error}"`]),
    ].join(',');
  }
}

function granted(user: User, call: Call): Scope[] {
  const asked = call.query.getAll('scope').flatMap(parseScopes);
  return asked
    .filter((scope) => scope.type === 'repository')
    .map(({ name, actions }) => ({
      repository: name,
      actions: actions.filter(isAction).filter((action) => allowed(user, name, action)),
    }));
}

function isAction(word: string): word is Action {
  return word === 'pull' || word === 'push';
}

function covers(held: readonly Scope[], need: Scope): boolean {
  const scopes = held.filter((scope) => scope.repository === need.repository);
  return need.actions.every((action) => scopes.some((scope) => scope.actions.includes(action)));
}
