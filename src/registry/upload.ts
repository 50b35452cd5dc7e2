import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { Bytes } from '../copy/repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { backoff } from './backoff.ts';
import { triesOf } from './error.ts';
import { patience } from './limit.ts';
import type { Transport } from './transport.ts';
import { follow, sameOrigin, shown } from './url.ts';
import { VerifiedBody } from './verified-body.ts';

/*
 * Writing a blob, in the specification's words ("Pushing blobs", "Mounting a blob from another repository"):
 *
 *   POST …/uploads/?mount=&from=  ──201──▶ mounted
 *        │ 202: a session is ours; refused, or nowhere to mount from: none yet
 *        ▼
 *   source bytes in hand  ──▶  POST …/uploads/, without a session  ──▶  PUT <Location>?digest=  ──201──▶ copied
 *
 * One PUT carries the whole blob: its token is checked when it begins, so a blob that takes longer than a token
 * lives is not lost at the end, as with PATCH and PUT. The last chunk is held back until digest and length
 * are known to be right, so a wrong blob is never finished. No byte is sent more than twice.
 *
 * Memory: whatever the blob's size, one chunk held back, one on its way, one waiting for the socket, and the buffers
 * of two sockets, each of at most 64 KiB: below 1 MiB for each blob under way.
 */
export interface UploadTarget {
  transport: Transport;
  /** The registry's address. */
  origin: URL;
  repository: string;
  /** Scope of `pull,push` on the repository. */
  scope: string;
  clock: Clock;
  /** Milliseconds in which the destination must take the next chunk. */
  idleTimeout: number;
}

/** After the last byte: registries on object storage move the whole blob before they answer. */
const finishPatience = 15 * 60_000;

/** Nobody waits longer for a session to be given back. */
const cancelPatience = 5_000;

/** No chunk is fetched before the one before it has been taken. */
const oneAtATime = { objectMode: true, highWaterMark: 1 };

interface Options {
  from?: string | undefined;
  signal?: AbortSignal | undefined;
}

type Open = (signal: AbortSignal) => Promise<Bytes>;

/** See `Destination.writeBlob`. */
export async function writeBlob(
  target: UploadTarget,
  descriptor: Descriptor,
  open: Open,
  options: Options,
): Promise<'copied' | 'mounted'> {
  let session = await mount(target, descriptor, options);
  if (session === 'mounted') return session;
  for (let tried = 1; ; tried++) {
    const broken = await upload(target, session, descriptor, open, options.signal);
    if (broken === undefined) return 'copied';
    if (tried === 2) throw meant(broken);
    session = undefined;
    await target.clock.sleep(pauseAfter(broken, target.clock), options.signal);
  }
}

/** A token that had run out was replaced after the first 401: the second one is a "no". */
function meant(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.status !== 401) return error;
  return new RegistryError('denied', error.message, { status: 401, cause: error });
}

function uploads(target: UploadTarget): URL {
  return new URL(`/v2/${target.repository}/blobs/uploads/`, target.origin);
}

/** Where the mount becomes an upload: its session. `undefined` when there was nothing to try, or no use in it. */
async function mount(
  target: UploadTarget,
  descriptor: Descriptor,
  { from, signal }: Options,
): Promise<URL | 'mounted' | undefined> {
  if (from === undefined) return undefined;
  const url = uploads(target);
  url.searchParams.set('mount', descriptor.digest);
  url.searchParams.set('from', from);
  // Without `pull` on the other repository in the same token the whole request is refused.
  const scopes = [target.scope, `repository:${from}:pull`];
  const { transport } = target;
  try {
    const answer = await transport.send({ method: 'POST', url, scopes, expect: [201, 202], signal });
    return answer.status === 201 ? 'mounted' : location(answer);
  } catch (error) {
    // A mount is only a short cut: whatever a registry has against it, the upload decides.
    if (error instanceof RegistryError && error.status !== undefined && error.retryAt === undefined) {
      return undefined;
    }
    throw error;
  }
}

async function post(target: UploadTarget, signal: AbortSignal): Promise<URL> {
  const scopes = [target.scope];
  return location(
    await target.transport.send({ method: 'POST', url: uploads(target), scopes, expect: [202], signal }),
  );
}

function location(answer: { url: URL; headers: Headers }): URL {
  return follow(answer.url, answer.headers.get('location') ?? undefined, 'the Location of an upload');
}

/** One try. Gives what broke the transfer if it is worth another; what failed before it is thrown. */
async function upload(
  target: UploadTarget,
  begun: URL | undefined,
  descriptor: Descriptor,
  open: Open,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  // Either leg's end is the other's: one signal stops both.
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const { limiter } = target.transport;
  let session = begun;
  let sending = false;
  try {
    const body = new VerifiedBody(await open(both), descriptor, { ...target, limiter, stop });
    await body.ready();
    session ??= await post(target, both);
    sending = true;
    await finish(target, session, descriptor, body, both);
    return undefined;
  } catch (error) {
    stop.abort();
    await cancel(target, session, error);
    signal?.throwIfAborted();
    if (!sending || !isWorthAnother(error, target.clock)) throw error;
    return error;
  } finally {
    stop.abort();
  }
}

function isWorthAnother(error: unknown, clock: Clock): boolean {
  const cause = causeOf(error);
  if (cause === undefined || triesOf(cause.fault) < 2) return false;
  return pauseAfter(error, clock) <= patience;
}

/** Milliseconds: as long as the registry asked for, if it did. */
function pauseAfter(error: unknown, clock: Clock): number {
  const asked = (causeOf(error)?.retryAt ?? 0) - clock.now();
  return Math.max(asked, backoff(1, clock.random()));
}

/** The source's failures come out of the stream wrapped; what to do is the same at either side. */
function causeOf(error: unknown): RegistryError | undefined {
  if (error instanceof RegistryError) return error;
  return error instanceof Error && error.cause instanceof RegistryError ? error.cause : undefined;
}

async function finish(
  target: UploadTarget,
  session: URL,
  descriptor: Descriptor,
  body: VerifiedBody,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(session);
  // Added as text: what the registry put into its Location goes back to it unchanged.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`;
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(descriptor.size) };
  try {
    await target.transport.send({
      method: 'PUT',
      url,
      scopes: [target.scope],
      headers,
      body: descriptor.size === 0 ? new Uint8Array() : Readable.from(body, oneAtATime),
      expect: [201, 204],
      patience: finishPatience,
      signal,
    });
  } catch (error) {
    throw body.failure ?? error;
  }
  if (body.verified) return;
  const message = `PUT ${shown(url)}: expected an answer after the whole blob, got it before`;
  throw new RegistryError('protocol', message);
}

/** A session that nobody will finish is given back; that this fails (some want another scope) does not matter. */
async function cancel(target: UploadTarget, session: URL | undefined, error: unknown): Promise<void> {
  const gone = error instanceof RegistryError && ['unreachable', 'timeout', 'tls'].includes(error.fault);
  if (session === undefined || gone || !sameOrigin(session, target.origin)) return;
  const stop = new AbortController();
  const timer = target.clock.after(cancelPatience, () => stop.abort());
  const answers = { expect: [200, 202, 204], once: true, signal: stop.signal } as const;
  const call = { method: 'DELETE', url: session, scopes: [target.scope], ...answers } as const;
  await target.transport.send(call).catch(() => undefined);
  timer.cancel();
}
