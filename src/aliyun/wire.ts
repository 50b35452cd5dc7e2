import { Agent, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { unanswered } from '../copy/unanswered.ts';
import { readAnswer } from './answer.ts';

export interface WireOptions {
  /** PEM; instead of Node's own. Asked for with each request: when it is another one, new connections are made. */
  ca?: readonly string[] | (() => readonly string[]) | undefined;
  /** By which proxy an address is reached; without it every one directly. */
  proxies?: { of(url: URL): URL | undefined } | undefined;
  /** Milliseconds. */
  connectTimeout: number;
  /** Milliseconds without a byte after which an answer is given up. */
  idleTimeout: number;
  /** Called after every answer; status 0 when there was none. */
  onRequest: (method: string, status: number) => void;
}

export interface Sent {
  method: 'GET' | 'POST' | 'PUT';
  url: URL;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

export interface Received {
  status: number;
  text: string;
}

/** One request and its whole answer: no redirects, no retries. */
export class Wire {
  readonly #options: WireOptions;
  /** By the proxy's address; empty for none. They all trust `#ca`. */
  readonly #agents = new Map<string, Dispatcher>();
  #ca: readonly string[] | undefined;
  /** With authorities that do not count any more: they take nothing new, and end when their answers have. */
  readonly #leaving = new Set<Dispatcher>();

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** `what` names the request in errors, which never show the query. Throws `RegistryError` when no whole answer came. */
  async ask(what: string, sent: Sent, signal?: AbortSignal): Promise<Received> {
    let status = 0;
    try {
      const answer = await this.#send(sent, signal);
      status = answer.statusCode;
      return { status, text: await readAnswer(answer.body, sent.url.origin) };
    } catch (error) {
      signal?.throwIfAborted();
      throw unanswered(`${what} at ${sent.url.origin}`, error);
    } finally {
      this.#options.onRequest(sent.method, status);
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    const all = [...this.#agents.values(), ...this.#leaving];
    await Promise.all(all.map((agent) => agent.destroy()));
  }

  #send(
    { method, url, headers, body }: Sent,
    signal: AbortSignal | undefined,
  ): ReturnType<Dispatcher['request']> {
    const { idleTimeout, proxies } = this.#options;
    return this.#agent(proxies?.of(url)).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { 'user-agent': 'tagferry', accept: 'application/json', ...headers },
      body: body ?? null,
      signal: signal ?? null,
      headersTimeout: idleTimeout,
      bodyTimeout: idleTimeout,
    });
  }

  #agent(proxy: URL | undefined): Dispatcher {
    this.#trust();
    const key = proxy?.href ?? '';
    const agent = this.#agents.get(key) ?? this.#newAgent(proxy);
    this.#agents.set(key, agent);
    return agent;
  }

  #trust(): void {
    const { ca } = this.#options;
    const now = typeof ca === 'function' ? ca() : ca;
    if (now === this.#ca) return;
    for (const agent of this.#agents.values()) this.#leave(agent);
    this.#agents.clear();
    this.#ca = now;
  }

  #leave(agent: Dispatcher): void {
    this.#leaving.add(agent);
    void agent.close().finally(() => this.#leaving.delete(agent));
  }

  #newAgent(proxy: URL | undefined): Dispatcher {
    const { connectTimeout: timeout } = this.#options;
    const ca = this.#ca;
    const pool = { connections: 8, pipelining: 1, allowH2: false };
    const connect = { timeout, ...(ca !== undefined && { ca: [...ca] }) };
    if (proxy === undefined) return new Agent({ ...pool, connect });
    return new ProxyAgent({ ...pool, uri: proxy.href, requestTls: connect, proxyTls: { timeout } });
  }
}
