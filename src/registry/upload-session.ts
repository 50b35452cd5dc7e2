import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Answer } from './call.ts';
import type { Sender } from './transport.ts';
import { follow, sameOrigin, shown } from './url.ts';
import type { VerifiedBody } from './verified-body.ts';

/* The requests of an upload session, in the specification's words: https://github.com/opencontainers/distribution-spec */

export interface UploadTarget {
  transport: Sender;
  /** The registry's address. */
  origin: URL;
  repository: string;
  /** Scope of `pull,push` on the repository. */
  scope: string;
  clock: Clock;
  /** Milliseconds in which the destination must take the next chunk. */
  idleTimeout: number;
  /** Sessions of big blobs, over a restart. */
  sessions: UploadSessions;
  /** Whether the blob is there. */
  isThere(signal: AbortSignal | undefined): Promise<boolean>;
  habits: Habits;
}

/** What a registry was found to do; shared by its repositories. */
export interface Habits {
  /** It refuses the mount of a blob from the repository itself. */
  refusesOwnMounts: boolean;
}

export interface Session {
  /** The newest `Location`: an older one may be refused. */
  readonly url: URL;
  /** Bytes that the registry has. */
  readonly offset: number;
  /** The smallest piece that the registry takes, but for the last one. */
  readonly minimum: number;
}

/** After the last byte: registries on object storage move the whole blob before they answer. */
const finishPatience = 15 * 60_000;

/** After a piece they only write it down. */
const piecePatience = 5 * 60_000;

/** Nobody waits longer for a session to be given back. */
const cancelPatience = 5_000;

type Head = Pick<Answer, 'url' | 'headers'>;

function uploads(target: UploadTarget): URL {
  return new URL(`/v2/${target.repository}/blobs/uploads/`, target.origin);
}

/**
 * Where the mount becomes an upload: its session. `undefined` when there is no use in trying it, or was none; `refused`
 * where the reason may be that it is from the repository itself.
 */
export async function mount(
  target: UploadTarget,
  descriptor: Descriptor,
  from: string,
  signal: AbortSignal | undefined,
): Promise<Session | 'mounted' | 'refused' | undefined> {
  const { transport, repository, habits } = target;
  const own = from === repository;
  if (own && habits.refusesOwnMounts) return undefined;
  const url = uploads(target);
  url.searchParams.set('mount', descriptor.digest);
  url.searchParams.set('from', from);
  // Without `pull` on the other repository in the same token the whole request is refused.
  const scopes = own ? [target.scope] : [target.scope, `repository:${from}:pull`];
  try {
    const answer = await transport.send({ method: 'POST', url, scopes, expect: [201, 202], signal });
    return answer.status === 201 ? 'mounted' : begun(answer);
  } catch (error) {
    // A mount is only a short cut: whatever a registry has against it, the upload decides.
    if (!(error instanceof RegistryError) || error.status === undefined || error.retryAt !== undefined)
      throw error;
    // A failure of the moment is no habit.
    return own && error.status < 500 && ![408, 429].includes(error.status) ? 'refused' : undefined;
  }
}

export async function begin(target: UploadTarget, signal: AbortSignal): Promise<Session> {
  const scopes = [target.scope];
  return begun(
    await target.transport.send({ method: 'POST', url: uploads(target), scopes, expect: [202], signal }),
  );
}

function begun(answer: Head): Session {
  const minimum = Number(answer.headers.get('oci-chunk-min-length') ?? 0);
  return { url: location(answer), offset: 0, minimum: Number.isSafeInteger(minimum) ? minimum : 0 };
}

function location(answer: Head): URL {
  return follow(answer.url, answer.headers.get('location') ?? undefined, 'the Location of an upload');
}

/**
 * Asks how far the upload is. `undefined` when the session is gone or its registry cannot say: Distribution 2 answers
 * 404 and gives a session up when a piece of it was cut, for the `Location` says how many bytes there should be. An
 * outage, or a refusal that may pass, is thrown: the session is there all the same.
 */
export async function ask(
  target: UploadTarget,
  session: Session,
  signal: AbortSignal | undefined,
): Promise<Session | undefined> {
  const expect = [200, 202, 204, 400, 404, 405, 410, 416];
  const call = { method: 'GET', url: session.url, scopes: [target.scope], expect, signal } as const;
  try {
    const answer = await target.transport.send(call);
    return answer.status < 300 ? told(session, answer) : undefined;
  } catch (error) {
    if (error instanceof RegistryError && isDefinite(error.status ?? 0)) return undefined;
    throw error;
  }
}

