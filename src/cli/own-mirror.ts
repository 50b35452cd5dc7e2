import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';

/** What the mirror of a configuration has answered, or why there is no answer; no `why`: nothing listens there. */
export type Answered = { body: unknown } | { why: string | undefined };

/** Milliseconds: longer than a mirror takes to explain. */
const patience = 10_000;

/** Bytes of an answer, far above what ten thousand rules make. */
const longest = 32 * 1024 * 1024;

/** What a mirror says to whoever comes without a token, and nobody else as a rule. */
const asksForToken = /admin\.tokens/;

interface Place {
  host: string;
  port: number;
  tls: Config['server']['tls'];
}

/** GETs a path below `/api/v1/` of the mirror that listens where the configuration says. Never fails. */
export async function askOwnMirror({ server, admin }: Config, path: string): Promise<Answered> {
  const { listen, tls } = server;
  const [token] = admin.tokens;
  if (token === undefined) return { why: '`admin.tokens` is empty: a mirror that runs cannot be asked' };
  if (listen.port === 0) return { why: '`server.listen` has port 0: where a mirror listens is not known' };
  const place = { host: loopbackOf(listen.host), port: listen.port, tls };
  const name = `${tls ? 'https' : 'http'}://${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
  try {
    // Whoever else listens on that port must not find our token in his log. By TLS it is known who that is.
    if (tls === undefined && !asksForToken.test((await get(place, path)).body))
      return { why: `what listens at ${name} is no mirror with an admin API, so it is not asked` };
    const { status, body } = await get(place, path, token);
    if (status === 200) return { body: JSON.parse(body) };
    return { why: `what listens at ${name} answered ${status}, so it is not asked` };
  } catch (error) {
    if (codeOf(error) === 'ECONNREFUSED') return { why: undefined };
    return {
      why: `what listens at ${name} is not asked: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** Who listens everywhere listens here, too. */
function loopbackOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

async function get(place: Place, path: string, token?: string): Promise<{ status: number; body: string }> {
  const stop = new AbortController();
  const late = new Error(`no answer within ${patience / 1_000} s`);
  const timer = systemClock.after(patience, () => stop.abort(late));
  try {
    const socket = await connected(place, stop.signal);
    const { host, port } = place;
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const asked = request({ host, port, path: `/api/v1/${path}`, headers, createConnection: () => socket });
    stop.signal.addEventListener('abort', () => asked.destroy(late));
    const response = await answerTo(asked);
    return { status: response.statusCode ?? 0, body: await bodyOf(response) };
  } finally {
    timer.cancel();
  }
}

function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('response', resolve).once('error', reject).end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  response.on('data', (part: Buffer) => {
    length += part.length;
    if (length > longest) response.destroy(new Error(`its answer has more than ${longest} bytes`));
    else parts.push(part);
  });
  await finished(response);
  return Buffer.concat(parts).toString();
}

/** Whoever has our certificate may have the token, whatever name it is for and whoever has signed it; nobody else. */
async function connected({ host, port, tls }: Place, signal: AbortSignal): Promise<Socket> {
  if (tls === undefined) {
    const socket = connect({ host, port });
    await once(socket, 'connect', { signal });
    return socket;
  }
  const expected = new X509Certificate(readFileSync(tls.certFile)).fingerprint256;
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  await once(socket, 'secureConnect', { signal });
  if (socket.getPeerX509Certificate()?.fingerprint256 === expected) return socket;
  socket.destroy();
  throw new Error(`it has another certificate than ${tls.certFile}`);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
