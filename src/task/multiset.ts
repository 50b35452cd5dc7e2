/** Names, with how often each is there, counted as they come and go. */
export class Multiset {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  remove(name: string): void {
    const left = (this.#counts.get(name) ?? 0) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }

  /** The names that are there so often, or more. */
  atLeast(count: number): ReadonlySet<string> {
    return new Set([...this.#counts].filter(([, found]) => found >= count).map(([name]) => name));
  }
}
