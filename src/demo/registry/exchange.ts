import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer, Call, RequestRecord } from './call.ts';

/** Node's request as a call, and what to remember of it. */
export function callOf(incoming: IncomingMessage, scheme: string): { call: Call; record: RequestRecord } {
  // The message lets go of its socket when it is destroyed.
  const { socket } = incoming;
  const origin = `${scheme}://${incoming.headers.host ?? 'localhost'}`;
  const url = new URL(incoming.url ?? '/', origin);
  const method = incoming.method ?? 'GET';
  const authorization = schemeOf(incoming.headers.authorization);
  const record = {
    method,
    path: url.pathname,
    query: url.search,
    authorization,
    status: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
  const call = {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: counted(incoming, (length) => (record.bytesIn += length)),
    origin,
    reset: () => void socket.resetAndDestroy(),
  };
  return { call, record };
}

function schemeOf(authorization: string | undefined): RequestRecord['authorization'] {
  if (authorization === undefined) return 'none';
  const scheme = authorization.slice(0, authorization.indexOf(' ')).toLowerCase();
  return scheme === 'basic' || scheme === 'bearer' ? scheme : 'other';
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  count: (length: number) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    count(chunk.length);
    yield chunk;
  }
}

/** Writes the answer. Throws when its body throws, or when the client has gone. */
export async function send(answer: Answer, response: ServerResponse, record: RequestRecord): Promise<void> {
  const { status, headers, body } = answer;
  record.status = status;
  if (body instanceof Uint8Array) headers['content-length'] ??= `${body.length}`;
  response.writeHead(status, { 'docker-distribution-api-version': 'registry/2.0', ...headers });
  if (body === undefined || record.method === 'HEAD') response.end();
  else if (body instanceof Uint8Array) {
    record.bytesOut = body.length;
    response.end(body);
  } else await stream(body, response, record);
}

async function stream(
  body: AsyncIterable<Uint8Array>,
  response: ServerResponse,
  record: RequestRecord,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  for await (const chunk of body) {
    record.bytesOut += chunk.length;
    if (!response.write(chunk)) await once(response, 'drain', { signal: gone.signal });
  }
  response.end();
}
