import { Agent, Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { shared } from '../abort.ts';
import type { Answer, Call } from './call.ts';
import { unanswered } from '../copy/unanswered.ts';
import type { Proxies } from './proxy.ts';
import { shown } from './url.ts';

export interface WireOptions {
  /** PEM; instead of Node's own. */
  ca?: readonly string[] | undefined;
  insecureSkipVerify: boolean;
  /** Without it every address is reached directly. */
  proxies?: Proxies | undefined;
  /** Milliseconds. */
  connectTimeout: number;
  /** Milliseconds without a byte in either direction after which a peer is given up. */
  idleTimeout: number;
  /** Called after every answer; status 0 when there was none. */
  onRequest: (method: string, status: number) => void;
}

/** One request and its answer on a pooled connection: no redirects, no retries, no credential but the one given. */
export class Wire {
  readonly #options: WireOptions;
  readonly #connections: number;
  readonly #direct: Agent;
  /** By the proxy's address. */
  readonly #proxied = new Map<string, ProxyAgent>();
  readonly #closing = new AbortController();

  constructor(options: WireOptions, connections: number) {
    this.#options = options;
    this.#connections = connections;
    this.#direct = new Agent({ ...pooling(connections), connect: this.#tls() });
  }

  async exchange(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    const { onRequest, proxies } = this.#options;
    const proxy = proxies?.of(url);
    try {
      const asking = this.#agent(proxy).request(this.#request(call, url, authorization));
      // undici hears of an abort when there is a connection, and not before.
      const answer = await shared(asking, call.signal);
      onRequest(call.method, answer.statusCode);
      const { headers: raw, statusCode: status, body } = answer;
      return { status, headers: headersOf(raw), challenges: all(raw['www-authenticate']), url, body };
    } catch (error) {
      call.signal?.throwIfAborted();
      onRequest(call.method, 0);
      const way = proxy === undefined ? '' : ` by the proxy ${proxy.host}`;
      throw unanswered(`${call.method} ${shown(url)}${way}`, error);
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([this.#direct, ...this.#proxied.values()].map((agent) => agent.destroy()));
    // undici leaves a connection that is being made to its time-out, which keeps the process alive.
    this.#closing.abort();
  }

  #agent(proxy: URL | undefined): Dispatcher {
    if (proxy === undefined) return this.#direct;
    const agent = this.#proxied.get(proxy.href) ?? this.#newProxyAgent(proxy);
    this.#proxied.set(proxy.href, agent);
    return agent;
  }

  #newProxyAgent(proxy: URL): ProxyAgent {
    const { connectTimeout: timeout } = this.#options;
    return new ProxyAgent({
      ...pooling(this.#connections),
      uri: proxy.href,
      requestTls: this.#tls(),
      // Of a proxy that is spoken to by TLS itself: what holds for the registry's certificate does not hold for its.
      proxyTls: { timeout, allowH2: false, signal: this.#closing.signal },
      // A proxy that does not answer its CONNECT has made no connection.
      clientFactory: (origin, more) => new Pool(origin, { ...more, headersTimeout: timeout }),
    });
  }

  #tls(): { timeout: number; rejectUnauthorized: boolean; ca?: string[]; signal: AbortSignal } {
    const { ca, connectTimeout: timeout, insecureSkipVerify } = this.#options;
    const { signal } = this.#closing;
    return { timeout, rejectUnauthorized: !insecureSkipVerify, signal, ...(ca && { ca: [...ca] }) };
  }

  #request(call: Call, url: URL, authorization: string | undefined): Dispatcher.RequestOptions {
    const { idleTimeout } = this.#options;
    return {
      origin: url.origin,
      path: url.pathname + url.search,
      method: call.method,
      headers: {
        'user-agent': 'tagferry',
        // Stored bytes are wanted, even where a layer is labelled as compressed in transit.
        'accept-encoding': 'identity',
        ...call.headers,
        ...(authorization !== undefined && { authorization }),
      },
      body: call.body ?? null,
      signal: call.signal ?? null,
      headersTimeout: call.patience ?? idleTimeout,
      bodyTimeout: idleTimeout,
      // Without it undici closes the connection after every HEAD.
      reset: false,
    };
  }
}

function pooling(connections: number): Agent.Options {
  // One connection is one congestion window: several serve big blobs better than streams in one.
  return { allowH2: false, pipelining: 1, connections, keepAliveTimeout: 30_000 };
}

function headersOf(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) for (const one of all(value)) headers.append(name, one);
  return headers;
}

function all(value: string | string[] | undefined): string[] {
  return [value ?? []].flat();
}
