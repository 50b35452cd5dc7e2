import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { Authorizer, basicHeader } from './auth.ts';
import type { Held } from './auth.ts';
import { caps, parseErrors, readCapped, readWhole } from './body.ts';
import { backoff } from './backoff.ts';
import { refused, triesOf, unanswered } from './error.ts';
import { Limiter } from './limit.ts';
import type { Limits } from './limit.ts';
import { parseRetryAfter } from './retry-after.ts';
import { RealmPolicy, TokenCache } from './token.ts';
import type { Credential } from './token.ts';
import { follow, sameOrigin, shown } from './url.ts';

export interface TransportOptions {
  /** The configuration's name of the registry, for messages. */
  name: string;
  url: URL;
  /** Asked for each token, so that a password that was changed is used. */
  credential: () => Promise<Credential | undefined>;
  tokenHosts: readonly string[];
  aliyun: boolean;
  /** PEM; instead of Node's own. */
  ca?: readonly string[] | undefined;
  insecureSkipVerify: boolean;
  /** Milliseconds. */
  connectTimeout: number;
  /** Milliseconds without a byte in either direction after which a peer is given up. */
  idleTimeout: number;
  limits: Limits;
  clock: Clock;
  /** Called after every answer; status 0 when there was none. */
  onRequest: (method: string, status: number) => void;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** One request as the protocol's steps see it. */
export interface Call {
  method: Method;
  url: URL;
  /** What the token must allow, the needed scope first. */
  scopes: readonly string[];
  /** `basic`: the credential itself, where a token is not taken. */
  auth?: 'basic';
  headers?: Record<string, string>;
  /** Bytes are sent again when tried again; a stream is sent once, and its failures are the caller's. */
  body?: Uint8Array | Readable;
  /** Statuses that are answers to this call; every other one is an error. */
  expect: readonly number[];
  /** Milliseconds to wait for the answer's head; default `idleTimeout`. */
  patience?: number;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Where it came from, after redirects. */
  url: URL;
  body: Readable;
}

const maxRedirects = 5;

/** The requests of one registry: limits, authorization, redirects, retries. */
export class Transport {
  readonly limiter: Limiter;
  readonly #options: TransportOptions;
  readonly #agent: Agent;
  readonly #authorizer: Authorizer;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.limiter = new Limiter(options.name, options.limits, options.clock);
    this.#agent = newAgent(options);
    const { credential, clock } = options;
    const realms = new RealmPolicy(options.url, options.tokenHosts, options.aliyun);
    const tokens = new TokenCache((url, held) => this.#token(url, held), credential, realms, clock);
    this.#authorizer = new Authorizer((signal) => this.#ping(signal), credential, tokens);
  }

