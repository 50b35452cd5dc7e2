import * as http from 'node:http';
import * as https from 'node:https';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { authorities } from './certificate.ts';

export interface Sent {
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: Uint8Array | Iterable<Uint8Array> | undefined;
}

export interface Received {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/**
 * One request by Node's own client, so that what the tests compare with does not depend on the product's.
 * Follows nothing, retries nothing. `https` trusts what the tests have made.
 */
export async function send(
  url: string | URL,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<Received> {
  const answered = Promise.withResolvers<http.IncomingMessage>();
  const request = await open(new URL(url), { method, headers }, answered.resolve);
  request.on('error', answered.reject);
  if (body === undefined || body instanceof Uint8Array) request.end(body);
  // A server may answer before the body is out, and break it off: then the answer counts.
  else pipeline(body, request).catch(answered.reject);
  const answer = await answered.promise;
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}

async function open(
  url: URL,
  options: http.RequestOptions,
  answered: (answer: http.IncomingMessage) => void,
): Promise<http.ClientRequest> {
  if (url.protocol === 'http:') return http.request(url, { ...options, agent: false }, answered);
  return https.request(url, { ...options, agent: false, ca: await authorities() }, answered);
}

/** What a server answered is not what the test's preparation needs. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';

  constructor(what: string, expected: number, got: Received) {
    super(`${what}: expected ${expected}, got ${got.status}: ${got.body.toString('utf8', 0, 500)}`);
  }
}