/** Whether it is about this session, or this method, and asking again would bring the same answer. */
function isDefinite(status: number): boolean {
  return status === 501 || (status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status));
}

/** What an answer says of the session; `undefined` when it does not say how far it is. */
function told(session: Session, answer: Head): Session | undefined {
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.get('range') ?? '')?.[1];
  if (end === undefined) return undefined;
  const url = answer.headers.has('location') ? location(answer) : session.url;
  // `0-0` is one byte, and with Distribution none as well. That it is sent again does no harm: it is refused, and asked.
  return { ...session, url, offset: end === '0' ? 0 : Number(end) + 1 };
}

/** Appends a piece. A registry that does not say how far it is has taken it, or its digest will be wrong in the end. */
export async function append(
  target: UploadTarget,
  session: Session,
  body: VerifiedBody,
  length: number,
  signal: AbortSignal,
): Promise<Session> {
  const { url, offset } = session;
  const end = offset + length;
  const sent = { body, length, expect: [201, 202, 204], patience: piecePatience };
  const answer = await send(target, 'PATCH', url, { ...sent, offset }, signal);
  if (body.offset < end) throw early('PATCH', url, 'piece');
  const said = answer.headers.has('range') ? told(session, answer) : undefined;
  return said ?? { ...session, url: location(answer), offset: end };
}

/** Closes the session, with what is still missing. */
export async function close(
  target: UploadTarget,
  session: Session,
  body: VerifiedBody,
  { digest, size }: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(session.url);
  // Added as text: what the registry put into its Location goes back to it unchanged.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  const { offset } = session;
  const sent = { body, offset, length: size - offset, expect: [201, 204], patience: finishPatience };
  await send(target, 'PUT', url, sent, signal);
  if (!body.verified || body.offset < size) throw early('PUT', url, 'whole blob');
}

interface Sent {
  body: VerifiedBody;
  /** What comes before these bytes is there already. */
  offset: number;
  length: number;
  expect: readonly number[];
  patience: number;
}

async function send(
  { transport, scope }: UploadTarget,
  method: 'PATCH' | 'PUT',
  url: URL,
  { body, offset, length, expect, patience }: Sent,
  signal: AbortSignal,
): Promise<Head> {
  const scopes = [scope];
  const isPiece = (method === 'PATCH' || offset > 0) && length > 0;
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(length),
    // Without the unit that HTTP has there.
    ...(isPiece && { 'content-range': `${offset}-${offset + length - 1}` }),
  };
  const stream = length === 0 ? new Uint8Array() : streamOf(body, length);
  const answers = { expect, patience, signal };
  try {
    return await transport.send({ method, url, scopes, headers, body: stream, size: length, ...answers });
  } catch (error) {
    throw body.failure ?? error;
  }
}

/**
 * The next `length` bytes; no chunk is fetched before the one before it has been taken. The end comes with the last one: where a
 * registry answers before the end is known, undici closes the connection.
 */
function streamOf(body: VerifiedBody, length: number): Readable {
  const chunks = body.piece(length);
  let left = length;
  const give = async (stream: Readable): Promise<void> => {
    const next: IteratorResult<Uint8Array, unknown> = await chunks.next();
    if (next.done) return void stream.push(null);
    left -= next.value.length;
    stream.push(next.value);
    if (left > 0) return;
    await chunks.next();
    stream.push(null);
  };
  // What the rest fails with by then is in `body.failure`.
  const leave = (): void => void chunks.return(undefined).catch(() => undefined);
  return new Readable({
    objectMode: true,
    highWaterMark: 1,
    read() {
      give(this).catch((error: Error) => this.destroy(error));
    },
    destroy(error, callback) {
      leave();
      callback(error);
    },
  });
}

function early(method: string, url: URL, what: string): RegistryError {
  const message = `${method} ${shown(url)}: expected an answer after the ${what}, got it before`;
  return new RegistryError('protocol', message);
}

/** A session that nobody will finish is given back; that this fails (some want another scope) does not matter. */
export async function cancel(target: UploadTarget, session: Session | undefined): Promise<void> {
  if (session === undefined || !sameOrigin(session.url, target.origin)) return;
  const stop = new AbortController();
  const timer = target.clock.after(cancelPatience, () => stop.abort());
  const answers = { expect: [200, 202, 204], once: true, signal: stop.signal } as const;
  const call = { method: 'DELETE', url: session.url, scopes: [target.scope], ...answers } as const;
  await target.transport.send(call).catch(() => undefined);
  timer.cancel();
}
