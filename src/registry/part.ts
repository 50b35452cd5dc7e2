import { RangeReader } from './range.ts';
import type { DownloadOptions } from './range.ts';

/** A range of a blob, read into memory as fast as it comes, whether somebody reads it or not. */
export class Part {
  readonly from: number;
  /** Whether the source gives this range. */
  readonly answered: Promise<boolean>;
  readonly #reader: RangeReader;
  readonly #stop = new AbortController();
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  /** `onEnd` is called when nothing more is read, for whatever reason. */
  constructor(options: DownloadOptions, from: number, end: number, onEnd: () => void) {
    const signal = AbortSignal.any([options.call.signal, this.#stop.signal]);
    this.from = from;
    this.#reader = new RangeReader({ ...options, call: { ...options.call, signal } }, from, end);
    this.answered = this.#open();
    void this.#fill().finally(onEnd);
  }

  /** All of it is here, or has been given on. */
  get complete(): boolean {
    return this.#reader.complete;
  }

  /** What the source brought in a second of waiting for it. */
  get bytesPerSecond(): number {
    return this.#reader.pace.bytesPerSecond;
  }

  /** Its bytes; fewer than all where it has failed, whatever the reason. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) yield chunk;
      if (this.#ended) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  cancel(): void {
    this.#stop.abort();
    this.#chunks.length = 0;
  }

  async #open(): Promise<boolean> {
    try {
      await this.#reader.open(true);
    } catch {
      return false; // The one connection asks again, and tells what is wrong.
    }
    if (this.#reader.isRange) return true;
    this.#reader.close();
    return false;
  }

  async #fill(): Promise<void> {
    try {
      if (!(await this.answered)) return;
      for await (const chunk of this.#reader.chunks()) {
        this.#chunks.push(chunk);
        this.#wake();
      }
    } catch {
      // As above.
    } finally {
      this.#ended = true;
      this.#wake();
    }
  }
}
