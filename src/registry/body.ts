import type { Readable } from 'node:stream';
import { OversizedError, RegistryError } from '../copy/error.ts';
import { isObject, type JsonObject } from '../oci/json.ts';
import { printable } from '../printable.ts';
import { maskOf } from './mask.ts';

/** Caps on everything that is read into memory, in bytes. */
export const caps = {
  /** Error and token bodies. */
  small: 64 * 1024,
  /** Manifests: registries must take 4 MiB, some serve more. */
  manifest: 8 * 1024 * 1024,
  /** A page of tags or repositories; some registries do not page. */
  list: 32 * 1024 * 1024,
} as const;

/** The whole body, or `undefined` when it is longer than the cap; then the connection is dropped. */
export async function readCapped(body: Readable, cap: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('expected bytes');
    length += chunk.length;
    // Leaving the loop destroys the stream.
    if (length > cap) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** As `readCapped`, for a body that must fit. */
export async function readWhole(body: Readable, cap: number, url: string): Promise<Buffer> {
  const bytes = await readCapped(body, cap);
  if (bytes !== undefined) return bytes;
  throw new OversizedError(`${url} answered more than ${cap} bytes where less was expected`);
}

/** A JSON object; anything else is the registry's mistake. */
export function parseObject(bytes: Uint8Array, url: string): JsonObject {
  const start = Buffer.from(bytes.subarray(0, 40))
    .toString()
    .replace(/[^ -~]/g, '.');
  return objectOf(bytes, url, `"${start}"`);
}

/** As `parseObject`, without a word of what came instead: in the wrong form it may be a token all the same. */
export function parseSecret(bytes: Uint8Array, url: string): JsonObject {
  return objectOf(bytes, url, `${bytes.length} bytes of something else`);
}

function objectOf(bytes: Uint8Array, url: string, got: string): JsonObject {
  const value = parseJson(bytes);
  if (isObject(value)) return value;
  throw new RegistryError('protocol', `${url}: expected a JSON object, got ${got}`);
}

/**
 * The first error that a body names, as far as it is one: registries answer HTML, text and nothing, too. `mask` takes
 * out what may not be repeated, before anything is cut off.
 */
export function parseErrors(
  bytes: Uint8Array | undefined,
  mask: (text: string) => string,
): { code?: string; message?: string } {
  const value = bytes === undefined ? undefined : parseJson(bytes);
  const errors: unknown = isObject(value) ? value.errors : undefined;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (!isObject(first)) return {};
  return {
    ...(typeof first.code === 'string' && { code: printable(mask(first.code), 64) }),
    ...(typeof first.message === 'string' && { message: printable(mask(first.message), 300) }),
  };
}

const absent = /^(MANIFEST_UNKNOWN|NAME_UNKNOWN|NOT_FOUND)$/i;

/**
 * Fails unless a 404 is the registry's own word that there is nothing: a proxy answers 404, too, while the registry
 * behind it restarts.
 */
export function believeAbsent(bytes: Uint8Array, url: string): void {
  if (absent.test(parseErrors(bytes, maskOf(undefined)).code ?? '')) return;
  const message = `GET ${url}: expected an answer, or 404 with a registry's error of an unknown name, got 404 without one; is a proxy answering for it?`;
  throw new RegistryError('unreachable', message, { status: 404 });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined; // Not JSON is an answer like any other: the callers say what it means.
  }
}
