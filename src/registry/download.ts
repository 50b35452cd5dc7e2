import type { Bytes } from '../copy/repository.ts';
import { BufferBudget } from './buffer-budget.ts';
import { Part } from './part.ts';
import { RangeReader } from './range.ts';
import type { DownloadOptions } from './range.ts';

/*
 * Reading a blob: by one connection, from its beginning to its end. Where that is slow, up to four read at once, each
 * a part of 2 MiB:
 *
 *   one connection ──slow while it is waited for──▶ it goes on to the first part that another one has begun
 *        ▲                                                              │
 *        │                                                              ▼
 *        └── a part fails, or proves fast, or no slot is free ── parts, in order, as many ahead as fit
 *
 * The blob's own slot is held to its end: waiting for another one would keep the destination's slot meanwhile, and copies
 * both ways could wait for each other for ever. Further ones are taken where they are free now, each for one part. What
 * fails is asked for again by the one connection, which alone decides what is wrong with the source.
 *
 * A registry that stalls is given up after `idleTimeout` each time, and asked again five times (`range.ts`); so a peer that
 * brings nothing holds the slot for six times that and the pauses between, 6 minutes by default.
 */
const MiB = 1024 * 1024;
const partSize = 2 * MiB;

/** Connections at once, and parts that are read or wait to be. */
const mostReading = 4;
const mostParts = 6;

/** Below so many bytes a second, over so many milliseconds of waiting, a connection is slow; above twice as many it is fast. */
const slow = 10 * MiB;
const longEnough = 1_000;

/** What all blobs together hold in parts. */
const buffers = new BufferBudget(18 * MiB);

/** The bytes after the first `from`; whoever does not read to the end aborts the call's signal. */
export async function download(options: DownloadOptions, from: number): Promise<Bytes> {
  const { transport, call } = options;
  const release = await transport.limiter.acquire('read', call.signal, options.descriptor.size - from);
  call.signal.addEventListener('abort', release, { once: true });
  const end = (): void => {
    call.signal.removeEventListener('abort', release);
    release();
  };
  const first = new RangeReader(options, from);
  try {
    await first.open();
  } catch (error) {
    end();
    throw error;
  }
  return new Download(options, from, first).chunks(end);
}

class Download {
  readonly #options: DownloadOptions;
  readonly #size: number;
  /** What has been given on. */
  #position: number;
  #reader: RangeReader;
  /** In order, with what gives back what they hold; the first may be half given on. */
  readonly #parts: { part: Part; done: () => void }[] = [];
  /** Parts being read in a slot that was free. */
  #further = 0;
  #isOwnSlotFree = false;
  /** Where the next part begins. */
  #next = 0;
  #isWide = false;
  /** A part has failed: the rest is for the one connection. */
  #isRefused = false;

  constructor(options: DownloadOptions, from: number, reader: RangeReader) {
    this.#options = options;
    this.#size = options.descriptor.size;
    this.#position = from;
    this.#reader = reader;
  }

  async *chunks(end: () => void): AsyncGenerator<Uint8Array> {
    try {
      while (yield* this.#single()) {
        this.#isOwnSlotFree = true;
        yield* this.#ordered();
        if (this.#position >= this.#size) return;
        this.#reader = new RangeReader(this.#options, this.#position);
        await this.#reader.open();
      }
    } finally {
      this.#drop();
      end();
    }
  }

  /** By one connection, to the end; `true` where parts go on before it. */
  async *#single(): AsyncGenerator<Uint8Array, boolean> {
    this.#isOwnSlotFree = false;
    for await (const chunk of this.#reader.chunks()) {
      const next = this.#parts[0]?.part;
      const before = next === undefined ? chunk : chunk.subarray(0, next.from - this.#position);
      this.#position += before.length;
      if (before.length > 0) yield before;
      if (next !== undefined && this.#position === next.from) {
        if (await next.answered) return true;
        this.#refuse();
      }
      // A copy: the chunk's buffer goes round, and whoever has its first half gives it back.
      const after = Buffer.from(chunk.subarray(before.length));
      this.#position += after.length;
      if (after.length > 0) yield after;
      if (this.#isSlow()) this.#widen();
    }
    return false;
  }

  /** Parts, as long as there are some and none fails. */
  async *#ordered(): AsyncGenerator<Uint8Array> {
    for (let first = this.#parts[0]; first !== undefined; first = this.#parts[0]) {
      this.#extend();
      for await (const chunk of first.part.chunks()) {
        this.#position += chunk.length;
        yield chunk;
      }
      this.#options.call.signal.throwIfAborted();
      if (!first.part.complete) return this.#refuse();
      if (first.part.bytesPerSecond > 2 * slow) this.#isWide = false;
      this.#parts.shift();
      first.done();
    }
  }

  #isSlow(): boolean {
    if (this.#isWide || this.#isRefused) return false;
    const { waited, bytesPerSecond } = this.#reader.pace;
    if (waited < longEnough) return false;
    this.#reader.resetPace();
    return bytesPerSecond < slow && this.#size - this.#position >= mostReading * partSize;
  }

  #widen(): void {
    this.#isWide = true;
    this.#next = this.#position + partSize;
    this.#extend();
    this.#isWide = this.#parts.length > 0;
  }

  /** Begins as many parts as there are slots and room for. */
  #extend(): void {
    while (this.#isWide && !this.#isRefused && this.#next < this.#size && this.#parts.length < mostParts) {
      const room = buffers.tryTake(partSize);
      const release = room && this.#slot();
      if (room === undefined || release === undefined) return room?.();
      const end = Math.min(this.#next + partSize, this.#size);
      const part = new Part(this.#options, this.#next, end, () => {
        release();
        if (part.complete) this.#extend();
        else this.#isRefused = true;
      });
      this.#parts.push({ part, done: room });
      this.#next = end;
    }
  }

  /** One that is free, or the blob's own; that one alone would read parts more slowly than the rest at once. */
  #slot(): (() => void) | undefined {
    const release =
      this.#further < mostReading - 1 ? this.#options.transport.limiter.tryAcquire('read') : undefined;
    if (release !== undefined) {
      this.#further++;
      return () => {
        this.#further--;
        release();
      };
    }
    if (!this.#isOwnSlotFree || this.#further === 0) return undefined;
    this.#isOwnSlotFree = false;
    return () => (this.#isOwnSlotFree = true);
  }

  #refuse(): void {
    this.#isRefused = true;
    this.#drop();
  }

  #drop(): void {
    this.#isWide = false;
    for (const { part, done } of this.#parts.splice(0)) {
      part.cancel();
      done();
    }
  }
}
