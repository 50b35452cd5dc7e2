import { buffer } from 'node:stream/consumers';
import { type Answer, type Call, type Misbehaviour, json } from '../../src/demo/registry/call.ts';

/*
 * Faults for an embedded registry, here and in connection-fault.ts, token-fault.ts and storage.ts:
 *
 *   const faults = new Faults();
 *   const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
 *   faults.once(/^GET .*\/blobs\//, rateLimited('1'));
 *   faults.times(2, /^PATCH /, reset);
 *   faults.always(/^HEAD .*\/manifests\//, withoutDigest);
 *   …
 *   assert.equal(faults.pending, 0);        // every fault that was to be met has been met
 *
 * The expression is tried on `METHOD /path?query`, of the token endpoint (`GET /token?…`) too. The oldest
 * fault that fits and has uses left takes the request. A fault of your own is `async (call, next) => …`:
 * change `call.query` and `call.headers` before `next()`, the answer after it, wait for a promise, answer
 * without `next()`, or return 'reset'. `registry.requests` has what came in.
 */
export class Faults {
  #rules: { expression: RegExp; fault: Misbehaviour; left: number }[] = [];

  /** For the registry's options. */
  readonly misbehave: Misbehaviour = (call, next) => {
    const query = call.query.toString();
    const line = `${call.method} ${call.path}${query === '' ? '' : `?${query}`}`;
    const rule = this.#rules.find(({ expression, left }) => left > 0 && expression.test(line));
    if (!rule) return next();
    rule.left--;
    return rule.fault(call, next);
  };

  once(expression: RegExp, fault: Misbehaviour): void {
    this.times(1, expression, fault);
  }

  times(count: number, expression: RegExp, fault: Misbehaviour): void {
    this.#rules.push({ expression, fault, left: count });
  }

  always(expression: RegExp, fault: Misbehaviour): void {
    this.times(Number.POSITIVE_INFINITY, expression, fault);
  }

  /** How often faults of `once` and `times` are still to be met. */
  get pending(): number {
    return this.#rules.filter(({ left }) => left !== Infinity).reduce((sum, { left }) => sum + left, 0);
  }

  clear(): void {
    this.#rules = [];
  }
}

// Answers instead of the registry's.

export function answer(status: number, headers: Answer['headers'] = {}, body = ''): Misbehaviour {
  return async () => ({ status, headers: { ...headers }, body: Buffer.from(body) });
}

export function registryError(
  status: number,
  code: string,
  message: string,
  headers: Answer['headers'] = {},
): Misbehaviour {
  return async () => json(status, { errors: [{ code, message, detail: null }] }, headers);
}

/** `after` is the text of `Retry-After`: seconds or a date. */
export function rateLimited(after: string): Misbehaviour {
  return registryError(429, 'TOOMANYREQUESTS', 'too many requests', { 'retry-after': after });
}

export function unavailable(after?: string): Misbehaviour {
  return registryError(503, 'UNAVAILABLE', 'try later', after === undefined ? {} : { 'retry-after': after });
}

/** What a proxy in between says. */
export function html(status: number): Misbehaviour {
  return answer(status, { 'content-type': 'text/html' }, '<html><body><h1>Bad Gateway</h1></body></html>');
}

export function hugeBody(status: number, bytes = 10 * 1024 * 1024): Misbehaviour {
  return answer(status, { 'content-type': 'application/json' }, `{"errors":[${' '.repeat(bytes)}]}`);
}

export function redirect(location: string, status = 307): Misbehaviour {
  return answer(status, { location });
}

/** The registry has forgotten the upload session. */
export const uploadLost = registryError(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');

// The registry's answer, changed. A fault made of a change lets errors pass as they are, where it matters.

export function change(edit: (answer: Answer, call: Call) => Answer | Promise<Answer>): Misbehaviour {
  return async (call, next) => edit(await next(), call);
}

/** A body in one or many pieces. */
export async function* stream(body: Uint8Array | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
}

/** Header names in lower case; `undefined` removes one. */
export type HeaderChanges = Record<string, string | string[] | undefined>;

export function setHeaders(changes: HeaderChanges): Misbehaviour {
  return change((given) => ({ ...given, headers: merged(given.headers, changes) }));
}

export function merged(headers: Answer['headers'], changes: HeaderChanges): Answer['headers'] {
  const all = Object.entries({ ...headers, ...changes });
  return Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

export const withoutDigest = setHeaders({ 'docker-content-digest': undefined });
export const wrongDigest = setHeaders({ 'docker-content-digest': `sha256:${'0'.repeat(64)}` });
/** A layer is gzip already; this says so at a place where clients unpack. */
export const gzipEncoded = setHeaders({ 'content-encoding': 'gzip' });
/** An upload that says it has received nothing, or one byte: `0-0` means both. */
export const rangeStuck = setHeaders({ range: '0-0' });

export const typeWithParameters = change((given) => {
  const type = String(given.headers['content-type']);
  return { ...given, headers: { ...given.headers, 'content-type': `${type}; charset=utf-8` } };
});

/** Rewrites `Location` where there is one. */
export function location(rewrite: (location: URL) => string): Misbehaviour {
  return change((given, call) => {
    const { location: old } = given.headers;
    if (typeof old !== 'string') return given;
    return { ...given, headers: { ...given.headers, location: rewrite(new URL(old, call.origin)) } };
  });
}

export const relativeLocation = location(({ pathname, search }) => pathname + search);

/** Sends the client to another host, e.g. `http://127.0.0.1:1234`. */
export function foreignLocation(origin: string): Misbehaviour {
  return location(({ pathname, search }) => origin + pathname + search);
}

/** Edits the members of a JSON answer. */
export function editJson(edit: (document: Record<string, unknown>) => object): Misbehaviour {
  return change(async (given) => {
    if (given.status !== 200 || given.body === undefined) return given;
    const { 'content-length': _, ...headers } = given.headers;
    const document: unknown = JSON.parse((await buffer(stream(given.body))).toString());
    return json(given.status, edit(Object(document)), headers);
  });
}

export const tagsNull = editJson((document) => ({ ...document, tags: null }));

export function withTags(...more: string[]): Misbehaviour {
  return editJson((document) => ({ ...document, tags: [document['tags'], more].flat() }));
}

/** A list's link to its next page, e.g. to another host or to itself. */
export function link(target: string): Misbehaviour {
  return setHeaders({ link: `<${target}>; rel="next"` });
}

// What the client asked, changed.

/** The registry does not mount: it begins an upload. */
export const mountIgnored: Misbehaviour = (call, next) => {
  call.query.delete('mount');
  return next();
};

/** The whole blob, whatever was asked. */
export const rangeIgnored: Misbehaviour = (call, next) => {
  delete call.headers.range;
  return next();
};
