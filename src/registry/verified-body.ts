import type { Clock } from '../clock.ts';
import { RegistryError } from '../copy/error.ts';
import type { Bytes } from '../copy/repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, Digester } from '../oci/digest.ts';
import type { Limiter } from './limit.ts';

interface Options {
  limiter: Limiter;
  clock: Clock;
  /** Milliseconds in which the destination must take the next chunk. */
  idleTimeout: number;
  /** Aborted, with the reason, when the destination takes nothing for that long. */
  stop: AbortController;
}

/**
 * A blob on its way: hashed as it passes, its last chunk held back until digest and length are right. Holds one
 * chunk while the next is read, whatever the blob's size.
 */
export class VerifiedBody implements AsyncIterable<Uint8Array> {
  /** What ended the body, if not its end: undici reports such errors in words of its own. */
  failure: unknown;
  /** The source has ended, and its bytes were right. */
  verified = false;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #descriptor: Descriptor;
  readonly #options: Options;
  readonly #digester: Digester;
  #length = 0;
  #held: Uint8Array | undefined;
  #offeredAt: number | undefined;

  constructor(source: Bytes, descriptor: Descriptor, options: Options) {
    this.#source = source[Symbol.asyncIterator]();
    this.#descriptor = descriptor;
    this.#options = options;
    this.#digester = new Digester(algorithmOf(descriptor.digest));
  }

  /** Waits for the first bytes, so that no upload stands open while the source is silent. */
  async ready(): Promise<void> {
    this.#held = await this.#read();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const watch = this.#watch();
    try {
      for (let held = this.#held; held !== undefined; held = this.#held) {
        this.#held = await this.#read();
        await this.#options.limiter.bytes(held.length, this.#options.stop.signal);
        this.#offeredAt = this.#options.clock.now();
        yield held;
        this.#offeredAt = undefined;
      }
    } catch (error) {
      this.failure = error;
      throw error;
    } finally {
      watch.cancel();
    }
  }

  /** The next chunk; at the end `undefined`, once everything before has proved right. */
  async #read(): Promise<Uint8Array | undefined> {
    let next = await this.#source.next();
    // An empty chunk held back would hold nothing back.
    while (!next.done && next.value.length === 0) next = await this.#source.next();
    if (next.done) return this.#verify();
    this.#length += next.value.length;
    if (this.#length > this.#descriptor.size) throw this.#wrong('more');
    this.#digester.update(next.value);
    return next.value;
  }

  #verify(): undefined {
    if (this.#length < this.#descriptor.size) throw this.#wrong(String(this.#length));
    const digest = this.#digester.digest();
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
