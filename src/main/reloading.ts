import { type Config, ConfigError } from '../config.ts';
import type { Log } from '../log.ts';
import type { Difference, Reloaded } from '../server/reload.ts';
import { differenceOf, withoutRestart } from './difference.ts';

export interface ReloadingOptions {
  /** The one that holds now. */
  config(): Config;
  /** Reads the file again; rejects with `ConfigError`. */
  load(): Promise<Config>;
  /** Puts the new one into force as a whole; throws before anything has changed. */
  apply(config: Config): Promise<void>;
  log: Log;
}

/**
 * Reads the configuration again, one reload after the other. All or nothing: of a wrong file nothing counts. Whoever asks while
 * one waits has that one: it will read what stands in the file now, and a storm of signals is two of them.
 */
export class Reloading {
  readonly #options: ReloadingOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** Has not begun to read. */
  #waiting: Promise<Reloaded> | undefined;
  #stopped = false;

  constructor(options: ReloadingOptions) {
    this.#options = options;
  }

  /** Rejects when a file was taken away while it was read, and for mistakes of this program; all of it has been logged. */
  reload(): Promise<Reloaded> {
    if (this.#waiting !== undefined) return this.#waiting;
    const reloading = this.#last.then(() => {
      this.#waiting = undefined;
      return this.#reload();
    });
    this.#waiting = reloading;
    this.#last = reloading.catch(() => undefined);
    return reloading;
  }

  /** No further one begins; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#last;
  }

  async #reload(): Promise<Reloaded> {
    const { log } = this.#options;
    try {
      return await this.#change();
    } catch (error) {
      if (!(error instanceof ConfigError)) {
        log.error('configuration not reloaded', { error });
        throw error;
      }
      for (const mistake of error.mistakes)
        log.error('configuration not reloaded, the old one holds: the file has a mistake', { ...mistake });
      return { mistakes: error.mistakes };
    }
  }

  async #change(): Promise<Difference | 'stopping'> {
    const { config, load, apply, log } = this.#options;
    if (this.#stopped) return this.#stopping();
    const [before, wanted] = [config(), await load()];
    // Reading may have taken a while.
    if (this.#stopped) return this.#stopping();
    const difference = differenceOf(before, wanted);
    await apply(withoutRestart(before, wanted));
    log.info('configuration reloaded', { ...difference });
    const waiting = difference.settings.filter(({ restart }) => restart).map(({ path }) => path);
    if (waiting.length > 0)
      log.warn('changes in the configuration that need a restart: until then the old values hold', {
        paths: waiting,
      });
    return difference;
  }

  #stopping(): 'stopping' {
    this.#options.log.warn('configuration not reloaded: the mirror is stopping');
    return 'stopping';
  }
}