  /** Sends a call and reads its answer whole, at most `cap` bytes. */
  async send(call: Call, cap: number = caps.small): Promise<Omit<Answer, 'body'> & { bytes: Buffer }> {
    return this.#retrying(call, async () => {
      const answer = await this.#open(call);
      const bytes = await this.#read(call, answer, cap);
      return { status: answer.status, headers: answer.headers, url: answer.url, bytes };
    });
  }

  /** Sends a call whose answer is a stream. The slot is held until the body has ended or is destroyed. */
  async stream(call: Call): Promise<Answer> {
    return this.#retrying(call, () => this.#open(call));
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #retrying<T>(call: Call, once: () => Promise<T>): Promise<T> {
    const replayable = call.body === undefined || call.body instanceof Uint8Array;
    for (let tried = 1; ; tried++) {
      try {
        return await once();
      } catch (error) {
        call.signal?.throwIfAborted();
        if (!(error instanceof RegistryError) || !replayable || tried >= triesOf(error.fault)) throw error;
        await this.#pause(error, tried, call.signal);
      }
    }
  }

  /** `Retry-After` stops everybody; without it only this request waits. */
  async #pause(error: RegistryError, tried: number, signal: AbortSignal | undefined): Promise<void> {
    if (error.retryAt !== undefined) return;
    const { clock } = this.#options;
    await clock.sleep(backoff(tried, clock.random()), signal);
  }

  async #open(call: Call): Promise<Answer> {
    const release = await this.limiter.acquire(call.signal);
    try {
      const answer = await this.#authorized(call);
      answer.body.once('close', release);
      if (!call.expect.includes(answer.status)) throw await this.#refusal(call, answer);
      return answer;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #authorized(call: Call): Promise<Answer> {
    const held = await this.#header(call);
    const answer = await this.#redirected(call, held);
    if (answer.status !== 401 || call.auth === 'basic') return answer;
    const renewed = await this.#authorizer.renew(call.scopes, held, challengesOf(answer.headers));
    if (renewed === undefined) return answer;
    if (isStream(call.body)) throw await this.#refusal(call, answer, 'unreachable');
    await discard(answer);
    return this.#redirected(call, renewed);
  }

  #header(call: Call): Promise<Held | undefined> {
    if (!sameOrigin(call.url, this.#options.url)) return Promise.resolve(undefined);
    return call.auth === 'basic'
      ? this.#authorizer.basic()
      : this.#authorizer.header(call.scopes, call.signal);
  }

  async #redirected(call: Call, held: Held | undefined): Promise<Answer> {
    let url = call.url;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const answer = await this.#exchange(call, url, sameOrigin(url, this.#options.url) ? held : undefined);
      if (!isRedirect(answer.status) || isStream(call.body)) return answer;
      await discard(answer);
      url = follow(url, answer.headers.get('location') ?? undefined, 'a redirect');
    }
    throw new RegistryError(
      'protocol',
      `${shown(call.url)}: expected at most ${maxRedirects} redirects, got more`,
    );
  }

  async #exchange(call: Call, url: URL, held: Held | undefined): Promise<Answer> {
    const { idleTimeout, onRequest } = this.#options;
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: call.method,
        headers: {
          'user-agent': 'tagferry',
          // Stored bytes are wanted, even where a layer is labelled as compressed in transit.
          'accept-encoding': 'identity',
          ...call.headers,
          ...(held !== undefined && { authorization: held.header }),
        },
        body: call.body ?? null,
        signal: call.signal ?? null,
        headersTimeout: call.patience ?? idleTimeout,
        bodyTimeout: idleTimeout,
        // Without it undici closes the connection after every HEAD.
        reset: false,
      });
      onRequest(call.method, answer.statusCode);
      return { status: answer.statusCode, headers: headersOf(answer.headers), url, body: answer.body };
    } catch (error) {
      call.signal?.throwIfAborted();
      onRequest(call.method, 0);
      throw unanswered(call.method, shown(url), error);
    }
  }

  async #read(call: Call, answer: Answer, cap: number): Promise<Buffer> {
    try {
      return await readWhole(answer.body, cap, shown(answer.url));
    } catch (error) {
      call.signal?.throwIfAborted();
      throw unanswered(call.method, shown(answer.url), error);
    }
  }

  /** Reads what the registry says of its refusal, and passes its wish for silence on to everybody. */
  async #refusal(call: Call, answer: Answer, fault?: 'unreachable'): Promise<RegistryError> {
    const said = await readCapped(answer.body, caps.small).catch(() => undefined);
    const now = this.#options.clock.now();
    const retryAt = [429, 503].includes(answer.status)
      ? parseRetryAfter(answer.headers.get('retry-after') ?? undefined, now)
      : undefined;
    if (retryAt !== undefined) this.limiter.pause(retryAt);
    const url = shown(answer.url);
    const error = refused({ method: call.method, url, status: answer.status, retryAt, ...parseErrors(said) });
    return fault === undefined ? error : new RegistryError(fault, error.message, { status: answer.status });
  }

  async #ping(signal: AbortSignal | undefined): Promise<{ status: number; challenges: readonly string[] }> {
    const call: Call = {
      method: 'GET',
      url: new URL('/v2/', this.#options.url),
      scopes: [],
      expect: [],
      signal,
    };
    return this.#retrying(call, async () => {
      const answer = await this.#exchange(call, call.url, undefined);
      if (answer.status >= 500 || answer.status === 429) throw await this.#refusal(call, answer);
      await discard(answer);
      return { status: answer.status, challenges: challengesOf(answer.headers) };
    });
  }

  /** Token servers are asked without a slot: the request that waits for the token holds one already. */
  async #token(url: URL, credential: Credential | undefined): Promise<Uint8Array> {
    const headers = credential && { authorization: basicHeader(credential) };
    const call: Call = { method: 'GET', url, scopes: [], expect: [200], ...(headers && { headers }) };
    return this.#retrying(call, async () => {
      const answer = await this.#exchange(call, url, undefined);
      if (answer.status !== 200) throw await this.#refusal(call, answer);
      return this.#read(call, answer, caps.small);
    });
  }
}

function newAgent(options: TransportOptions): Agent {
  return new Agent({
    // One connection is one congestion window: several serve big blobs better than streams in one.
    allowH2: false,
    pipelining: 1,
    connections: options.limits.concurrency + 2,
    keepAliveTimeout: 30_000,
    connect: {
      timeout: options.connectTimeout,
      rejectUnauthorized: !options.insecureSkipVerify,
      ...(options.ca !== undefined && { ca: [...options.ca] }),
    },
  });
}

function headersOf(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return headers;
}

function challengesOf(headers: Headers): readonly string[] {
  const challenge = headers.get('www-authenticate');
  return challenge === null ? [] : [challenge];
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

function isStream(body: Call['body']): boolean {
  return body !== undefined && !(body instanceof Uint8Array);
}

/** Reads the little that is left, so that the connection can be used again. */
async function discard(answer: Answer): Promise<void> {
  if (answer.body.destroyed) return;
  await readCapped(answer.body, caps.small).catch(() => undefined);
}
