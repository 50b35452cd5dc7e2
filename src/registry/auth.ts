import { shared } from '../abort.ts';
import { RegistryError } from '../copy/error.ts';
import { parseChallenges } from '../oci/challenge.ts';
import { covers } from '../oci/scope.ts';
import type { Challenge } from '../oci/challenge.ts';
import type { Credential, TokenCache, TokenIssuer } from './token.ts';

/*
 * How a registry wants to be spoken to is learnt once, from the challenge of an unauthenticated `GET /v2/`, and
 * kept: later 401s may carry another challenge (Harbor: Basic once any `Authorization` was sent), an empty
 * one (Harbor: missing project) or none. https://distribution.github.io/distribution/spec/auth/token/
 *
 *   unknown ──ping 200──▶ none ──401 with a challenge──▶ basic | bearer
 *      └────ping 401────▶ basic | bearer ──no token to be had──▶ unknown
 */
type Mode =
  { kind: 'none' } | { kind: 'basic' } | { kind: 'bearer'; realm: string; service: string | undefined };

/** What was sent in `Authorization`, to be shown again when it was refused. */
export interface Held {
  header: string;
  /** Got for this very request: asking for another one would get the same. */
  fresh: boolean;
  /** Of its token, if it is one. */
  scopes: readonly string[];
}

/** The answer to the first, unauthenticated ping: its status and challenges, and where it came from. */
export type Ping = () => Promise<{ status: number; challenges: readonly string[]; url: string }>;

/** `Authorization` for one registry's requests. */
export class Authorizer {
  readonly #ping: Ping;
  readonly #credential: () => Promise<Credential | undefined>;
  readonly #tokens: TokenCache;
  #mode: Promise<Mode> | undefined;

  constructor(ping: Ping, credential: () => Promise<Credential | undefined>, tokens: TokenCache) {
    this.#ping = ping;
    this.#credential = credential;
    this.#tokens = tokens;
  }

  /** The header for a request that needs `scopes`, the needed one first; `undefined` to go without. */
  async header(scopes: readonly string[], signal?: AbortSignal): Promise<Held | undefined> {
    const mode = await this.#learn(signal);
    if (mode.kind === 'none') return undefined;
    if (mode.kind === 'basic') return this.basic();
    return this.#bearer(mode, scopes, signal);
  }

  /** The `service` of the challenge; `undefined` where there is none. */
  async service(signal?: AbortSignal): Promise<string | undefined> {
    const mode = await this.#learn(signal);
    return mode.kind === 'bearer' ? mode.service : undefined;
  }

  /** The credential itself, for the few calls that take nothing else. */
  async basic(): Promise<Held | undefined> {
    const credential = await this.#credential();
    return credential && { header: basicHeader(credential), fresh: true, scopes: [] };
  }

  /**
   * After a 401: another header worth trying once, or `undefined` when the refusal is meant. A token from the
   * cache may have expired, so it is fetched anew once; a fresh one that was refused is a "no", unless the
   * registry names a scope that was never asked for.
   */
  async renew(
    scopes: readonly string[],
    refused: Held | undefined,
    challenges: readonly string[],
    signal?: AbortSignal,
  ): Promise<Held | undefined> {
    const mode = await this.#adopt(challenges, signal);
    if (mode.kind === 'none') return undefined;
    if (mode.kind === 'basic') return refused === undefined ? this.basic() : undefined;
    const further = scopesOf(challenges);
    if (!covers(scopes, further.join(' '))) return this.#bearer(mode, further, signal);
    if (refused !== undefined) this.forget(refused);
    return refused?.fresh ? undefined : this.#bearer(mode, scopes, signal);
  }

  /** What was refused is not used again, so that a later attempt sees permissions granted meanwhile. */
  forget({ scopes, header }: Held): void {
    this.#tokens.forget(scopes, header.slice(bearer.length));
  }

  async #bearer(
    mode: TokenIssuer,
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Held> {
    try {
      const { token, fresh } = await this.#tokens.get(mode, scopes, signal);
      return { header: bearer + token, fresh, scopes };
    } catch (error) {
      // The challenge may have been a stray one, or the token server has moved: the next request asks again.
      if (error instanceof RegistryError) this.#mode = undefined;
      throw error;
    }
  }

  #learn(signal: AbortSignal | undefined): Promise<Mode> {
    return shared((this.#mode ??= this.#asking()), signal);
  }

  #asking(): Promise<Mode> {
    const asking = this.#ask();
    // A registry that could not be asked is asked again by the next request.
    asking.catch(() => (this.#mode = undefined));
    return asking;
  }

  async #ask(): Promise<Mode> {
    const { status, challenges, url } = await this.#ping();
    if (status === 200) return { kind: 'none' };
    const mode = modeOf(challenges);
    if (status === 401 && mode !== undefined) return mode;
    throw new RegistryError(
      status === 403 ? 'denied' : 'protocol',
      `GET ${url}: expected 200, or 401 with a Basic or Bearer challenge, got ${status}; is this a registry?`,
      { status },
    );
  }

  /** Some registries let anyone ping and challenge later; a challenge after that is never a new lesson. */
  async #adopt(challenges: readonly string[], signal: AbortSignal | undefined): Promise<Mode> {
    const known = await this.#learn(signal);
    const mode = known.kind === 'none' ? modeOf(challenges) : undefined;
    if (mode === undefined) return known;
    this.#mode = Promise.resolve(mode);
    return mode;
  }
}

const bearer = 'Bearer ';

function modeOf(headers: readonly string[]): Mode | undefined {
  const challenges = parseChallenges(headers);
  const bearer = challenges.find(
    (challenge) => challenge.scheme === 'bearer' && realmOf(challenge) !== undefined,
  );
  const realm = bearer && realmOf(bearer);
  if (realm !== undefined) return { kind: 'bearer', realm, service: bearer?.parameters.service };
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

/** The scopes that a refusal says are wanted. */
function scopesOf(headers: readonly string[]): string[] {
  const named = parseChallenges(headers).find(
    ({ scheme, parameters }) => scheme === 'bearer' && parameters.scope,
  );
  return (named?.parameters.scope ?? '').split(/\s+/).filter(Boolean);
}

function realmOf(challenge: Challenge): string | undefined {
  const { realm } = challenge.parameters;
  return realm === '' ? undefined : realm;
}

/** User names like `robot$team+ci` and passwords with colons go in as they are, as UTF-8 (RFC 7617). */
export function basicHeader(credential: Credential): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`;
}
