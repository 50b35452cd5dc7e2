import type { Dispatcher } from 'undici';
import { shared } from '../abort.ts';
import type { Answer, AnswerHeaders, Call } from './call.ts';
import { Connections } from './connections.ts';
import type { ConnectionsOptions } from './connections.ts';
import { unanswered } from '../copy/unanswered.ts';
import type { Proxies } from './proxy.ts';
import { shown } from './url.ts';

export interface WireOptions extends ConnectionsOptions {
  /** Without it every address is reached directly. */
  proxies?: Proxies | undefined;
  /** Milliseconds without a byte in either direction after which a peer is given up. */
  idleTimeout: number;
  /** Called after every answer; status 0 when there was none. */
  onRequest: (method: string, status: number) => void;
}

/** One request and its answer on a pooled connection: no redirects, no retries, no credential but the one given. */
export class Wire {
  readonly #options: WireOptions;
  readonly #connections: Connections;

  constructor(options: WireOptions, connections: number) {
    this.#options = options;
    this.#connections = new Connections(options, connections);
  }

  async exchange(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    const { onRequest, proxies } = this.#options;
    const proxy = proxies?.of(url);
    try {
      const asking = this.#connections.by(proxy).request(this.#request(call, url, authorization));
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
  close(): Promise<void> {
    return this.#connections.close();
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

/** Read only where they are asked for: to make `Headers` of all of them took a tenth of a small request's processor time. */
function headersOf(raw: Dispatcher.ResponseData['headers']): AnswerHeaders {
  const get = (name: string): string | null => {
    const value = raw[name.toLowerCase()];
    return value === undefined ? null : all(value).join(', ');
  };
  return { get, has: (name) => get(name) !== null };
}

function all(value: string | string[] | undefined): string[] {
  return [value ?? []].flat();
}
