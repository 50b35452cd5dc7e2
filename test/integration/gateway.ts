import { once } from 'node:events';
import * as http from 'node:http';
import { pipeline } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Ending } from '../support/temporary.ts';

export interface Gateway {
  readonly url: string;
  /** Bytes of bodies that came in. */
  readonly received: number;
  /** Breaks the connection by which the last of so many more bytes come. */
  cut(bytes: number): void;
  /** Resolves as soon as so many bytes have come in all, before any more are read. */
  reached(bytes: number): Promise<void>;
}

/**
 * Stands before a registry and counts what is sent to it. `whole` takes each request whole before it passes it on, as
 * nginx does unless told otherwise: what is cut never reaches the registry.
 */
export async function startGateway(
  t: Ending,
  upstream: string,
  { whole = false }: { whole?: boolean } = {},
): Promise<Gateway> {
  const agent = new http.Agent({ keepAlive: true });
  let received = 0;
  let cutAt = Infinity;
  const awaited = { bytes: Infinity, ...Promise.withResolvers<void>() };
  const server = http.createServer({ requestTimeout: 0 }, (incoming, outgoing) => {
    incoming.on('error', () => undefined);
    incoming.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received >= awaited.bytes) awaited.resolve();
      if (received < cutAt) return;
      cutAt = Infinity;
      incoming.socket.resetAndDestroy();
    });
    if (!whole) return forward(incoming, incoming, outgoing);
    buffer(incoming).then(
      (body) => forward(body, incoming, outgoing),
      () => outgoing.destroy(),
    );
  });
  const forward = (
    body: Buffer | http.IncomingMessage,
    { method = 'GET', url = '/', headers }: http.IncomingMessage,
    outgoing: http.ServerResponse,
  ) => {
    // `Host` stays, so that each `Location` leads back here.
    const request = http.request(new URL(url, upstream), { method, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
      pipeline(answer, outgoing, () => undefined);
    });
    request.on('error', () => outgoing.destroy());
    outgoing.on('close', () => request.destroy());
    if (body instanceof Buffer) request.end(body);
    else pipeline(body, request, () => undefined);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
    agent.destroy();
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    get received() {
      return received;
    },
    cut: (bytes) => void (cutAt = received + bytes),
    reached: (bytes) => {
      awaited.bytes = bytes;
      return awaited.promise;
    },
  };
}
