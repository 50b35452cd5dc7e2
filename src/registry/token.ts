import { shared } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { parseSecret } from './body.ts';
import { isInternal, shown } from './url.ts';

export interface Credential {
  username: string;
  password: string;
}

/** Who gives tokens, from the challenge. */
export interface TokenIssuer {
  realm: string;
  service: string | undefined;
}

/** Sends one GET to a token server and returns the body of its 200; throws `RegistryError` otherwise. */
export type FetchToken = (url: URL, credential: Credential | undefined) => Promise<Uint8Array>;

interface Token {
  token: string;
  usableUntil: number;
}

/** Tokens kept at most, and their characters; beyond either the oldest go. Harbor's have a thousand or two. */
const capacity = 5000;
const room = 16 * 1024 * 1024;

/** Characters of a token: longer than any, and than the headers that most servers take. */
const longest = 16 * 1024;

/** Tokens by the set of scopes they were asked for: fetched once however many wait, renewed before they end. */
export class TokenCache {
  readonly #tokens = new Map<string, Token>();
  /** Their characters. */
  #size = 0;
  readonly #fetching = new Map<string, Promise<Token>>();
  readonly #fetch: FetchToken;
  readonly #credential: () => Promise<Credential | undefined>;
  readonly #realms: RealmPolicy;
  readonly #clock: Clock;

  constructor(
    fetch: FetchToken,
    credential: () => Promise<Credential | undefined>,
    realms: RealmPolicy,
    clock: Clock,
  ) {
    this.#fetch = fetch;
    this.#credential = credential;
    this.#realms = realms;
    this.#clock = clock;
  }

  /** `fresh`: fetched for this call or one that waited with it. */
  async get(
    issuer: TokenIssuer,
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<{ token: string; fresh: boolean }> {
    const key = scopes.join(' ');
    const known = this.#tokens.get(key);
    if (known !== undefined && known.usableUntil > this.#clock.now())
      return { token: known.token, fresh: false };
    const fetching = this.#fetching.get(key) ?? this.#begin(key, issuer, scopes);
    return { token: (await shared(fetching, signal)).token, fresh: true };
  }

  /** Drops the token for the scopes if it is still this one: another request may have renewed it already. */
  forget(scopes: readonly string[], token: string): void {
    const key = scopes.join(' ');
    if (this.#tokens.get(key)?.token === token) this.#drop(key);
  }

  #begin(key: string, issuer: TokenIssuer, scopes: readonly string[]): Promise<Token> {
    const fetching = this.#request(issuer, scopes)
      .then((token) => this.#keep(key, token))
      .finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  #keep(key: string, token: Token): Token {
    this.#drop(key);
    this.#tokens.set(key, token);
    this.#size += token.token.length;
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= capacity && this.#size <= room) break;
      this.#drop(oldest);
    }
    return token;
  }

  #drop(key: string): void {
    this.#size -= this.#tokens.get(key)?.token.length ?? 0;
    this.#tokens.delete(key);
  }

  async #request(issuer: TokenIssuer, scopes: readonly string[]): Promise<Token> {
    const credential = await this.#credential();
    const url = this.#realms.accept(issuer.realm, credential !== undefined);
    if (issuer.service !== undefined) url.searchParams.set('service', issuer.service);
    // Several scopes are repeated, not joined, and the needed one comes first: some servers read only that.
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const asked = this.#clock.now();
    return readToken(await this.#fetch(url, credential), asked, shown(url));
  }
}

function readToken(body: Uint8Array, asked: number, url: string): Token {
  const answer = parseSecret(body, url);
  // Harbor sends an *empty* `access_token` beside `token`; Azure only `access_token`.
  const token = textOf(answer.token) ?? textOf(answer.access_token);
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
    throw new RegistryError('protocol', `${url} answered without a usable token`);
  }
  if (token.length > longest) {
    const got = `a token of ${token.length} characters, where at most ${longest} are expected`;
    throw new RegistryError('protocol', `${url} answered with ${got}`);
  }
  return { token, usableUntil: asked + usableFor(answer.expires_in) };
}

/**
 * From our own clock and the time we asked: `issued_at` is optional and the server's clock may differ. Without
 * `expires_in` 60 s are meant. A tenth, at least 10 s and at most half, is left for the request to arrive.
 */
function usableFor(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'number' && expiresIn > 0 ? Math.min(expiresIn, 86_400) : 60;
  const life = seconds * 1000;
  return life - Math.min(life / 2, Math.max(life / 10, 10_000));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

// The token service's host of ACR Enterprise Edition is not the registry's. https://www.alibabacloud.com/blog/reverse-proxy-to-access-alibaba-cloud-container-registry_597957
const aliyunRealm = /^dockerauth((-ee)?(-vpc)?\.[a-z0-9-]+|-cn-zhangjiakou)\.aliyuncs\.com$/;

/**
 * Further names of token servers, with a port (that one) or without (every one). `any`: whom the registry names, as Docker
 * has it. A registry that is after the credential gets it that way, but it could as well ask for it by a Basic challenge.
 */
export type TokenHosts = readonly string[] | 'any';

/** To which token servers a registry's credential may go. */
export class RealmPolicy {
  readonly #registry: URL;
  readonly #hosts: TokenHosts;
  readonly #aliyun: boolean;

  constructor(registry: URL, hosts: TokenHosts, aliyun: boolean) {
    this.#registry = registry;
    this.#hosts = hosts;
    this.#aliyun = aliyun;
  }

  /** The realm as an address that may be asked; throws for one that a hostile challenge could have named. */
  accept(realm: string, withCredential: boolean): URL {
    if (!URL.canParse(realm, this.#registry.href))
      throw this.#refuse(realm.slice(0, 100), 'is not an address');
    const url = new URL(realm, this.#registry);
    this.#secure(url);
    if (this.#isListed(url)) return url;
    if (this.#hosts === 'any' && isInternal(this.#registry.hostname)) return url;
    if (withCredential && this.#hosts !== 'any')
      throw this.#refuse(url.host, 'may not get the credential; if it is right, add it to tokenHosts');
    if (isInternal(url.hostname)) throw this.#refuse(url.host, 'is an internal address');
    return url;
  }

  #secure(url: URL): void {
    // Behind a proxy that ends TLS, Harbor names its realm with http. https://github.com/goharbor/harbor/issues/3114
    if (
      this.#registry.protocol === 'https:' &&
      url.protocol === 'http:' &&
      url.hostname === this.#registry.hostname
    ) {
      url.protocol = 'https:';
    }
    if (url.protocol === 'https:') return;
    if (url.protocol === 'http:' && this.#registry.protocol === 'http:') return;
    throw this.#refuse(url.host, `speaks ${url.protocol} where https: is expected`);
  }

  #isListed(url: URL): boolean {
    if (url.host === this.#registry.host) return true;
    const hosts = this.#hosts === 'any' ? [] : this.#hosts;
    if (hosts.includes(url.host) || hosts.includes(url.hostname)) return true;
    return (
      this.#aliyun && url.protocol === 'https:' && url.pathname === '/auth' && aliyunRealm.test(url.hostname)
    );
  }

  #refuse(realm: string, why: string): RegistryError {
    return new RegistryError('denied', `the token server ${realm} named by ${this.#registry.host} ${why}`);
  }
}
