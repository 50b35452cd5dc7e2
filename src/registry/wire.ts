import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Answer, Call } from './call.ts';
import { unanswered } from '../copy/unanswered.ts';
import { shown } from './url.ts';

export interface WireOptions {
  /** PEM; instead of Node's own. */
  ca?: readonly string[] | undefined;
  insecureSkipVerify: boolean;
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
  readonly #agent: Agent;

  constructor(options: WireOptions, connections: number) {
    this.#options = options;
    this.#agent = newAgent(options, connections);
  }

  async exchange(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    const { onRequest } = this.#options;
    try {
      const answer = await this.#agent.request(this.#request(call, url, authorization));
      onRequest(call.method, answer.statusCode);
      const { headers: raw, statusCode: status, body } = answer;
      return { status, headers: headersOf(raw), challenges: all(raw['www-authenticate']), url, body };
    } catch (error) {
      call.signal?.throwIfAborted();
      onRequest(call.method, 0);
      throw unanswered(`${call.method} ${shown(url)}`, error);
    }
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#agent.destroy();
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

function newAgent(options: WireOptions, connections: number): Agent {
  return new Agent({
    // One connection is one congestion window: several serve big blobs better than streams in one.
    allowH2: false,
    pipelining: 1,
    connections,
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
  for (const [name, value] of Object.entries(raw)) for (const one of all(value)) headers.append(name, one);
  return headers;
}

function all(value: string | string[] | undefined): string[] {
  return [value ?? []].flat();
}
