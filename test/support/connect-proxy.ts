import { once } from 'node:events';
import * as http from 'node:http';
import { type Socket, connect } from 'node:net';
import type { Ending } from './temporary.ts';

export interface ConnectProxy {
  /** `HOST:PORT` */
  readonly host: string;
  /** What it was asked for: `CONNECT registry.example:443`, `GET http://registry.example/v2/`. */
  readonly requests: string[];
}

/**
 * An HTTP proxy that knows one name, `registry.example`, whatever the port, as the server at `target` (`HOST:PORT`). With
 * a credential (`USER:PASSWORD`) it refuses whoever does not show it. Without a target it never answers.
 */
export async function startConnectProxy(
  t: Ending,
  target: string | undefined,
  credential?: string,
): Promise<ConnectProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const shown = credential && `Basic ${Buffer.from(credential).toString('base64')}`;
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.headers['proxy-authorization'] !== shown) return void response.writeHead(407).end();
    const { pathname, search } = new URL(request.url ?? '');
    const { method, headers } = request;
    const onward = http.request(`http://${target}${pathname}${search}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.on('connect', (request: http.IncomingMessage, socket: Socket) => {
    requests.push(`CONNECT ${request.url}`);
    socket.on('error', () => undefined);
    if (target === undefined) return;
    if (request.headers['proxy-authorization'] !== shown)
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    if (!request.url?.startsWith('registry.example:'))
      return void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const [host = '', port = ''] = target.split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    sockets.add(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return { host: `127.0.0.1:${typeof address === 'object' ? address?.port : address}`, requests };
}
