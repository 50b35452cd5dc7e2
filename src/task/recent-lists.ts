/**
 * Lists by name, the ones asked for most recently: as many as have `capacity` entries together, and always those that
 * are being loaded. A list that could not be loaded is not asked for again while it is remembered.
 */
export class RecentLists<List extends { size: number }> {
  readonly #lists = new Map<string, Promise<List>>();
  /** Of those that are loaded. */
  readonly #sizes = new Map<string, number>();
  readonly #capacity: number;
  readonly #load: (name: string) => Promise<List>;
  #size = 0;

  constructor(capacity: number, load: (name: string) => Promise<List>) {
    this.#capacity = capacity;
    this.#load = load;
  }

  get(name: string): Promise<List> {
    const list = this.#lists.get(name) ?? this.#loaded(name);
    // A Map keeps the order of insertion: what was asked for last goes to the end.
    this.#lists.delete(name);
    this.#lists.set(name, list);
    return list;
  }

  async #loaded(name: string): Promise<List> {
    const list = await this.#load(name);
    this.#sizes.set(name, list.size);
    this.#size += list.size;
    const oldest = this.#lists.keys();
    for (let next = oldest.next(); this.#size > this.#capacity && !next.done; next = oldest.next())
      if (next.value !== name) this.#drop(next.value);
    return list;
  }

  #drop(name: string): void {
    const size = this.#sizes.get(name);
    if (size === undefined) return;
    this.#lists.delete(name);
    this.#sizes.delete(name);
    this.#size -= size;
  }
}
