import { Agent, Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';

export interface AgentsOptions {
  /** PEM; instead of Node's own. */
  ca: readonly string[] | undefined;
  insecureSkipVerify: boolean;
  /** To one origin at once. */
  connections: number;
  /** Milliseconds. */
  connectTimeout: number;
  /** Ends the connections that are being made. */
  signal: AbortSignal;
}

/** Pools of connections that trust the same authorities: one without a proxy, and one for each proxy. */
export class Agents {
  readonly #options: AgentsOptions;
  readonly #direct: Agent;
  /** By the proxy's address. */
  readonly #proxied = new Map<string, ProxyAgent>();

  constructor(options: AgentsOptions) {
    this.#options = options;
    this.#direct = new Agent({ ...pooling(options.connections), connect: this.#tls() });
  }

  get ca(): readonly string[] | undefined {
    return this.#options.ca;
  }

  by(proxy: URL | undefined): Dispatcher {
    if (proxy === undefined) return this.#direct;
    const agent = this.#proxied.get(proxy.href) ?? this.#newProxyAgent(proxy);
    this.#proxied.set(proxy.href, agent);
    return agent;
  }

  /** Resolves when what is under way has ended; takes nothing new. */
  async close(): Promise<void> {
    await Promise.all(this.#all().map((agent) => agent.close()));
  }

  /** Ends what is under way. */
  async destroy(): Promise<void> {
    await Promise.all(this.#all().map((agent) => agent.destroy()));
  }

  #all(): (Agent | ProxyAgent)[] {
    return [this.#direct, ...this.#proxied.values()];
  }

  #newProxyAgent(proxy: URL): ProxyAgent {
    const { connections, connectTimeout: timeout, signal } = this.#options;
    return new ProxyAgent({
      ...pooling(connections),
      uri: proxy.href,
      requestTls: this.#tls(),
      // Of a proxy that is spoken to by TLS itself: what holds for the registry's certificate does not hold for its.
      proxyTls: { timeout, allowH2: false, signal },
      // A proxy that does not answer its CONNECT has made no connection.
      clientFactory: (origin, more) => new Pool(origin, { ...more, headersTimeout: timeout }),
    });
  }

  #tls(): { timeout: number; rejectUnauthorized: boolean; ca?: string[]; signal: AbortSignal } {
    const { ca, connectTimeout: timeout, insecureSkipVerify, signal } = this.#options;
    return { timeout, rejectUnauthorized: !insecureSkipVerify, signal, ...(ca && { ca: [...ca] }) };
  }
}

function pooling(connections: number): Agent.Options {
  // One connection is one congestion window: several serve big blobs better than streams in one.
  return { allowH2: false, pipelining: 1, connections, keepAliveTimeout: 30_000 };
}
