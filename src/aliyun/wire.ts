import type { Dispatcher } from 'undici';
import { shared } from '../abort.ts';
import { unanswered } from '../copy/unanswered.ts';
import { readAnswer } from './answer.ts';

/** Pooled connections, directly or by a proxy. */
export interface Connections {
  by(proxy: URL | undefined): Dispatcher;
  /** Ends what is under way. */
  close(): Promise<void>;
}

export interface WireOptions {
  /** Closed with what is made of them. */
  connections: Connections;
  /** By which proxy an address is reached; without it every one directly. */
  proxies?: { of(url: URL): URL | undefined } | undefined;
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
      const proxy = this.#options.proxies?.of(sent.url);
      const way = proxy === undefined ? '' : ` by the proxy ${proxy.host}`;
      throw unanswered(`${what} at ${sent.url.origin}${way}`, error);
    } finally {
      this.#options.onRequest(sent.method, status);
    }
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#options.connections.close();
  }

  #send(
    { method, url, headers, body }: Sent,
    signal: AbortSignal | undefined,
  ): ReturnType<Dispatcher['request']> {
    const { connections, idleTimeout, proxies } = this.#options;
    const asking = connections.by(proxies?.of(url)).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { 'user-agent': 'tagferry', accept: 'application/json', ...headers },
      body: body ?? null,
      signal: signal ?? null,
      headersTimeout: idleTimeout,
      bodyTimeout: idleTimeout,
    });
    // undici hears of an abort when there is a connection, and not before.
    return shared(asking, signal);
  }
}
