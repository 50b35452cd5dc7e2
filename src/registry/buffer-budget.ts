/** Bytes that all blobs of the process together may hold ahead of those who read them. Nobody waits for it. */
export class BufferBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Call the returned function when the bytes have gone on; `undefined` where they would be too many. */
  tryTake(bytes: number): (() => void) | undefined {
    if (bytes > this.#left) return undefined;
    this.#left -= bytes;
    let held = true;
    return () => {
      if (held) this.#left += bytes;
      held = false;
    };
  }
}
