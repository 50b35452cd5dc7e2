import { Line } from './line.ts';
import type { Waiter } from './line.ts';
import type { Urgency } from './urgency.ts';

/**
 * What a slot is for: reading a blob, writing, or any other question. Only who writes holds another slot meanwhile, that
 * of the blob it reads.
 */
export type Use = 'read' | 'write' | 'ask';

interface Wanted extends Waiter {
  use: Use;
  /** Bytes, of a blob that is read or written. */
  size: number | undefined;
  /** How many larger blobs have taken its place. */
  passed: number;
}

/** Behind so many others one goes ahead of them: however busy the copies are, a sweep does not stand still. */
const mostOvertaken = 50;

/** The last slots, which only pushed tags may take: one of eight, and one of less, but never the only one. */
function keptFree(width: number): number {
  return width < 2 ? 0 : Math.max(1, Math.floor(width / 8));
}

/** Requests in flight to one registry, `width` at most. */
export class Slots {
  readonly #width: () => number;
  readonly #line = new Line<Wanted>(mostOvertaken);
  #inFlight = 0;
  #reading = 0;
  /** In flight for others than pushed tags. */
  #common = 0;

  /** `width` is asked each time; when it has grown, `fill` lets the next ones in. */
  constructor(width: () => number) {
    this.#width = width;
  }

  /** Somebody waits: there would be work for more. */
  get areWanted(): boolean {
    return !this.#line.isEmpty;
  }

  /** Waits for a slot; call the returned function when the answer's body is done with. */
  async acquire(
    use: Use,
    urgency: Urgency,
    size: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<() => void> {
    signal?.throwIfAborted();
    const wanted = { use, urgency, size, passed: 0 };
    if (this.#choose([wanted], false) === undefined) await this.#line.wait(wanted, signal);
    else this.#enter(wanted);
    let held = true;
    return () => {
      if (held) this.#leave(wanted);
      held = false;
    };
  }

  /** Lets in whoever may enter now. */
  fill(): void {
    const choose = this.#choose.bind(this);
    for (let next = this.#line.next(choose); next !== undefined; next = this.#line.next(choose))
      this.#count(next, 1);
  }

  /**
   * A write goes ahead, one slot beyond the limit, where nothing but reads is in flight: each of them may wait for
   * a write before it ends. Else copies within one registry, or both ways between two, would stand still.
   */
  #choose(among: readonly Wanted[], isDue: boolean): Wanted | undefined {
    const [first] = among;
    if (first === undefined) return undefined;
    if (this.#hasRoom(first.urgency, isDue)) return this.#largest(among, first);
    return this.#inFlight === this.#reading ? among.find(({ use }) => use === 'write') : undefined;
  }

  /** Of the blobs the largest goes first, for it takes longest; the first one waits in its place, and no question for it. */
  #largest(among: readonly Wanted[], first: Wanted): Wanted {
    if (first.size === undefined || first.passed >= mostOvertaken) return first;
    const found = among.reduce((one, other) => ((other.size ?? 0) > (one.size ?? 0) ? other : one), first);
    if (found === first) return first;
    first.passed++;
    this.#line.swap(first, found);
    return found;
  }

  /** Who is due goes also where a pushed tag would, but no further than all the others together may. */
  #hasRoom(urgency: Urgency, isDue: boolean): boolean {
    const width = this.#width();
    if (urgency === 'push') return this.#inFlight < width;
    const most = width - keptFree(width);
    return this.#inFlight < most || (isDue && this.#inFlight < width && this.#common < most);
  }

  #enter(wanted: Wanted): void {
    this.#line.passedBy(wanted.urgency);
    this.#count(wanted, 1);
  }

  #leave(wanted: Wanted): void {
    this.#count(wanted, -1);
    this.fill();
  }

  #count({ use, urgency }: Wanted, by: 1 | -1): void {
    this.#inFlight += by;
    if (use === 'read') this.#reading += by;
    if (urgency !== 'push') this.#common += by;
  }
}
