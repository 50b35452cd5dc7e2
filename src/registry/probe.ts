import type { RegistryError } from '../copy/error.ts';
import { parseChallenges } from '../oci/challenge.ts';
import { isObject, objectsOf } from '../oci/json.ts';
import type { ForeignScope } from '../oci/scope.ts';
import { basicHeader } from './auth.ts';
import { caps, parseErrors, parseSecret, readCapped, readWhole } from './body.ts';
import type { Answer, Call } from './call.ts';
import { unanswered } from '../copy/unanswered.ts';
import { refused } from './error.ts';
import { maskOf } from './mask.ts';
import { RealmPolicy } from './token.ts';
import type { Credential, TokenHosts } from './token.ts';
import { shown } from './url.ts';
import { Wire } from './wire.ts';
import type { WireOptions } from './wire.ts';

export interface ProbeOptions extends WireOptions {
  url: URL;
  credential: () => Promise<Credential | undefined>;
  tokenHosts: TokenHosts;
  aliyun: boolean;
}

/** How a registry answered `GET /v2/` without a credential. */
export interface Pinged {
  status: number;
  /** What it wants: `undefined` where it wants nothing, or says nothing that is understood. */
  challenge:
    { scheme: 'basic' } | { scheme: 'bearer'; realm: string; service: string | undefined } | undefined;
  /** By its clock, if it told; milliseconds, cut to the second. */
  date: number | undefined;
  /** Where a redirect leads. */
  location: string | undefined;
}

/** What a token allows. */
export interface Granted {
  /** `undefined` where the token cannot be read. */
  access: readonly ForeignScope[] | undefined;
}

/**
 * Asks a registry single questions, each once, and shows what came: for whoever looks for a mistake in a set-up, where the
 * registry's client would try again, follow and wait. It has a few connections of its own. Throws `RegistryError`.
 */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #wire: Wire;
  readonly #realms: RealmPolicy;

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#wire = new Wire(options, 4);
    this.#realms = new RealmPolicy(options.url, options.tokenHosts, options.aliyun);
  }

  async ping(signal?: AbortSignal): Promise<Pinged> {
    const answer = await this.#get(new URL('/v2/', this.#options.url), undefined, signal);
    answer.body.once('error', () => undefined).destroy();
    const date = Date.parse(answer.headers.get('date') ?? '');
    return {
      status: answer.status,
      challenge: challengeOf(answer.challenges),
      date: Number.isNaN(date) ? undefined : date,
      location: answer.headers.get('location') ?? undefined,
    };
  }

  /** The address of the token server, as it will be asked. Throws where that may not be, or not with a credential. */
  realm(named: string, withCredential: boolean): URL {
    return this.#realms.accept(named, withCredential);
  }

  /** Asks the registry itself, with the credential in a Basic header. */
  async basic(signal?: AbortSignal): Promise<void> {
    const url = new URL('/v2/', this.#options.url);
    const answer = await this.#get(url, await this.#authorization(), signal);
    if (answer.status === 200) answer.body.once('error', () => undefined).destroy();
    else throw await this.#refusal(answer);
  }

  /** Asks for a token, with the credential if there is one. */
  async token(
    { realm, service }: { realm: string; service: string | undefined },
    scopes: readonly string[],
    signal?: AbortSignal,
  ): Promise<Granted> {
    const authorization = await this.#authorization();
    const url = this.#realms.accept(realm, authorization !== undefined);
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const answer = await this.#get(url, authorization, signal);
    if (answer.status !== 200) throw await this.#refusal(answer, authorization);
    const { token, access_token: other } = parseSecret(await this.#read(answer), shown(url));
    return { access: accessOf(typeof token === 'string' && token !== '' ? token : other) };
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #get(url: URL, authorization: string | undefined, signal: AbortSignal | undefined): Promise<Answer> {
    const call: Call = { method: 'GET', url, scopes: [], expect: [], signal };
    return this.#wire.exchange(call, url, authorization);
  }

  async #authorization(): Promise<string | undefined> {
    const credential = await this.#options.credential();
    return credential && basicHeader(credential);
  }

  async #read(answer: Answer): Promise<Buffer> {
    try {
      return await readWhole(answer.body, caps.small, shown(answer.url));
    } catch (error) {
      throw unanswered(`GET ${shown(answer.url)}`, error);
    }
  }

  async #refusal(answer: Answer, authorization?: string): Promise<RegistryError> {
    const said = await readCapped(answer.body, caps.small).catch(() => undefined);
    const words = parseErrors(said, maskOf(authorization));
    return refused({ method: 'GET', url: shown(answer.url), status: answer.status, ...words });
  }
}

function challengeOf(headers: readonly string[]): Pinged['challenge'] {
  const challenges = parseChallenges(headers);
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm);
  const { realm, service } = bearer?.parameters ?? {};
  if (realm !== undefined) return { scheme: 'bearer', realm, service };
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined;
}

/** The claim `access` of a JSON web token. https://distribution.github.io/distribution/spec/auth/jwt/ */
function accessOf(token: unknown): ForeignScope[] | undefined {
  const claims = claimsOf(typeof token === 'string' ? token : '');
  if (!isObject(claims) || !('access' in claims)) return undefined;
  return objectsOf(claims.access).map(({ type, name, actions }) => ({
    type: textOf(type),
    name: textOf(name),
    actions: Array.isArray(actions) ? actions.filter(isText) : [],
  }));
}

/** An object may have a `toString` of its own, which is none. */
function textOf(value: unknown): string {
  return isText(value) ? value : '';
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function claimsOf(token: string): unknown {
  const [, body = ''] = token.split('.');
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString());
  } catch {
    return undefined; // A token may be anything; what cannot be read says nothing.
  }
}
