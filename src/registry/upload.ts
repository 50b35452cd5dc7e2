import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { Bytes } from '../copy/repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { backoff } from './backoff.ts';
import { triesOf } from './error.ts';
import type { Transport } from './transport.ts';
import { follow, sameOrigin } from './url.ts';
import { VerifiedBody } from './verified-body.ts';

/*
 * Writing a blob, in the specification's words ("Pushing blobs", "Mounting a blob from another repository"):
 *
 *   POST …/uploads/?mount=&from=  ──201──▶ mounted
 *        │ 202: now we own a session
 *        ▼
 *   source bytes in hand  ──▶  PUT <Location>?digest=  ──201──▶ copied
 *
 * One PUT carries the whole blob: its token is checked when it begins, so a blob that takes longer than a token
 * lives is not lost at the end, as with PATCH and PUT. The last chunk is held back until digest and length
 * are known to be right, so a wrong blob is never finished.
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

/** No chunk is fetched before the one before it has been taken. */
const oneAtATime = { objectMode: true, highWaterMark: 1 };

/** Opens the source again for each try; see `Destination.writeBlob`. */
export async function writeBlob(
  target: UploadTarget,
  descriptor: Descriptor,
  open: (signal: AbortSignal) => Promise<Bytes>,
  options: { from?: string | undefined; signal?: AbortSignal | undefined },
): Promise<'copied' | 'mounted'> {
  for (let tried = 1; ; tried++) {
    try {
      const session = await begin(target, descriptor, options);
      if (session === 'mounted') return session;
      await put(target, session, descriptor, open, options.signal);
      return 'copied';
    } catch (error) {
      options.signal?.throwIfAborted();
      const fault = faultOf(error);
      if (fault === undefined || tried >= triesOf(fault)) throw error;
      await target.clock.sleep(backoff(tried, target.clock.random()), options.signal);
    }
  }
}

/** The source's failures come out of the stream wrapped; what to do is the same at either side. */
function faultOf(error: unknown): RegistryError['fault'] | undefined {
  if (error instanceof RegistryError) return error.fault;
  return error instanceof Error && error.cause instanceof RegistryError ? error.cause.fault : undefined;
}

async function begin(
  target: UploadTarget,
  descriptor: Descriptor,
  options: { from?: string | undefined; signal?: AbortSignal | undefined },
): Promise<URL | 'mounted'> {
  if (options.from === undefined) return post(target, options.signal);
  try {
    return await mount(target, descriptor, options.from, options.signal);
  } catch (error) {
    // A mount is only a short cut: whatever a registry has against it, the upload decides.
    if (
      error instanceof RegistryError &&
      error.status !== undefined &&
      error.status < 500 &&
      error.status !== 429
    ) {
      return post(target, options.signal);
    }
    throw error;
  }
}

function uploads(target: UploadTarget): URL {
  return new URL(`/v2/${target.repository}/blobs/uploads/`, target.origin);
}

async function mount(
  target: UploadTarget,
  descriptor: Descriptor,
  from: string,
  signal: AbortSignal | undefined,
): Promise<URL | 'mounted'> {
  const url = uploads(target);
  url.searchParams.set('mount', descriptor.digest);
  url.searchParams.set('from', from);
  // Without `pull` on the other repository in the same token the whole request is refused.
  const scopes = [target.scope, `repository:${from}:pull`];
  const answer = await target.transport.send({ method: 'POST', url, scopes, expect: [201, 202], signal });
  return answer.status === 201 ? 'mounted' : location(answer);
}

async function post(target: UploadTarget, signal: AbortSignal | undefined): Promise<URL> {
  const scopes = [target.scope];
  return location(
    await target.transport.send({ method: 'POST', url: uploads(target), scopes, expect: [202], signal }),
  );
}

function location(answer: { url: URL; headers: Headers }): URL {
  return follow(answer.url, answer.headers.get('location') ?? undefined, 'the Location of an upload');
}

async function put(
  target: UploadTarget,
  session: URL,
  descriptor: Descriptor,
  open: (signal: AbortSignal) => Promise<Bytes>,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Either leg's end is the other's: one signal stops both.
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  try {
    const body = new VerifiedBody(await open(both), descriptor, {
      ...target,
      limiter: target.transport.limiter,
      stop,
    });
    await body.ready();
    await finish(target, session, descriptor, body, both);
  } catch (error) {
    await cancel(target, session, error);
    throw error;
  } finally {
    stop.abort();
  }
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
}

/** A session that nobody will finish is given back; that this fails (some want another scope) does not matter. */
async function cancel(target: UploadTarget, session: URL, error: unknown): Promise<void> {
  const gone = error instanceof RegistryError && ['unreachable', 'timeout', 'tls'].includes(error.fault);
  if (gone || !sameOrigin(session, target.origin)) return;
  const call = { method: 'DELETE', url: session, scopes: [target.scope], expect: [200, 202, 204] } as const;
  await target.transport.send(call).catch(() => undefined);
}
