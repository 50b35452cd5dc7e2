import type { Readable } from 'node:stream';
import type { Urgency } from './urgency.ts';

/** One request as the protocol's steps see it. */
export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  url: URL;
  /** What the token must allow, the needed scope first. */
  scopes: readonly string[];
  /** `basic`: the credential itself, where a token is not taken. */
  auth?: 'basic';
  headers?: Record<string, string>;
  /** Bytes are sent again when tried again; a stream is sent once, and its failures are the caller's. */
  body?: Uint8Array | Readable;
  /** Statuses that are answers to this call; every other one is an error. */
  expect: readonly number[];
  /** Milliseconds to wait for the answer's head; default `idleTimeout`. */
  patience?: number;
  /** Who is waited for; default a pushed tag. */
  urgency?: Urgency;
  /** Of the blob that is read or written, in bytes. */
  size?: number;
  /** A redirect is an answer like others, and not followed. */
  stay?: true;
  /** Not tried again, whatever the failure. */
  once?: true;
  signal?: AbortSignal | undefined;
}

export type AnswerHeaders = Pick<Headers, 'get' | 'has'>;

export interface Answer {
  status: number;
  headers: AnswerHeaders;
  /** The texts of each `WWW-Authenticate`. */
  challenges: readonly string[];
  /** Where it came from, after redirects. */
  url: URL;
  body: Readable;
}

/** Whether the body can be had only once. */
export function isStreamed({ body }: Call): boolean {
  return body !== undefined && !(body instanceof Uint8Array);
}
