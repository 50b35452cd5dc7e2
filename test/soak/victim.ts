import { setTimeout } from 'node:timers/promises';
import { type Ended, type Running, start } from '../integration/process.ts';
import { type Mirror, environment, mirrorOf } from '../integration/mirror.ts';
import type { Ending } from '../support/temporary.ts';

/** The process ended although nobody killed it. */
export class Died extends Error {
  override readonly name = 'Died';
}

/** `tagferry serve`, killed at random moments of its life and its start, and started again with the same files. */
export class Victim {
  /** When it was killed, in milliseconds since 1970. */
  readonly killedAt: number[] = [];
  /** How many of them met a process that did not listen yet. */
  killsAtStart = 0;
  readonly #file: string;
  readonly #env: Record<string, string>;
  readonly #random: () => number;
  #mirror: Mirror | undefined;

  /** `cache`: a folder for compiled code, which makes a start cheap from the second on. */
  constructor(file: string, cache: string, random: () => number) {
    this.#file = file;
    this.#env = { ...environment, NODE_COMPILE_CACHE: cache };
    this.#random = random;
  }

  /** The one that listens just now, if there is one. */
  get mirror(): Mirror | undefined {
    return this.#mirror;
  }

  get kills(): number {
    return this.killedAt.length;
  }

  /** Starts it once and stops it in good order: only then is compiled code kept. */
  async warmUp(t: Ending): Promise<void> {
    const mirror = await this.stay(t);
    mirror.kill('SIGTERM');
    await mirror.ended;
    this.#mirror = undefined;
  }

  /** Lives and dies until there has been enough of it. */
  async suffer(enough: () => boolean): Promise<void> {
    while (!enough()) {
      const ends: (() => void | Promise<void>)[] = [];
      const { running, listening } = this.#start({ after: (end) => void ends.push(end) });
      const died = await Promise.race([running.ended, this.#moment(listening)]);
      if (died !== undefined) throw this.#died(running, died);
      this.killedAt.push(Date.now());
      if (this.#mirror === undefined) this.killsAtStart++;
      running.kill('SIGKILL');
      this.#mirror = undefined;
      for (const end of ends) await end();
    }
  }

  /** Starts it once more, to stay. */
  async stay(t: Ending): Promise<Mirror> {
    const { running, listening } = this.#start(t);
    const died = running.ended.then((ended) => Promise.reject(this.#died(running, ended)));
    died.catch(() => undefined);
    return Promise.race([listening, died]);
  }

  /** Three lives in ten are over before the process listens; of the others most are short, a few are long. */
  async #moment(listening: Promise<unknown>): Promise<undefined> {
    if (this.#random() < 0.3) return setTimeout(this.#random() * 600, undefined);
    await listening;
    return setTimeout(2_000 * this.#random() ** 3, undefined);
  }

  #start(t: Ending): { running: Running; listening: Promise<Mirror> } {
    const running = start(t, ['serve', '--config', this.#file], { env: this.#env });
    const { promise: listening, resolve } = Promise.withResolvers<Mirror>();
    running.onLine((line) => {
      const url = /^tagferry listens on (\S+)$/.exec(line)?.[1];
      if (url === undefined) return;
      this.#mirror = mirrorOf(running, url);
      resolve(this.#mirror);
    });
    return { running, listening };
  }

  #died({ stderr }: Running, { code, signal }: Ended): Died {
    this.#mirror = undefined;
    return new Died(`serve ended by itself with ${code ?? signal}:\n${stderr.slice(-20).join('\n')}`);
  }
}
