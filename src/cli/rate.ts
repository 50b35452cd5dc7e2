/** How fast something grows, over the last `window` milliseconds. */
export class Rate {
  readonly #window: number;
  /** The first is the last one that is as old as the window, or the oldest there is. */
  readonly #samples: { at: number; amount: number }[] = [];

  constructor(window: number) {
    this.#window = window;
  }

  /** Notes how much there is at a time (ms), and tells by how much it grows in a second. */
  at(at: number, amount: number): number {
    this.#samples.push({ at, amount });
    while ((this.#samples[1]?.at ?? at) <= at - this.#window) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined || first.at === at) return 0;
    return ((amount - first.amount) / (at - first.at)) * 1000;
  }
}
