import { statSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { readRegular as read } from '../config/regular.ts';

export interface WatchedOptions<T> {
  files: readonly string[];
  /** What their texts, in the order of `files`, are good for; throws when they are not what they should be. */
  make(texts: readonly string[]): T;
  clock: Pick<Clock, 'now'>;
  /** Milliseconds that have to pass between two looks. */
  every: number;
  /** Told once when they turn bad: until they are good again, what was made before stays in use. */
  onBad(error: unknown): void;
}

/** What is made of files, and made anew when their texts have changed. */
export class Watched<T> {
  readonly #options: WatchedOptions<T>;
  #made: T;
  #texts: readonly string[];
  /** Of the files that were read; none while they are bad, so that they are read at each look. */
  #stamp: string | undefined;
  #lookedAt: number;
  #isBad = false;

  /** Throws what reading does, and what `make` throws. */
  constructor(options: WatchedOptions<T>) {
    this.#options = options;
    this.#lookedAt = options.clock.now();
    // First the stamp: what is written between the two is seen by the next look.
    this.#stamp = stampOf(options.files);
    this.#texts = options.files.map(read);
    this.#made = options.make(this.#texts);
  }

  /** The same thing until the texts have changed. */
  get(): T {
    const now = this.#options.clock.now();
    // A clock that was set back makes no look wait longer.
    if (Math.abs(now - this.#lookedAt) < this.#options.every) return this.#made;
    this.#lookedAt = now;
    this.#look();
    return this.#made;
  }

  #look(): void {
    try {
      const stamp = stampOf(this.#options.files);
      if (stamp === this.#stamp) return;
      this.#take(this.#options.files.map(read));
      this.#stamp = stamp;
      this.#isBad = false;
    } catch (error) {
      this.#stamp = undefined;
      if (!this.#isBad) this.#options.onBad(error);
      this.#isBad = true;
    }
  }

  #take(texts: readonly string[]): void {
    if (texts.every((text, index) => text === this.#texts[index])) return;
    this.#made = this.#options.make(texts);
    this.#texts = texts;
  }
}

/** Another one whenever a file was written or replaced, also through a link, as Kubernetes does it. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
      return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    })
    .join('\n');
}
