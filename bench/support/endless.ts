import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Digester } from '../../src/oci/digest.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';

/*
 * A registry over TLS, in a process of its own, that needs no disk. As a source it makes its blobs while it sends them:
 * one chunk over and over, the blob's number in front. As a destination it hashes what it is sent and throws it
 * away. Both know one tag only.
 */

export interface Endless {
  cert: string;
  key: string;
  /** Blobs, and the size of each; a multiple of a MiB. */
  blobs: number;
  size: number;
  /** Bytes a second that a connection gives, and ranges besides whole blobs; without it as fast as it can. */
  rate?: number;
}

const { cert, key, blobs, size, rate }: Endless = JSON.parse(process.argv[2] ?? '');
const chunk = Buffer.alloc(2 ** 20, 'not compressible, but who would compress it here');
/** Written at once. */
const step = rate === undefined ? chunk.length : 64 * 1024;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
const layers = Array.from({ length: blobs }, (_, number) => describe(layerType, contentOf(number)));
const configDescriptor = describe('application/vnd.oci.image.config.v1+json', [config]);
const manifest = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: configDescriptor, layers }),
);
const manifestDescriptor = describe(manifestType, [manifest]);

/** Digests of what was sent here. */
const received = new Set<string>();
/** Uploads under way, by their path. */
const sessions = new Map<string, { digester: Digester; length: number }>();
let tagged = false;
let sending = 0;
let mostSending = 0;

const options = { cert: readFileSync(cert), key: readFileSync(key) };
const server = createServer(options, (request, response) => void answer(request, response));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listens on https://127.0.0.1:${address?.port}`);
});
process.on('SIGTERM', () => process.exit());

function* contentOf(number: number): Generator<Buffer> {
  const first = Buffer.from(chunk);
  first.writeUInt32BE(number);
  yield first;
  for (let sent = chunk.length; sent < size; sent += chunk.length) yield chunk;
}

function describe(mediaType: string, content: Iterable<Buffer>): Descriptor {
  const digester = new Digester('sha256');
  let length = 0;
  for (const bytes of content) {
    digester.update(bytes);
    length += bytes.length;
  }
  return { mediaType, digest: digester.digest(), size: length };
}

/** `/source/v2/…` would not be a registry's path, so the repository's first part says which end is asked. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://registry');
  const atSource = url.pathname.startsWith('/v2/source/');
  if (url.pathname === '/v2/') return void response.writeHead(200).end();
  if (url.pathname === '/most-sending') return void response.end(String(mostSending));
  if (url.pathname.includes('/manifests/')) return manifestAt(request, response, atSource);
  if (request.method === 'POST') return beginUpload(url, response);
  if (request.method === 'PATCH') return takePiece(request, response, url);
  if (request.method === 'PUT') return takeBlob(request, response, url);
  const digest = url.pathname.split('/').at(-1) ?? '';
  if (!atSource) return void response.writeHead(received.has(digest) ? 200 : 404).end();
  await sendBlob(response, digest, request.headers.range);
}

async function manifestAt(
  request: IncomingMessage,
  response: ServerResponse,
  atSource: boolean,
): Promise<void> {
  const headers = {
    'content-type': manifestType,
    'content-length': manifest.length,
    'docker-content-digest': manifestDescriptor.digest,
  };
  if (request.method === 'PUT') {
    const complete = [configDescriptor, ...layers].every(({ digest }) => received.has(digest));
    for await (const _ of request);
    tagged = complete;
    response.writeHead(complete ? 201 : 400, { 'docker-content-digest': manifestDescriptor.digest }).end();
  } else if (!atSource && !tagged) response.writeHead(404).end();
  else response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : manifest);
}

function beginUpload(url: URL, response: ServerResponse): void {
  response.writeHead(202, { location: `${url.pathname}${Math.random().toString(36).slice(2)}` }).end();
}

async function takePiece(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const { length } = await take(request, url);
  response.writeHead(202, { location: url.pathname, range: `0-${length - 1}` }).end();
}

async function takeBlob(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const { digester } = await take(request, url);
  sessions.delete(url.pathname);
  const digest = digester.digest();
  received.add(digest);
  response.writeHead(url.searchParams.get('digest') === digest ? 201 : 400).end();
}

async function take(request: IncomingMessage, { pathname }: URL) {
  const session = sessions.get(pathname) ?? { digester: new Digester('sha256'), length: 0 };
  sessions.set(pathname, session);
  for await (const bytes of request) {
    session.digester.update(bytes);
    session.length += bytes.length;
  }
  return session;
}

async function sendBlob(response: ServerResponse, digest: string, range: string | undefined): Promise<void> {
  const number = layers.findIndex((layer) => layer.digest === digest);
  const whole = number < 0 ? config.length : size;
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(rate === undefined ? '' : (range ?? '')) ?? [];
  const [from, end] = [Number(first ?? 0), Number(last || whole - 1) + 1];
  response.writeHead(first === undefined ? 200 : 206, {
    'content-length': end - from,
    ...(first !== undefined && { 'content-range': `bytes ${from}-${end - 1}/${whole}` }),
  });
  mostSending = Math.max(mostSending, ++sending);
  const begin = Date.now();
  let at = 0;
  let sent = 0;
  for (const bytes of number < 0 ? [config] : contentOf(number)) {
    const wanted = bytes.subarray(Math.max(0, from - at), Math.max(0, end - at));
    at += bytes.length;
    for (let next = 0; next < wanted.length && !response.destroyed; next += step) {
      const piece = wanted.subarray(next, next + step);
      sent += piece.length;
      if (!response.write(piece)) await drained(response);
      if (rate !== undefined) await sleep(Math.max(0, begin + (sent * 1000) / rate - Date.now()));
    }
  }
  sending--;
  response.end();
}

async function drained(response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const events = ['drain', 'close'].map((event) => once(response, event, { signal: over.signal }));
  await Promise.race(events);
  // The other listener goes, too: there is one for each piece.
  over.abort();
  await Promise.allSettled(events);
}
