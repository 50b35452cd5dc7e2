import { randomUUID } from 'node:crypto';
import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import { readAnswer, successOf } from './answer.ts';
import { unanswered } from '../copy/unanswered.ts';
import { triesOf } from './error.ts';
import type { Action } from './error.ts';
import type { Pace } from './pace.ts';
import { queryOf, signedHeaders } from './signature.ts';
import type { Identity } from './signature.ts';

export interface OpenApiOptions {
  /** `https://cr.REGION.aliyuncs.com`, or what stands in for it. */
  url: URL;
  /** `cri-…` */
  instanceId: string;
  identity: Identity;
  /** One for all clients of the process. */
  pace: Pace;
  clock: Clock;
  /** PEM; instead of Node's own. Asked for with each request: when it is another one, new connections are made. */
  ca?: readonly string[] | (() => readonly string[]) | undefined;
  /** Through which it is reached. */
  proxy?: URL | undefined;
  /** Milliseconds. */
  connectTimeout: number;
  /** Milliseconds without a byte after which an answer is given up. */
  idleTimeout: number;
  /** Called after every answer; status 0 when there was none. */
  onRequest: (method: string, status: number) => void;
}

/** The version of ACR Enterprise Edition; the personal edition has another one. */
const version = '2018-12-01';

/** The OpenAPI of one ACR EE instance: signing, rate, retries. https://www.alibabacloud.com/help/en/acr/developer-reference/ */
export class OpenApi {
  readonly #options: OpenApiOptions;
  #agent: { dispatcher: Dispatcher; ca: readonly string[] | undefined };
  readonly #shown: string;

  constructor(options: OpenApiOptions) {
    this.#options = options;
    this.#shown = options.url.origin;
    const ca = authoritiesOf(options);
    this.#agent = { dispatcher: newAgent(options, ca), ca };
  }

  /**
   * The answer to a call that only reads, checked by the schema. `InstanceId` is added to the parameters. Throws
   * `RegistryError`, whose `code` is the OpenAPI's own; the message shows neither the key nor the query.
   */
  async call<T>(
    action: Action,
    parameters: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await this.#once(action, parameters, schema, signal);
      } catch (error) {
        if (!(error instanceof RegistryError) || tried >= triesOf(error.fault)) throw error;
        await this.#wait(error, tried, signal);
      }
    }
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#agent.dispatcher.destroy();
  }

  async #once<T>(
    action: Action,
    parameters: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    await this.#options.pace.turn(signal);
    const { status, text } = await this.#exchange(action, parameters, signal);
    return successOf({ action, url: this.#shown, status, text: this.#masked(text) }, schema);
  }

  async #exchange(
    action: Action,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; text: string }> {
    const { onRequest } = this.#options;
    let status = 0;
    try {
      const answer = await this.#send(action, parameters, signal);
      status = answer.statusCode;
      return { status, text: await readAnswer(answer.body, this.#shown) };
    } catch (error) {
      signal?.throwIfAborted();
      throw unanswered(`${action} at ${this.#shown}`, error);
    } finally {
      onRequest('POST', status);
    }
  }

  /** Signed anew for each try: a nonce is good once. */
  #send(
    action: Action,
    given: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): ReturnType<Dispatcher['request']> {
    const { url, identity, instanceId, clock, idleTimeout } = this.#options;
    const parameters = { ...given, InstanceId: instanceId };
    const operation = { host: url.host, action, version, parameters };
    const signed = signedHeaders(operation, identity, { time: clock.now(), nonce: randomUUID() });
    return this.#dispatcher().request({
      origin: url.origin,
      path: `/?${queryOf(parameters)}`,
      method: 'POST',
      headers: { ...signed, 'user-agent': 'tagferry', accept: 'application/json' },
      signal: signal ?? null,
      headersTimeout: idleTimeout,
      bodyTimeout: idleTimeout,
    });
  }

  /** With authorities that do not count any more an agent takes nothing new, and ends when its answers have. */
  #dispatcher(): Dispatcher {
    const { dispatcher, ca: before } = this.#agent;
    const ca = authoritiesOf(this.#options);
    if (ca === before) return dispatcher;
    void dispatcher.close();
    this.#agent = { dispatcher: newAgent(this.#options, ca), ca };
    return this.#agent.dispatcher;
  }

  /** Throttling is for everybody, and counted over a second or more; other failures are this call's own. */
  async #wait({ fault }: RegistryError, tried: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, pace } = this.#options;
    const full = (fault === 'rate-limited' ? 2_000 : 200) * 2 ** (tried - 1);
    const wait = full / 2 + (full / 2) * clock.random();
    if (fault === 'rate-limited') pace.pause(wait);
    else await clock.sleep(wait, signal);
  }

  /** Should a server repeat what it was sent, the key stays out of errors all the same. */
  #masked(text: string): string {
    const { accessKeySecret, securityToken } = this.#options.identity;
    return [accessKeySecret, securityToken ?? '']
      .filter((secret) => secret !== '')
      .reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
  }
}

function authoritiesOf({ ca }: OpenApiOptions): readonly string[] | undefined {
  return typeof ca === 'function' ? ca() : ca;
}

function newAgent({ connectTimeout, proxy }: OpenApiOptions, ca: readonly string[] | undefined): Dispatcher {
  const pool = { connections: 8, pipelining: 1, allowH2: false };
  const connect = { timeout: connectTimeout, ...(ca !== undefined && { ca: [...ca] }) };
  if (proxy === undefined) return new Agent({ ...pool, connect });
  const proxyTls = { timeout: connectTimeout };
  return new ProxyAgent({ ...pool, uri: proxy.href, requestTls: connect, proxyTls });
}
