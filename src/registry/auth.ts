import { RegistryError } from '../copy/error.ts';
import { parseChallenges } from '../oci/challenge.ts';
import { covers } from '../oci/scope.ts';
import type { Challenge } from '../oci/challenge.ts';
import { TokenCache } from './token.ts';
import type { Credential, TokenIssuer } from './token.ts';

/*
 * How a registry wants to be spoken to is learnt once, from the challenge of an unauthenticated `GET /v2/`, and
 * kept: later 401s may carry another challenge (Harbor: Basic once any `Authorization` was sent), an empty
 * one (Harbor: missing project) or none. https://distribution.github.io/distribution/spec/auth/token/
 *
 *   unknown ──ping 200──▶ none ──401 with a challenge──▶ basic | bearer
 *      └────ping 401────▶ basic | bearer
 */
type Mode =
  { kind: 'none' } | { kind: 'basic' } | { kind: 'bearer'; realm: string; service: string | undefined };

/** What was sent in `Authorization`, to be shown again when it was refused. */
export interface Held {
  header: string;
  /** Got for this very request: asking for another one would get the same. */
  fresh: boolean;
}

/** The answer to the first, unauthenticated ping: its status and challenges. */
export type Ping = (
  signal: AbortSignal | undefined,
) => Promise<{ status: number; challenges: readonly string[] }>;

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
    return this.#bearer(mode, scopes);
  }

  /** The credential itself, for the few calls that take nothing else. */
  async basic(): Promise<Held | undefined> {
    const credential = await this.#credential();
    return credential && { header: basicHeader(credential), fresh: true };
  }

  /**
   * After a 401: another header worth trying once, or `undefined` when the refusal is meant. A token from the
   * cache may have expired, so it is fetched anew once; a fresh one that was refused is a "no", unless the
   * registry names a scope that was never asked for. What was refused is forgotten, so that a later attempt sees permissions granted meanwhile.
   */
  async renew(
    scopes: readonly string[],
    refused: Held | undefined,
    challenges: readonly string[],
  ): Promise<Held | undefined> {
    const mode = await this.#adopt(challenges);
    if (mode.kind !== 'bearer')
      return mode.kind === 'basic' && refused === undefined ? this.basic() : undefined;
    this.#tokens.forget(scopes);
    const further = scopeOf(challenges);
    if (further !== undefined && !covers(scopes, further)) return this.#bearer(mode, [further]);
    return refused?.fresh ? undefined : this.#bearer(mode, scopes);
  }

  async #bearer(mode: TokenIssuer, scopes: readonly string[]): Promise<Held> {
    const { token, fresh } = await this.#tokens.get(mode, scopes);
    return { header: `Bearer ${token}`, fresh };
  }

  async #learn(signal: AbortSignal | undefined): Promise<Mode> {
    this.#mode ??= this.#ask(signal);
    const asked = this.#mode;
    try {
      return await asked;
    } catch (error) {
      // A registry that could not be asked is asked again by the next request.
      if (this.#mode === asked) this.#mode = undefined;
      throw error;
    }
  }

  async #ask(signal: AbortSignal | undefined): Promise<Mode> {
    const { status, challenges } = await this.#ping(signal);
    if (status === 200) return { kind: 'none' };
    const mode = modeOf(challenges);
    if (status === 401 && mode !== undefined) return mode;
    throw new RegistryError(
      'protocol',
      `GET /v2/ answered ${status} without a Basic or Bearer challenge; is this a registry?`,
    );
  }

  /** Some registries let anyone ping and challenge later; a challenge after that is never a new lesson. */
  async #adopt(challenges: readonly string[]): Promise<Mode> {
    const known = await this.#learn(undefined);
    const mode = known.kind === 'none' ? modeOf(challenges) : undefined;
    if (mode === undefined) return known;
    this.#mode = Promise.resolve(mode);
    return mode;
  }
}

function modeOf(headers: readonly string[]): Mode | undefined {
  const challenges = parseChallenges(headers);
  const bearer = challenges.find(
    (challenge) => challenge.scheme === 'bearer' && realmOf(challenge) !== undefined,
  );
  const realm = bearer && realmOf(bearer);
  if (realm !== undefined) return { kind: 'bearer', realm, service: bearer?.parameters.service };
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

/** The scope that a refusal says was missing. */
function scopeOf(headers: readonly string[]): string | undefined {
  const named = parseChallenges(headers).find(
    ({ scheme, parameters }) => scheme === 'bearer' && parameters.scope,
  );
  return named?.parameters.scope;
}

function realmOf(challenge: Challenge): string | undefined {
  const { realm } = challenge.parameters;
  return realm === '' ? undefined : realm;
}

/** User names like `robot$team+ci` and passwords with colons go in as they are, as UTF-8 (RFC 7617). */
export function basicHeader(credential: Credential): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`;
}
