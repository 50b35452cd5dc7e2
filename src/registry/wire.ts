import { Agent, Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
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

  constructor(options: WireOptions, connections: number) {
    this.#options = options;
    this.#connections = connections;
    this.#direct = new Agent({ ...pooling(connections), connect: tlsOf(options) });
  }

  async exchange(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    const { onRequest, proxies } = this.#options;
    const proxy = proxies?.of(url);
    try {
      const answer = await this.#agent(proxy).request(this.#request(call, url, authorization));
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
  }

  #agent(proxy: URL | undefined): Dispatcher {
    if (proxy === undefined) return this.#direct;
    const agent = this.#proxied.get(proxy.href) ?? newProxyAgent(proxy, this.#options, this.#connections);
    this.#proxied.set(proxy.href, agent);
    return agent;
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

function newProxyAgent(proxy: URL, options: WireOptions, connections: number): ProxyAgent {
  const { connectTimeout } = options;
  return new ProxyAgent({
    ...pooling(connections),
    uri: proxy.href,
    requestTls: tlsOf(options),
    // Of a proxy that is spoken to by TLS itself: what holds for the registry's certificate does not hold for its.
    proxyTls: { timeout: connectTimeout, allowH2: false },
    // A proxy that does not answer its CONNECT has made no connection.
    clientFactory: (origin, more) => new Pool(origin, { ...more, headersTimeout: connectTimeout }),
  });
}

function pooling(connections: number): Agent.Options {
  // One connection is one congestion window: several serve big blobs better than streams in one.
  return { allowH2: false, pipelining: 1, connections, keepAliveTimeout: 30_000 };
}

function tlsOf(options: WireOptions): {
  timeout: number;
  rejectUnauthorized: boolean;
  ca?: string[];
} {
  const { ca, connectTimeout, insecureSkipVerify } = options;
  return {
    timeout: connectTimeout,
    rejectUnauthorized: !insecureSkipVerify,
    ...(ca !== undefined && { ca: [...ca] }),
  };
}

function headersOf(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) for (const one of all(value)) headers.append(name, one);
  return headers;
}

function all(value: string | string[] | undefined): string[] {
  return [value ?? []].flat();
}
