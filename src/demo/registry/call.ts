import type { IncomingHttpHeaders } from 'node:http';

/** One request as handlers and misbehaviours see it. `query` and `headers` may be changed on the way. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Read at most once. Fails when the client goes away. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Scheme, host and port by which the client reached this registry. */
  readonly origin: string;
  /** Resets the connection at once, whatever has been sent of an answer. */
  reset(): void;
}

/**
 * What to send. Header names are in lower case. A body in memory gets its `content-length` here, unless the
 * headers say otherwise; a body that throws breaks the connection.
 */
export interface Answer {
  status: number;
  headers: Record<string, string | string[]>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Stands between the client and the registry: answers itself, or changes what goes in or comes out. */
export type Misbehaviour = (call: Call, next: () => Promise<Answer>) => Promise<Answer | 'reset'>;

/** What the registry remembers of a request. */
export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  /** With its question mark; empty when there is none. */
  readonly query: string;
  /** The scheme of `Authorization`; never the credential. */
  readonly authorization: 'none' | 'basic' | 'bearer' | 'other';
  /** 0 until an answer is there, and for good when the connection was reset instead. */
  status: number;
  /** Bytes of the bodies so far. */
  bytesIn: number;
  bytesOut: number;
}

export function empty(status: number, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'content-length': '0', ...headers } };
}

export function json(status: number, value: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}
