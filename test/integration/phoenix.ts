import type { Ending } from '../support/temporary.ts';
import { type Mirror, serve } from './mirror.ts';

/** A mirror that is killed without notice and started again with the same files. */
export class Phoenix {
  readonly #t: Ending;
  readonly #file: string;
  #mirror: Promise<Mirror>;

  constructor(t: Ending, file: string) {
    this.#t = t;
    this.#file = file;
    this.#mirror = serve(t, file);
  }

  /** The one that runs, or the next one once it listens. */
  get mirror(): Promise<Mirror> {
    return this.#mirror;
  }

  /** `killed` is called when the process is gone and the next one not yet started. */
  async kill(killed: () => void): Promise<void> {
    const mirror = await this.#mirror;
    mirror.kill('SIGKILL');
    this.#mirror = mirror.ended.then(() => {
      killed();
      return serve(this.#t, this.#file);
    });
    await this.#mirror;
  }
}
