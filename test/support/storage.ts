import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type Answer, type Misbehaviour, type RequestRecord, empty } from '../../src/demo/registry/call.ts';
import { callOf, send } from '../../src/demo/registry/exchange.ts';
import type { Ending } from './temporary.ts';

/**
 * The host on which a registry keeps its blobs: reached by a redirect with a signed URL, and refusing every
 * request that brings an `Authorization` as well, as object storage does.
 */
export interface Storage {
  readonly url: string;
  readonly requests: readonly RequestRecord[];
  /** A fault for blob GETs: the registry answers with a redirect to here. */
  readonly redirect: Misbehaviour;
  /** Where, once, the answer can be had. */
  park(answer: Answer): string;
}

export async function startStorage(t: Ending): Promise<Storage> {
  const requests: RequestRecord[] = [];
  const parked = new Map<string, Answer>();
  const server = createServer((incoming, response) => {
    const { call, record } = callOf(incoming, 'http');
    requests.push(record);
    const answer = record.authorization === 'none' ? parked.get(call.path) : twoAuthorizations;
    send(answer ?? empty(403), response, record).catch(() => call.reset());
  });
  const url = await listen(t, server);
  const park = (answer: Answer) => {
    const path = `/blob-${parked.size}`;
    parked.set(path, answer);
    return `${url}${path}?Expires=1900000000&Signature=secret`;
  };
  const redirect: Misbehaviour = async (_call, next) => {
    const answer = await next();
    if (answer.status !== 200 && answer.status !== 206) return answer;
    return empty(307, { location: park(answer) });
  };
  return { url, requests, redirect, park };
}

const twoAuthorizations: Answer = {
  status: 400,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(
    '<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>',
  ),
};

/** Listens on a free port until the test ends, and gives the URL. */
export async function listen(t: Ending, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`;
}
