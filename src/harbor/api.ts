import type { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { Gate } from './gate.ts';

/** A call of the REST API, in the words of the registry's client. */
export interface ApiCall {
  method: 'GET';
  url: URL;
  scopes: readonly string[];
  /** The credential itself: the API takes no token of the registry. */
  auth: 'basic';
  headers: Record<string, string>;
  expect: readonly number[];
  signal: AbortSignal | undefined;
}

/**
 * Sends a call and reads its answer whole, at most `cap` bytes, within the registry's budget of requests. Throws
 * `RegistryError`. It never leaves the registry's own origin; no cookie is kept.
 */
export type Send = (call: ApiCall, cap: number) => Promise<{ headers: Headers; bytes: Uint8Array }>;

export interface Answer<T> {
  value: T;
  headers: Headers;
  /** Scheme, host and path, for messages. */
  shown: string;
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
    const url = new URL(`/api/v2.0${path}`, this.#origin);
    url.search = new URLSearchParams(query).toString();
    const { bytes, headers } = await this.#gate.pass(() => this.#ask(url, signal), signal);
    const shown = `${url.origin}${url.pathname}`;
    return { value: read(bytes, shape, shown), headers, shown };
  }

  #ask(url: URL, signal: AbortSignal | undefined): ReturnType<Send> {
    const headers = {
      accept: 'application/json',
      // Else a project whose name is a number is taken for the one with that id.
      'x-is-resource-name': 'true',
    };
    return this.#send({ method: 'GET', url, scopes: [], auth: 'basic', headers, expect: [200], signal }, cap);
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
