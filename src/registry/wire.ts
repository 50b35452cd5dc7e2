import type { Dispatcher } from 'undici';
import { shared } from '../abort.ts';
import { Agents } from './agents.ts';
import type { Answer, Call } from './call.ts';
import { unanswered } from '../copy/unanswered.ts';
import type { Proxies } from './proxy.ts';
import { shown } from './url.ts';

export interface WireOptions {
  /** PEM; instead of Node's own. Asked for with each request: when it is another one, new connections are made. */
  ca?: readonly string[] | (() => readonly string[]) | undefined;
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
  #agents: Agents;
  /** With authorities that do not count any more: they end what is under way. */
  readonly #leaving = new Set<Agents>();
  readonly #closing = new AbortController();

  constructor(options: WireOptions, connections: number) {
    this.#options = options;
    this.#connections = connections;
    this.#agents = this.#newAgents(authoritiesOf(options));
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
    await Promise.all([this.#agents, ...this.#leaving].map((agents) => agents.destroy()));
    // undici leaves a connection that is being made to its time-out, which keeps the process alive.
    this.#closing.abort();
  }

  #agent(proxy: URL | undefined): Dispatcher {
    const ca = authoritiesOf(this.#options);
    if (ca !== this.#agents.ca && !this.#closing.signal.aborted) this.#renew(ca);
    return this.#agents.by(proxy);
  }

  #renew(ca: readonly string[] | undefined): void {
    const old = this.#agents;
    this.#leaving.add(old);
    void old.close().finally(() => this.#leaving.delete(old));
    this.#agents = this.#newAgents(ca);
  }

  #newAgents(ca: readonly string[] | undefined): Agents {
    const { signal } = this.#closing;
    return new Agents({ ...this.#options, ca, connections: this.#connections, signal });
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

function authoritiesOf({ ca }: WireOptions): readonly string[] | undefined {
  return typeof ca === 'function' ? ca() : ca;
}

function headersOf(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) for (const one of all(value)) headers.append(name, one);
  return headers;
}

function all(value: string | string[] | undefined): string[] {
  return [value ?? []].flat();
}
