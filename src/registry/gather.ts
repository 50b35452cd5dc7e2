import type { Readable } from 'node:stream';
import { slabSize, takeSlab } from './slab.ts';

/*
 * TLS comes in records of 16 KiB, and what is done for each piece (promises, a hash, a write) costs as much as its bytes. So they
 * are gathered where they arrive, in the listener itself, and handed on in chunks of 256 KiB: the rest of the way is gone
 * 4,096 times for a GiB and not 65,536 times.
 */

/** Chunks that wait for whoever reads; then the source is held back. What it has sent by then still comes. */
const mostWaiting = 2;

/** The bytes of a body, in large chunks. Where it breaks off, what has come is given before the failure. */
export class Gatherer {
  readonly #body: Readable;
  readonly #full: Uint8Array[] = [];
  #filling: Buffer | undefined;
  #length = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(body: Readable) {
    this.#body = body;
    body.on('data', (bytes: Uint8Array) => this.#take(bytes));
    body.once('end', () => this.#end());
    body.on('error', (error: Error) => this.#end(error));
    body.once('close', () => this.#end());
  }

  /** `undefined` at the end; throws what broke it off. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#full.length === 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.#body.resume();
      await promise;
    }
    const chunk = this.#full.shift();
    if (chunk === undefined && this.#failure !== undefined) throw this.#failure;
    return chunk;
  }

  /** Ends what is still under way. */
  close(): void {
    this.#body.destroy();
  }

  #take(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      this.#filling ??= takeSlab();
      const part = rest.subarray(0, slabSize - this.#length);
      this.#filling.set(part, this.#length);
      this.#length += part.length;
      rest = rest.subarray(part.length);
      if (this.#length === slabSize) this.#hand();
    }
    if (this.#full.length >= mostWaiting) this.#body.pause();
  }

  #hand(): void {
    if (this.#filling !== undefined) this.#full.push(this.#filling.subarray(0, this.#length));
    this.#filling = undefined;
    this.#length = 0;
    this.#wake();
  }

  #end(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    if (this.#length > 0) this.#hand();
    this.#wake();
  }
}
