import type { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { Gate } from './gate.ts';

/** A call of the REST API, in the words of the registry's client. */
export interface ApiCall {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: URL;
  scopes: readonly string[];
  /** The credential itself: the API takes no token of the registry. */
  auth: 'basic';
  headers: Record<string, string>;
  body?: Uint8Array;
  expect: readonly number[];
  /** A redirect is an answer. */
  stay?: true;
  /** Not tried again. */
  once?: true;
  signal: AbortSignal | undefined;
}

/** What may be asked of an answer's headers. */
export type AnswerHeaders = Pick<Headers, 'get' | 'has'>;

/**
 * Sends a call and reads its answer whole, at most `cap` bytes, within the registry's budget of requests. Throws
 * `RegistryError`. It never leaves the registry's own origin; no cookie is kept.
 */
export type Send = (
  call: ApiCall,
  cap: number,
) => Promise<{ status: number; headers: AnswerHeaders; bytes: Uint8Array }>;

export interface Answer<T> {
  value: T;
  headers: AnswerHeaders;
  /** Scheme, host and path, for messages. */
  shown: string;
}

export interface Written {
  method: 'POST' | 'PUT' | 'DELETE';
  path: string;
  body?: object;
  /** Statuses that mean that it is as it should be. */
  expect: readonly number[];
}

/** Harbor answers lists from a database that has other things to do; large ones have needed seconds for a page. */
const inFlight = 3;

/** Bytes of an answer. A hundred artifacts take 140 kB, but one artifact may have any number of tags. */
const cap = 32 * 1024 * 1024;

/** Harbor's REST API v2.0: https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml */
export class Api {
  readonly #send: Send;
  readonly #origin: URL;
  readonly #gate = new Gate(inFlight);

  /** `origin` of the registry. */
  constructor(send: Send, origin: URL) {
    this.#send = send;
    this.#origin = origin;
  }

  /** `path` below `/api/v2.0`, encoded. */
  async get<Shape extends z.ZodType>(
    path: string,
    query: Record<string, string>,
    shape: Shape,
    signal: AbortSignal | undefined,
  ): Promise<Answer<z.output<Shape>>> {
    const url = this.#urlOf(path, query);
    const { bytes, headers } = await this.#pass({ method: 'GET', url, expect: [200], signal });
    const shown = `${url.origin}${url.pathname}`;
    return { value: read(bytes, shape, shown), headers, shown };
  }

  /** Whatever stands at `path`, which may have a query, as text. A redirect is an answer if its status is expected. */
  async look(
    path: string,
    expect: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; headers: AnswerHeaders; text: string }> {
    const url = new URL(`/api/v2.0${path}`, this.#origin);
    const call = { method: 'GET', url, expect, stay: true, signal } as const;
    const { bytes, ...answer } = await this.#pass(call);
    return { ...answer, text: Buffer.from(bytes).toString() };
  }

  /** What would make a second one, if it was carried out and its answer was lost, is not sent again. */
  async write({ method, path, body, expect }: Written, signal: AbortSignal | undefined): Promise<void> {
    await this.#pass({
      method,
      url: this.#urlOf(path),
      ...(body && { body: Buffer.from(JSON.stringify(body)) }),
      ...(method === 'POST' && { once: true }),
      expect,
      signal,
    });
  }

  #urlOf(path: string, query: Record<string, string> = {}): URL {
    const url = new URL(`/api/v2.0${path}`, this.#origin);
    url.search = new URLSearchParams(query).toString();
    return url;
  }

  #pass(call: Omit<ApiCall, 'scopes' | 'auth' | 'headers'>): ReturnType<Send> {
    const headers = {
      accept: 'application/json, text/plain',
      ...(call.body && { 'content-type': 'application/json' }),
      // Else a project whose name is a number is taken for the one with that id.
      'x-is-resource-name': 'true',
    };
    const whole = { ...call, scopes: [], auth: 'basic', headers } as const;
    return this.#gate.pass(() => this.#send(whole, cap), call.signal);
  }
}

function read<Shape extends z.ZodType>(bytes: Uint8Array, shape: Shape, shown: string): z.output<Shape> {
  const result = shape.safeParse(parse(bytes, shown));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join('.') || 'answer';
  throw new RegistryError(
    'protocol',
    `GET ${shown}: ${path}: ${issue?.message ?? 'not valid'}; is this Harbor?`,
  );
}

/** Of what began as JSON nothing is quoted, nor its cause kept, which quotes: a policy has secrets in it. */
function parse(bytes: Uint8Array, shown: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    const start = Buffer.from(bytes.subarray(0, 40))
      .toString()
      .replace(/[^ -~]/g, '.');
    const got = /^\s*[[{]/.test(start) ? `${bytes.length} bytes of a broken one` : `"${start}"`;
    throw new RegistryError('protocol', `GET ${shown}: expected JSON, got ${got}; is this Harbor?`);
  }
}
