import { once } from 'node:events';
import * as http from 'node:http';
import { pipeline } from 'node:stream';
import type { Ending } from '../support/temporary.ts';

/** A request that passed, and its answer's status; 0 as long as there is none. */
export interface Passage {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  status: number;
  /** What the answer says was written or read. */
  digest?: string | undefined;
}

/** Stands before a registry, passes everything on as it is, and writes down what passes. */
export async function startWitness(
  t: Ending,
  upstream: string,
): Promise<{ url: string; passages: readonly Passage[] }> {
  const passages: Passage[] = [];
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const { pathname, searchParams } = new URL(url, upstream);
    const passage: Passage = { method, path: pathname, query: searchParams, status: 0 };
    passages.push(passage);
    // `Host` stays, so that each `Location` leads back here.
    const request = http.request(new URL(url, upstream), { method, headers, agent }, (answer) => {
      passage.status = answer.statusCode ?? 0;
      passage.digest = String(answer.headers['docker-content-digest']);
      outgoing.writeHead(passage.status, answer.headers);
      pipeline(answer, outgoing, () => undefined);
    });
    // Whichever side breaks off, the other one learns of it.
    pipeline(incoming, request, () => undefined);
    request.on('error', () => outgoing.destroy());
    outgoing.on('close', () => request.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
    agent.destroy();
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, passages };
}
