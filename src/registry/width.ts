/** Of the smoothed figures: how many answers they remember. */
const memory = 16;

/** Milliseconds by which a question may take longer for reasons that have nothing to do with how many there are. */
const slack = 50;

/** How many times as long as with nobody else a question takes: up to `calm` there may be more, beyond `strained` there must be fewer. */
const calm = 2;
const strained = 3;
/** Share of refusals that says nothing of how many requests a registry bears. */
const rare = 1 / 8;

/** One answer counts no more than so many times. */
const most = 8;

/**
 * How many requests in flight a registry bears, at most `ceiling`. A refusal (429, 503, a time-out, no connection) takes an
 * eighth of it away, and up to half where many are refused; so do questions that take longer and longer. While it is well, and
 * somebody waits, it grows: by half at first with each round of answers, and from where it was too much the last time by one a round.
 *
 * What was begun before it fell says nothing about the new width: its *era* is over.
 */
export class Width {
  readonly #ceiling: number;
  #width: number;
  #era = 0;
  /** From here on it grows slowly. */
  #threshold = Number.POSITIVE_INFINITY;
  /** Something went well since it fell. */
  #well = true;
  /** Share of the answers that were refusals, smoothed. */
  #refused = 0;
  /** How long questions take, in times of what they took with nobody else, smoothed. */
  #strain = 1;
  /** Of the last answer. */
  #last = 1;
  /** By kind of question: what it takes with nobody else (ms). */
  readonly #floor = new Map<string, number>();

  constructor(ceiling: number, start = ceiling) {
    this.#ceiling = ceiling;
    this.#width = Math.max(1, Math.min(start, ceiling));
  }

  get now(): number {
    return Math.floor(this.#width);
  }

  get era(): number {
    return this.#era;
  }

  /** Share of the answers that were refusals, between an eighth and a half. */
  get severity(): number {
    return Math.min(1 / 2, Math.max(1 / 8, this.#refused));
  }

  /** A request of this era was answered. `wanted`: there would have been work for more. */
  answered(era: number, wanted: boolean): void {
    this.#refused -= this.#refused / memory;
    if (era !== this.#era) return;
    this.#well = true;
    if (!wanted) return;
    if (Math.max(this.#strain, this.#last) > calm) this.#threshold = Math.min(this.#threshold, this.#width);
    else this.#grow();
  }

  /**
   * A request was refused, or had no answer. `false` when that had been heard of already, or is none of our doing: who
   * is told (`isTold`) when to come back keeps silent until then, and asks less only where many are refused.
   */
  failed(era: number, isTold = false): boolean {
    this.#refused += (1 - this.#refused) / memory;
    if (era !== this.#era || (isTold && this.#refused <= rare)) return false;
    this.#fall(this.severity);
    return true;
  }

  /** A small question of a kind took so long (ms), and its answer is there. */
  took(era: number, kind: string, ms: number): void {
    const strain = Math.min(most, ms / (this.#floorOf(kind, ms) + slack));
    this.#last = strain;
    this.#strain += (strain - this.#strain) / memory;
    if (this.#strain <= strained || era !== this.#era) return;
    this.#fall(1 / 8);
    this.#strain = (calm + strained) / 2; // it takes new answers to find that it is still too much
  }

  #grow(): void {
    const by = this.#width < this.#threshold ? 1 / 2 : 1 / this.#width;
    this.#width = Math.min(this.#ceiling, this.#width + by);
  }

  /** An outage is no sign of where it was too much: it falls further, and comes back as fast. */
  #fall(share: number): void {
    this.#era++;
    this.#width = Math.max(1, this.#width * (1 - share));
    if (this.#well) this.#threshold = this.#width;
    this.#well = false;
  }

  /** With one or two in flight it is the registry, or the line, that has become slower. */
  #floorOf(kind: string, ms: number): number {
    const known = this.#floor.get(kind) ?? ms;
    const floor = this.now <= 2 ? known + (ms - known) / 4 : known;
    this.#floor.set(kind, Math.min(ms, floor));
    return Math.min(ms, floor);
  }
}
