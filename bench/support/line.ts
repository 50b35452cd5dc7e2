import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import type { Stand } from './stand.ts';

/** A longer way to a server: TCP, with a delay in each direction that keeps order and takes nothing from the bandwidth. */
export interface Line {
  /** As the server's address, but for the port. */
  readonly url: string;
  /** Milliseconds; it may be changed between connections. */
  roundTrip: number;
}

export async function startLine(stand: Stand, target: string, roundTrip: number): Promise<Line> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket.once('close', () => sockets.delete(socket)));
      socket.on('error', () => [near, far].forEach((either) => either.destroy()));
    }
    // The connection itself would take a round trip before a byte is sent.
    setTimeout(() => delay(near, far, line.roundTrip / 2), line.roundTrip);
    delay(far, near, line.roundTrip / 2);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stand.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  const here = new URL(target);
  here.port = String(typeof address === 'object' ? address?.port : '');
  const line: Line = { url: here.href.replace(/\/$/, ''), roundTrip };
  return line;
}

/** Timers of the same length fire in the order in which they were set. */
function delay(from: Socket, to: Socket, ms: number): void {
  from.on('data', (chunk) => setTimeout(() => to.write(chunk), ms));
  from.on('end', () => setTimeout(() => to.end(), ms));
}
