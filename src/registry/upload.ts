import { RegistryError } from '../copy/error.ts';
import type { Bytes, Destination, WriteBlobOptions } from '../copy/repository.ts';
import type { UploadKey } from '../copy/upload-session.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { backoff } from './backoff.ts';
import { triesOf } from './error.ts';
import { patience } from './limit.ts';
import { behind, causeOf, isLost, isRefusalOfPieces, meant, outages } from './upload-fault.ts';
import { append, ask, begin, cancel, close, mount } from './upload-session.ts';
import type { Session, UploadTarget } from './upload-session.ts';
import { sameOrigin } from './url.ts';
import { VerifiedBody, beginningOf } from './verified-body.ts';
import type { Checkpoint } from './verified-body.ts';

/*
 * Writing a blob, in the specification's words ("Pushing blobs", "Mounting a blob from another repository"):
 *
 *   POST …/uploads/?mount=&from=  ──201──▶ mounted; from the repository itself: HEAD shows it, with its length
 *        │ 202: a session is ours; refused: none yet
 *        ▼
 *   HEAD, unless the mount has told that it is not there  ──200──▶ skipped, the session given back
 *        │
 *        ▼
 *   source bytes in hand  ──▶  POST …/uploads/, without a session  ──▶  PUT <Location>?digest=  ──201──▶ copied
 *                                                                  64 MiB and more: PATCH a piece, as often as
 *                                                                  needed, before the PUT with the last one
 *   cut  ──▶  GET <Location>  ──204 with Range──▶  the source again from the last checkpoint, and on from there
 *                      └──404, or says nothing──▶  a new session, from the beginning
 *
 * Below 64 MiB one PUT carries the whole blob. From there on each piece checks its token, is a checkpoint to go back
 * to, and is written down for the next process. The last chunk is held back until digest and length are known to be
 * right, so a wrong blob is never finished.
 *
 * What is sent twice: for each cut at most the piece it hit, below 64 MiB the blob, as far as the registry has not got
 * it. An attempt ends with its second cut in a row that brought the registry less than 1 MiB, or its eighth one, and a
 * session that is lost is replaced once: nothing is sent for ever.
 *
 * Memory: whatever the blob's size, chunks of 256 KiB: one held back, one on its way, one waiting for the socket, three that the
 * source has sent, and as much again in sockets: below 3 MiB for each blob under way. What is read ahead of a slow source:
 * `download.ts`.
 */
const MiB = 1024 * 1024;
const big = 64 * MiB;

/** Between two pieces there is a round trip; what a cut costs is one piece: 8 MiB, for the largest blobs a thirty-second. */
function pieceOf(size: number): number {
  if (size < big) return size;
  return size <= 512 * MiB ? 8 * MiB : Math.min(32 * MiB, Math.floor(size / 32));
}

/** To send it where it is already would cost more than the question. */
function isDear({ size }: Descriptor): boolean {
  return size >= 8 * MiB;
}

/** What a cut must have brought not to count as a failure. */
const progress = MiB;
const mostFruitless = 1;
const mostCuts = 8;
const mostSessions = 2;

/** After that (ms) a session whose registry does not answer for it is given up. */
const longestOutage = 15 * 60_000;

/** One for all: to make an error takes longer than to give it. */
const over = new Error('this try has ended');

type Open = (signal: AbortSignal, from: number) => Promise<Bytes>;

/** What ended a try that is worth another one. */
interface Cut {
  error: unknown;
  /** All bytes were out: it may have arrived. */
  complete: boolean;
}

/** See `Destination.writeBlob`. */
export function writeBlob(
  target: UploadTarget,
  descriptor: Descriptor,
  open: Open,
  options: WriteBlobOptions,
): ReturnType<Destination['writeBlob']> {
  return new Upload(target, descriptor, open, options.signal).run(options);
}

/** One blob on its way, in this attempt. */
class Upload {
  readonly #target: UploadTarget;
  readonly #descriptor: Descriptor;
  readonly #open: Open;
  readonly #signal: AbortSignal | undefined;
  readonly #key: UploadKey;
  #session: Session | undefined;
  /** The mount from the repository itself was refused: an upload there will tell that nothing else was meant. */
  #isMountRefused = false;
  /** Never ahead of what the registry has. */
  #checkpoint: Checkpoint;
  #piece: number;
  /** The session is written down. */
  #kept = false;
  #reached = 0;
  #cuts = 0;
  #fruitless = 0;
  #lost = 0;

