import { reasonOf } from '../abort.ts';
import { urgencies } from './urgency.ts';
import type { Urgency } from './urgency.ts';

export interface Waiter {
  readonly urgency: Urgency;
}

/**
 * Those who wait for one thing: the most urgent first, and who comes first among equals, unless whoever lets them in
 * chooses otherwise. Overtaking is bounded: those of one urgency are *due* when so many others have gone ahead since the last of them.
 */
export class Line<W extends Waiter> {
  readonly #mostOvertaken: number;
  readonly #waiting: Record<Urgency, W[]> = { push: [], resync: [], sweep: [], look: [] };
  readonly #overtaken: Record<Urgency, number> = { push: 0, resync: 0, sweep: 0, look: 0 };
  readonly #enter = new Map<W, () => void>();

  constructor(mostOvertaken: number) {
    this.#mostOvertaken = mostOvertaken;
  }

  get isEmpty(): boolean {
    return this.#enter.size === 0;
  }

  /** Until it is let in. Rejects with the signal's reason when that is aborted first. */
  async wait(waiter: W, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      // Who has just been let in sees to the abort itself.
      if (signal !== undefined && this.#enter.has(waiter)) {
        this.#leave(waiter);
        reject(reasonOf(signal));
      }
    };
    this.#waiting[waiter.urgency].push(waiter);
    this.#enter.set(waiter, resolve);
    signal?.addEventListener('abort', abort, { once: true });
    await promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** Lets in the one that `choose` takes among those of the same urgency, in the order of their coming, and gives it. */
  next(choose: (among: readonly W[], isDue: boolean) => W | undefined): W | undefined {
    for (const urgency of this.#inTurn()) {
      const waiter = choose(this.#waiting[urgency], this.#isDue(urgency));
      if (waiter === undefined) continue;
      const enter = this.#enter.get(waiter);
      this.#leave(waiter);
      this.passedBy(urgency);
      enter?.();
      return waiter;
    }
    return undefined;
  }

  /** Each of them takes the other's place. */
  swap(one: W, other: W): void {
    const among = this.#waiting[one.urgency];
    const [here, there] = [among.indexOf(one), among.indexOf(other)];
    [among[here], among[there]] = [other, one];
  }

  /** Somebody went ahead of those who are less urgent: let in, or without having waited. */
  passedBy(urgency: Urgency): void {
    this.#overtaken[urgency] = 0;
    for (const later of urgencies.slice(urgencies.indexOf(urgency) + 1))
      if (this.#waiting[later].length > 0) this.#overtaken[later]++;
  }

  #inTurn(): readonly Urgency[] {
    const due = urgencies.filter((urgency) => this.#isDue(urgency));
    if (due.length === 0) return urgencies;
    due.sort((one, other) => this.#overtaken[other] - this.#overtaken[one]);
    return [...due, ...urgencies];
  }

  #isDue(urgency: Urgency): boolean {
    return this.#overtaken[urgency] >= this.#mostOvertaken;
  }

  #leave(waiter: W): void {
    const among = this.#waiting[waiter.urgency];
    among.splice(among.indexOf(waiter), 1);
    this.#enter.delete(waiter);
    if (among.length === 0) this.#overtaken[waiter.urgency] = 0;
  }
}
