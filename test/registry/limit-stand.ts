import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '../support/clock.ts';

/** A clock that stands until it is moved, and can be set back while its timers go on, as a machine's can. */
export class ShiftedClock extends FakeClock {
  #shift = 0;

  override now(): number {
    return super.now() + (this.#shift ?? 0);
  }

  override after(ms: number, wake: () => void): { cancel(): void } {
    return super.after(ms - this.#shift, wake);
  }

  /** When the next timer is due, by this clock. */
  get due(): number | undefined {
    return this.next === undefined ? undefined : this.next + this.#shift;
  }

  setBack(ms: number): void {
    this.#shift -= ms;
  }
}

/** Lets everything happen that waits for nothing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await setImmediate();
}

/** Lets time pass until nobody sleeps any more, or `end` has come. */
export async function pass(clock: FakeClock, end = Number.POSITIVE_INFINITY): Promise<void> {
  await settle();
  for (let next = clock.next; next !== undefined && next <= end; next = clock.next) {
    clock.advance(next - clock.now());
    await settle();
  }
}

/** Numbers that look like chance and are the same each time (mulberry32): whole ones below `bound`. */
export function chances(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
