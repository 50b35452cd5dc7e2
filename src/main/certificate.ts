import { isDeepStrictEqual } from 'node:util';
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
  #files: Files;
  #watched: Watched<KeyPair>;
  #shown: KeyPair;
  #show: (pair: KeyPair) => void = () => undefined;
  #timer: { cancel(): void } | undefined;

  /** Throws for files that cannot be read, or do not belong together. */
  constructor(files: Files, log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#files = files;
    this.#watched = this.#watch(files);
    this.#shown = this.#watched.get();
  }

  get pair(): KeyPair {
    return this.#shown;
  }

  /** `show` is called with each new pair. */
  start(show: (pair: KeyPair) => void): void {
    this.#show = show;
    this.#wait();
  }

  /**
   * Reads other files, so that whatever may fail has failed before anything changes; what it returns puts them into force.
   * The same files, or none, are looked at as by the clock. Throws as the constructor does.
   */
  prepare(files: Files = this.#files): () => void {
    const watched = isDeepStrictEqual(files, this.#files) ? this.#watched : this.#watch(files);
    return () => {
      this.#files = files;
      this.#watched = watched;
      this.#renew();
    };
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #watch({ certFile, keyFile }: Files): Watched<KeyPair> {
    const bad = 'server.tls cannot be used as it is now: the earlier certificate stays';
    return new Watched({
      files: [certFile, keyFile],
      make: ([cert = '', key = '']) => keyPairOf(cert, key),
      clock: this.#clock,
      every: 0,
      onBad: (error) => this.#log.warn(bad, { certFile, keyFile, error }),
    });
  }

  #wait(): void {
    this.#timer = this.#clock.after(minute, () => {
      this.#renew();
      this.#wait();
    });
  }

  #renew(): void {
    const pair = this.#watched.get();
    if (pair.cert === this.#shown.cert && pair.key === this.#shown.key) return;
    this.#shown = pair;
    this.#show(pair);
    this.#log.info('server.tls: new certificate');
  }
}
