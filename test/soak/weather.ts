import { setTimeout } from 'node:timers/promises';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import * as connection from '../support/connection-fault.ts';
import * as fault from '../support/fault.ts';

/** Milliseconds of silence; the mirror's `idleTimeout` is shorter than the longest. */
const silence = 3_000;

const [inMiddle, early] = [20_000, 1_000];

/** Faults that pass, each under the name that the report gives it. */
const kinds: Readonly<Record<string, Misbehaviour>> = {
  'reset, unasked': connection.reset,
  'reset while sending': connection.resetAfterReceiving(early),
  'reset while receiving': connection.brokenBody(inMiddle),
  'answer lost': connection.lostAnswer,
  'closed too early': connection.shortBody(early),
  stall: (call, next) => connection.stall(setTimeout(silence, undefined, { ref: false }))(call, next),
  'stall in a body': (call, next) =>
    connection.stalledBody(early, setTimeout(silence, undefined, { ref: false }))(call, next),
  '429 for a second': fault.rateLimited('1'),
  '500': fault.html(500),
  '502': fault.html(502),
  '503': fault.unavailable(),
  '504': fault.html(504),
  'wrong bytes': connection.wrongBytes,
  'over-long body': connection.overlong(100),
  'session lost': (call, next) =>
    call.path.includes('/uploads/') && call.method !== 'POST' ? fault.uploadLost(call, next) : next(),
  'without a digest': fault.withoutDigest,
  'wrong digest': fault.wrongDigest,
};

/** Lets most requests pass, and meets the others with a fault at random. */
export class Weather {
  /** How often each fault was met. */
  readonly met = new Map<string, number>();
  readonly #random: () => number;
  #share: number;

  constructor(random: () => number, share = 0.06) {
    this.#random = random;
    this.#share = share;
  }

  readonly misbehave: Misbehaviour = (call, next) => {
    if (this.#random() >= this.#share) return next();
    const names = Object.keys(kinds);
    const name = names[Math.floor(this.#random() * names.length)] ?? '';
    this.met.set(name, (this.met.get(name) ?? 0) + 1);
    return kinds[name]?.(call, next) ?? next();
  };

  /** From now on all requests pass. */
  clear(): void {
    this.#share = 0;
  }
}
