import type { Clock } from '../clock.ts';
import { type Config, type KeyPair, keyPairOf } from '../config.ts';
import type { Log } from '../log.ts';
import { Watched } from './watched.ts';

type Files = NonNullable<Config['server']['tls']>;

/** Milliseconds between two looks at the files. */
const minute = 60_000;

/** The server's certificate and key, read again when their files change: new connections get the new one. */
export class Certificate {
  readonly #log: Log;
  readonly #clock: Clock;
  #watched: Watched<KeyPair>;
  #shown: KeyPair;
  #timer: { cancel(): void } | undefined;

  /** Throws for files that cannot be read, or do not belong together. */
  constructor(files: Files, log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#watched = this.watch(files);
    this.#shown = this.#watched.get();
  }

  get pair(): KeyPair {
    return this.#shown;
  }

  /** For `change`, so that what can fail has been tried before anything is changed. Throws as the constructor does. */
  watch({ certFile, keyFile }: Files): Watched<KeyPair> {
    return new Watched({
      files: [certFile, keyFile],
      make: ([cert = '', key = '']) => keyPairOf(cert, key),
      clock: this.#clock,
      every: 0,
      onBad: (error) =>
        this.#log.warn('server.tls cannot be used as it is now: the earlier certificate stays', {
          certFile,
          keyFile,
          error,
        }),
    });
  }

  /** `show` is called with each new pair. */
  start(show: (pair: KeyPair) => void): void {
    this.#timer = this.#clock.after(minute, () => {
      this.#renew(show);
      this.start(show);
    });
  }

  /** From now on those of other files. */
  change(watched: Watched<KeyPair>, show: (pair: KeyPair) => void): void {
    this.#watched = watched;
    this.#renew(show);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #renew(show: (pair: KeyPair) => void): void {
    const pair = this.#watched.get();
    if (pair.cert === this.#shown.cert && pair.key === this.#shown.key) return;
    this.#shown = pair;
    show(pair);
    this.#log.info('server.tls: new certificate');
  }
}
