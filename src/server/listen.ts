import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import type { Clock } from '../clock.ts';

export interface ListenOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  /** PEM. */
  tls?: { cert: string; key: string };
  clock: Clock;
  timeouts?: Partial<Timeouts>;
}

/** Milliseconds. */
export interface Timeouts {
  /** For a request's headers. */
  headers: number;
  /** For a whole request. Harbor gives up after 3 s. */
  request: number;
  /** Between two requests. Longer than the usual 60 s of load balancers, which then never race with us. */
  keepAlive: number;
  /** How often the first two are looked at. */
  check: number;
}

export interface Listening {
  url: string;
  port: number;
  /** Another certificate, PEM, for new connections; only of a server that has one. Throws where the key is not its own. */
  show(pair: { cert: string; key: string }): void;
  /** Takes no more connections and resolves when every request is answered, or cut off after `grace` ms. */
  close(grace: number): Promise<void>;
}

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

const defaults: Timeouts = { headers: 10_000, request: 30_000, keepAlive: 75_000, check: 5_000 };

/** Throws `ListenError`. */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listening> {
  const server = createHttpServer(options);
  const close = closing(server, options.clock);
  server.on('request', handler);
  await bind(server, options);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const host = isIPv6(options.host) ? `[${options.host}]` : options.host;
  const show: Listening['show'] = (pair) => {
    if (server instanceof TlsServer) server.setSecureContext(pair);
  };
  return { url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`, port, show, close };
}

function createHttpServer({ tls, timeouts }: ListenOptions): Server {
  const { headers, request, keepAlive, check } = { ...defaults, ...timeouts };
  const limits = {
    headersTimeout: headers,
    requestTimeout: request,
    keepAliveTimeout: keepAlive,
    connectionsCheckingInterval: check,
  };
  return tls === undefined ? createServer(limits) : createTlsServer({ ...limits, ...tls });
}

async function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const what = `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ListenError(`${what}; stop what listens there, or change server.listen`, { cause });
  }
}

/**
 * Node closes idle connections by itself. A busy one would stay open after its answer, for its client to send
 * more: the answers still to come, and those to requests that arrive meanwhile, say that it closes.
 */
function closing(server: Server, clock: Clock): Listening['close'] {
  const open = new Set<ServerResponse>();
  server.on('request', (_request, response) => {
    open.add(response);
    response.once('close', () => open.delete(response));
    if (!server.listening) endConnection(response);
  });

  return async function close(grace) {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const response of open) endConnection(response);
    const patience = clock.after(grace, () => server.closeAllConnections());
    await closed;
    patience.cancel();
  };
}

function endConnection(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}
