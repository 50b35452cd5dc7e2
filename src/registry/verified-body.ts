import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { Bytes } from '../copy/repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, Digester } from '../oci/digest.ts';
import type { Share } from './limit.ts';
import { pass } from './pass.ts';
import { giveBack, slabSize } from './slab.ts';

interface Options {
  limiter: Share;
  clock: Clock;
  /** Milliseconds in which the destination must take the next chunk. */
  idleTimeout: number;
  /** Aborted, with the reason, when the destination takes nothing for that long. */
  stop: AbortController;
}

/** A place in a blob with the hash of all before it: from here it can be read again, and still be hashed whole. */
export interface Checkpoint {
  readonly offset: number;
  readonly digester: Digester;
}

export function beginningOf({ digest }: Descriptor): Checkpoint {
  return { offset: 0, digester: new Digester(algorithmOf(digest)) };
}

/**
 * Large chunks that are still read after they were given out. Each is more than a socket takes without asking for a pause, so
 * Node asks for one only when the last but one has left the process: one waits, one is written, and one is to spare.
 */
const mostOnTheWay = 3;

/**
 * A blob on its way, given out in one piece or several: hashed as it passes, its last chunk held back until digest and
 * length are right. Holds one chunk while the next is read, whatever the blob's size.
 */
export class VerifiedBody {
  /** What ended a piece at this side: undici reports such errors in words of its own. */
  failure: unknown;
  /** The source has ended, and its bytes were right. */
  verified = false;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #descriptor: Descriptor;
  readonly #options: Options;
  readonly #digester: Digester;
  /** Read, and given out. */
  #length: number;
  #offset: number;
  #held: Uint8Array | undefined;
  #offeredAt: number | undefined;
  readonly #onTheWay: Uint8Array[] = [];

  /** `source` has the bytes from `start` on. */
  constructor(source: Bytes, descriptor: Descriptor, start: Checkpoint, options: Options) {
    this.#source = source[Symbol.asyncIterator]();
    this.#descriptor = descriptor;
    this.#options = options;
    this.#digester = start.digester.copy();
    this.#length = start.offset;
    this.#offset = start.offset;
  }

  /** Waits for the first bytes, so that no upload stands open while the source is silent. */
  async ready(): Promise<void> {
    this.#held = await this.#read();
  }

  /** How much has been given out. */
  get offset(): number {
    return this.#offset;
  }

  checkpoint(): Checkpoint {
    return { offset: this.#offset, digester: this.#digester.copy() };
  }

  /** Leaves out what the destination has already. */
  async skipTo(offset: number): Promise<void> {
    while (this.#offset < offset) await this.#take(offset - this.#offset);
  }

  /** The next `length` bytes. */
  async *piece(length: number): AsyncGenerator<Uint8Array> {
    const watch = this.#watch();
    const end = this.#offset + length;
    try {
      while (this.#offset < end) {
        const part = await this.#next(end - this.#offset);
        this.#offeredAt = this.#options.clock.now();
        yield part;
        this.#offeredAt = undefined;
      }
    } finally {
      watch.cancel();
    }
  }

  async #next(most: number): Promise<Uint8Array> {
    try {
      const part = await this.#take(most);
      await pass(this.#options.limiter, part.length, this.#options.stop.signal);
      return part;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** At most so many bytes, the last ones of the blob only when everything has proved right. */
  async #take(most: number): Promise<Uint8Array> {
    const held = this.#held;
    if (held === undefined) throw this.#wrong(String(this.#length));
    const part = held.subarray(0, most);
    this.#digester.update(part);
    this.#held = part.length < held.length ? held.subarray(part.length) : await this.#read();
    this.#offset += part.length;
    if (part.length >= slabSize) this.#send(part);
    return part;
  }

  /** Its buffer goes round: see `slab.ts`. Of smaller ones nobody knows when they are gone. */
  #send(part: Uint8Array): void {
    this.#onTheWay.push(part);
    const gone = this.#onTheWay.length > mostOnTheWay ? this.#onTheWay.shift() : undefined;
    if (gone !== undefined) giveBack(gone);
  }

  /** The next chunk; at the end `undefined`, once everything before has proved right. */
  async #read(): Promise<Uint8Array | undefined> {
    let next = await this.#source.next();
    // An empty chunk held back would hold nothing back.
    while (!next.done && next.value.length === 0) next = await this.#source.next();
    if (next.done) return this.#verify();
    this.#length += next.value.length;
    if (this.#length > this.#descriptor.size) throw this.#wrong('more');
    return next.value;
  }

  #verify(): undefined {
    if (this.#length < this.#descriptor.size) throw this.#wrong(String(this.#length));
    const digest = this.#digester.copy().digest();
    if (digest !== this.#descriptor.digest) throw this.#wrong(`${this.#length} bytes of ${digest}`);
    this.verified = true;
  }

  #wrong(got: string): RegistryError {
    const { digest, size } = this.#descriptor;
    return new RegistryError(
      'corrupt',
      `blob ${digest}: expected ${size} bytes with that digest from the source, got ${got}`,
    );
  }

  #watch(): { cancel(): void } {
    const { clock, idleTimeout, stop } = this.#options;
    let timer = { cancel(): void {} };
    const arm = (ms: number): void => {
      timer = clock.after(ms, () => {
        const idle = this.#offeredAt === undefined ? 0 : clock.now() - this.#offeredAt;
        if (idle < idleTimeout) return arm(idleTimeout - idle);
        this.failure = new RegistryError(
          'timeout',
          `upload of ${this.#descriptor.digest}: nothing taken for ${idleTimeout} ms`,
        );
        stop.abort(this.failure);
      });
    };
    arm(idleTimeout);
    return { cancel: () => timer.cancel() };
  }
}