  constructor(target: UploadTarget, descriptor: Descriptor, open: Open, signal: AbortSignal | undefined) {
    this.#target = target;
    this.#descriptor = descriptor;
    this.#open = open;
    this.#signal = signal;
    const { origin, repository } = target;
    this.#key = { origin: origin.origin, repository, digest: descriptor.digest };
    this.#checkpoint = beginningOf(descriptor);
    this.#piece = pieceOf(descriptor.size);
  }

  async run(options: WriteBlobOptions): ReturnType<Destination['writeBlob']> {
    try {
      this.#session = await this.#recall();
      const placed = this.#session === undefined ? await this.#find(options) : undefined;
      if (placed !== undefined) return placed;
      let cut = await this.#pass();
      while (cut !== undefined && !(await this.#mend(cut))) cut = await this.#pass();
      this.#forget();
      return 'copied';
    } catch (error) {
      await this.#leave(error);
      this.#signal?.throwIfAborted();
      throw error;
    }
  }

  /** What spares the upload, if anything does; else there may be a session for it. */
  async #find({ from, absent, mounts }: WriteBlobOptions): Promise<'mounted' | 'skipped' | undefined> {
    const { repository, isThere } = this.#target;
    // It has been looked for, and nobody else has it.
    if (absent && from === undefined) return undefined;
    const found = await mount(this.#target, this.#descriptor, from ?? repository, this.#signal);
    if (found === 'mounted') {
      // Nobody has seen its length here before; and whoever was not found to be right before is looked after.
      const isSure = from !== undefined && !absent;
      return isSure || (await isThere(this.#signal)) ? 'mounted' : undefined;
    }
    this.#isMountRefused = found === 'refused';
    this.#session = found === 'refused' ? undefined : found;
    const isToldAbsent =
      this.#session !== undefined && from === undefined && (mounts || !isDear(this.#descriptor));
    if (absent || isToldAbsent || !(await isThere(this.#signal))) return undefined;
    await this.#drop(undefined);
    return 'skipped';
  }

  /** The session of an earlier process or attempt, where its registry still knows it. */
  async #recall(): Promise<Session | undefined> {
    if (this.#descriptor.size < big) return undefined;
    const { sessions, origin } = this.#target;
    const kept = sessions.find(this.#key);
    if (kept === undefined) return undefined;
    this.#kept = true;
    const url = new URL(kept.location, origin);
    const old = { url, offset: kept.offset, minimum: 0 };
    const session = sameOrigin(url, origin) ? await this.#asked(old, kept.keptAt) : undefined;
    if (session === undefined || session.offset > this.#descriptor.size) {
      this.#forget();
      return undefined;
    }
    this.#reached = session.offset;
    return session;
  }

  /** A registry that is away has not lost the session; one that never answers such a question must not hold up its blob. */
  async #asked(session: Session, keptAt: number): Promise<Session | undefined> {
    try {
      return await ask(this.#target, session, this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (keptAt > this.#target.clock.now() - longestOutage) throw error;
      return undefined;
    }
  }

  /** Sends what is missing. Gives what cut it, if going on is worth a try; what failed before it is thrown. */
  async #pass(): Promise<Cut | undefined> {
    // Either leg's end is the other's: one signal stops both.
    const stop = new AbortController();
    const both = this.#signal === undefined ? stop.signal : AbortSignal.any([this.#signal, stop.signal]);
    let body: VerifiedBody | undefined;
    // Requests have been tried again already; bytes that flow have not.
    let flowing = false;
    try {
      body = await this.#read(both, stop);
      flowing = true;
      await body.ready();
      flowing = false;
      this.#session ??= await this.#begin(both);
      flowing = true;
      await this.#send(this.#session, body, both);
      return undefined;
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!flowing || !(this.#isWorthAnother(error) || this.#refusesPieces(error))) throw error;
      return { error, complete: body?.verified === true };
    } finally {
      stop.abort(over);
    }
  }

  async #begin(signal: AbortSignal): Promise<Session> {
    const session = await begin(this.#target, signal);
    if (this.#isMountRefused) this.#target.habits.refusesOwnMounts = true;
    return session;
  }

  /** The source from the checkpoint on. */
  async #read(signal: AbortSignal, stop: AbortController): Promise<VerifiedBody> {
    const { limiter } = this.#target.transport;
    // A registry that has lost bytes is behind the checkpoint.
    if ((this.#session?.offset ?? 0) < this.#checkpoint.offset)
      this.#checkpoint = beginningOf(this.#descriptor);
    const source = await this.#open(signal, this.#checkpoint.offset);
    return new VerifiedBody(source, this.#descriptor, this.#checkpoint, { ...this.#target, limiter, stop });
  }

  async #send(begun: Session, body: VerifiedBody, signal: AbortSignal): Promise<void> {
    const { size } = this.#descriptor;
    const piece = Math.max(this.#piece, begun.minimum);
    let session = begun;
    await body.skipTo(session.offset);
    while (size - session.offset > piece) {
      this.#checkpoint = body.checkpoint();
      session = await append(this.#target, session, body, piece, signal);
      this.#keep(session);
      if (session.offset !== body.offset) throw behind(session, body.offset);
    }
    this.#checkpoint = body.checkpoint();
    await close(this.#target, session, body, this.#descriptor, signal);
  }

  /** Finds out where to go on; `true` when the blob has arrived after all. Throws what cut it where that is no use. */
  async #mend({ error, complete }: Cut): Promise<boolean> {
    if (++this.#cuts > mostCuts) throw meant(error);
    const { clock, isThere } = this.#target;
    await clock.sleep(this.#pauseAfter(error), this.#signal);
    const heard = (causeOf(error)?.status ?? 500) < 500;
    if (complete && !heard && (await isThere(this.#signal))) return true;
    if (this.#refusesPieces(error)) return this.#insteadOfPieces(error);
    const session = isLost(error) ? undefined : await this.#ask();
    if (session === undefined) return this.#again(error);
    this.#session = session;
    if (session.offset - this.#reached < progress) this.#fruitless++;
    else [this.#fruitless, this.#reached] = [0, session.offset];
    if (this.#fruitless <= mostFruitless) return false;
    // Pieces that the registry takes and does not count, or calls misplaced where it wants them, are not for it.
    if (this.#inPieces && [202, 416].includes(causeOf(error)?.status ?? 0))
      return this.#insteadOfPieces(error);
    throw meant(error);
  }

  async #ask(): Promise<Session | undefined> {
    if (this.#session === undefined) return undefined;
    const session = await ask(this.#target, this.#session, this.#signal);
    return session !== undefined && session.offset <= this.#descriptor.size ? session : undefined;
  }

  /** From the beginning, in a session of its own. */
  async #again(error: unknown): Promise<false> {
    if (++this.#lost >= mostSessions) throw meant(error);
    await this.#drop(error);
    return false;
  }

  /** From the beginning, in one PUT. */
  async #insteadOfPieces(error: unknown): Promise<false> {
    this.#piece = this.#descriptor.size;
    this.#fruitless = 0;
    return this.#again(error);
  }

  /** Writes the session down where it can be gone on with; one on another host is that host's affair. */
  #keep(session: Session): void {
    this.#session = session;
    const { sessions, clock, origin } = this.#target;
    if (session.offset === 0 || !sameOrigin(session.url, origin)) return;
    const { url, offset } = session;
    sessions.keep(this.#key, { location: url.href, offset, keptAt: clock.now() });
    this.#kept = true;
  }

  #forget(): void {
    if (this.#kept) this.#target.sessions.forget(this.#key);
    this.#kept = false;
  }

  /** At the end without success. What is written down is for the next attempt, if that may go better. */
  async #leave(error: unknown): Promise<void> {
    const fault = causeOf(error)?.fault ?? '';
    const goesOn = this.#signal?.aborted === true || outages.has(fault);
    if (!this.#kept || !goesOn) await this.#drop(error);
  }

  async #drop(error: unknown): Promise<void> {
    const session = this.#session;
    this.#forget();
    this.#session = undefined;
    this.#checkpoint = beginningOf(this.#descriptor);
    this.#reached = 0;
    const gone = error instanceof RegistryError && ['unreachable', 'timeout', 'tls'].includes(error.fault);
    if (!gone) await cancel(this.#target, session);
  }

  #isWorthAnother(error: unknown): boolean {
    const cause = causeOf(error);
    if (cause === undefined || triesOf(cause.fault) < 2) return false;
    return this.#pauseAfter(error) <= patience;
  }

  /** Milliseconds: as long as the registry asked for, if it did. */
  #pauseAfter(error: unknown): number {
    const { clock } = this.#target;
    const asked = (causeOf(error)?.retryAt ?? 0) - clock.now();
    return Math.max(asked, backoff(1, clock.random()));
  }

  get #inPieces(): boolean {
    return this.#piece < this.#descriptor.size;
  }

  #refusesPieces(error: unknown): boolean {
    return this.#inPieces && isRefusalOfPieces(error);
  }
}
