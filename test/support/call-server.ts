import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Answer, Call, RequestRecord } from '../../src/demo/registry/call.ts';
import { refusalOf } from '../../src/demo/registry/error.ts';
import { callOf, send } from '../../src/demo/registry/exchange.ts';
import { Faults } from './fault.ts';
import type { Ending } from './temporary.ts';

/** A server that stands beside a registry: answers calls, remembers them, meets faults. Closed with the test. */
export interface CallServer {
  readonly url: string;
  /** All that came in; a server that runs for long is emptied from time to time. */
  readonly requests: RequestRecord[];
  readonly faults: Faults;
}

/** PEM texts. */
export interface Tls {
  key: string;
  cert: string;
}

export async function startCallServer(
  t: Ending,
  answer: (call: Call) => Answer | Promise<Answer>,
  tls?: Tls,
): Promise<CallServer> {
  const scheme = tls ? 'https' : 'http';
  const requests: RequestRecord[] = [];
  const faults = new Faults();
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { call, record } = callOf(incoming, scheme);
    requests.push(record);
    const given = await faults.misbehave(call, async () => answer(call)).catch(refusalOf);
    if (given === 'reset') return call.reset();
    await send(given, response, record).catch(() => call.reset());
  };
  const listener = (...exchange: Parameters<typeof serve>) => void serve(...exchange);
  const options = { requestTimeout: 0, ...tls };
  const server = tls ? createTlsServer(options, listener) : createServer(options, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return {
    url: `${scheme}://127.0.0.1:${typeof address === 'object' ? address?.port : address}`,
    requests,
    faults,
  };
}
