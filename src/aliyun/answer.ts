import { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { printable } from '../printable.ts';
import { refused } from './error.ts';
import type { Action } from './error.ts';

/** Bytes. A page of 100 tags has some 50 KiB. */
const cap = 4 * 1024 * 1024;

/** Around every answer, right or wrong. `Code` is `success` in lower case where others have no code. */
const envelope = z.object({
  IsSuccess: z.unknown(),
  Code: z.string().optional().catch(undefined),
  Message: z.string().optional().catch(undefined),
  RequestId: z.string().optional().catch(undefined),
});

/** The whole body as text; throws when there is more of it than any answer has. */
export async function readAnswer(body: AsyncIterable<Uint8Array>, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    // Leaving the loop drops the connection.
    if (length > cap) throw new RegistryError('protocol', `${url} answered more than ${cap} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString();
}

/** What came back: to which call, from where (without its query). */
export interface Answered {
  action: Action;
  parameters: Readonly<Record<string, string>>;
  url: string;
  status: number;
  text: string;
  /** Takes out what is secret of the request, should a server repeat it. */
  mask: (text: string) => string;
}

/** The answer's members, if it says by status, `IsSuccess` and `Code` alike that it is a success. */
export function successOf<T>(answered: Answered, schema: z.ZodType<T>): T {
  const { action, parameters, url, status, text, mask } = answered;
  const value = jsonIn(text);
  const said = envelope.safeParse(value);
  if (status === 200 && !said.success) {
    const start = printable(mask(text), 40);
    throw new RegistryError('protocol', `${action} at ${url}: expected a JSON object, got "${start}"`);
  }
  const { IsSuccess, Code, Message, RequestId } = said.data ?? { IsSuccess: false };
  if (status !== 200 || IsSuccess !== true || (Code ?? 'success').toLowerCase() !== 'success') {
    const code = Code && printable(mask(Code), 64);
    const message = Message && printable(mask(Message), 300);
    const requestId = RequestId && printable(mask(RequestId), 64);
    throw refused({ action, parameters, url, status, code, message, requestId });
  }
  const members = schema.safeParse(value);
  if (members.success) return members.data;
  throw unexpected(`${action} at ${url}`, members.error);
}

/** The error for an answer without what it should hold. Its words name members and types, never values: one may be a secret. */
export function unexpected(call: string, error: z.ZodError): RegistryError {
  const wrong = z.prettifyError(error).replace(/\s+/g, ' ').slice(0, 300);
  return new RegistryError('protocol', `${call} answered something unexpected: ${wrong}`);
}

/** `undefined` where the text is no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON is an answer like any other: a proxy's page, say.
  }
}
