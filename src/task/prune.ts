import type { Clock } from '../clock.ts';
import type { PruneStore } from './store.ts';

export interface PruneOptions {
  store: PruneStore;
  clock: Clock;
  /** How long finished tasks, events and sweeps are kept just now; milliseconds. */
  keep(): number;
  /** A round ended early; the next one comes all the same. */
  onError: (error: unknown) => void;
}

/** Between two rounds; milliseconds. */
const interval = 10 * 60 * 1000;

/** Rows removed at once, and the pause behind them (ms): whatever else wants the database goes first. */
const step = 200;
const pause = 100;

/** The chore that forgets: removes in small steps what is finished and older than `keep`. */
export class Prune {
  readonly #options: PruneOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PruneOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#round(signal);
      await this.#sleep(interval, signal);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { store, clock, keep, onError } = this.#options;
    const before = clock.now() - keep();
    try {
      store.pruneUploads(clock.now());
      let last: number;
      do {
        last = store.prune(before, step);
        await this.#sleep(pause, signal);
      } while (last === step && !signal.aborted);
    } catch (error) {
      onError(error);
    }
  }

  /** Returns early, without an error, when stopped. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
