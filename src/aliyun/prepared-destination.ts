import { RegistryError } from '../copy/error.ts';
import type { Destination } from '../copy/repository.ts';
import type { Tagged } from '../task/registries.ts';
import type { Preparation } from './preparation.ts';

type Step<K extends keyof Destination> = Destination[K];

/** For copies: the repository is made ready before the first of them asks for anything, reading included. */
export class PreparedDestination implements Destination {
  readonly #real: Destination;
  readonly #preparation: Preparation;
  readonly #repository: string;

  constructor(real: Destination, preparation: Preparation, repository: string) {
    this.#real = real;
    this.#preparation = preparation;
    this.#repository = repository;
  }

  resolve: Step<'resolve'> = (reference, signal) =>
    this.#ready(signal, () => this.#real.resolve(reference, signal));

  manifest: Step<'manifest'> = (descriptor, signal) =>
    this.#ready(signal, () => this.#real.manifest(descriptor, signal));

  hasBlob: Step<'hasBlob'> = (descriptor, signal) =>
    this.#ready(signal, () => this.#real.hasBlob(descriptor, signal));

  writeBlob: Step<'writeBlob'> = (descriptor, open, options) =>
    this.#ready(options.signal, () => this.#real.writeBlob(descriptor, open, options));

  putManifest: Step<'putManifest'> = (reference, descriptor, bytes, signal) =>
    this.#ready(signal, () => this.#real.putManifest(reference, descriptor, bytes, signal));

  async #ready<T>(signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
    await this.#preparation.ready(this.#repository, signal);
    try {
      return await step();
    } catch (error) {
      // A repository that is not there is refused like one that is forbidden: the next attempt asks which it is.
      if (isDenied(error)) this.#preparation.forget(this.#repository);
      throw error;
    }
  }
}

/**
 * For whoever only looks: a repository that copies will make is empty until then, where `/v2` refuses to speak of it.
 * Nothing is made.
 */
export class ForeseenDestination implements Destination, Tagged {
  readonly #real: Destination & Tagged;
  readonly #preparation: Preparation;
  readonly #repository: string;
  readonly manifest: Step<'manifest'>;
  readonly writeBlob: Step<'writeBlob'>;
  readonly putManifest: Step<'putManifest'>;

  constructor(real: Destination & Tagged, preparation: Preparation, repository: string) {
    this.#real = real;
    this.#preparation = preparation;
    this.#repository = repository;
    this.manifest = real.manifest.bind(real);
    this.writeBlob = real.writeBlob.bind(real);
    this.putManifest = real.putManifest.bind(real);
  }

  async resolve(...asked: Parameters<Step<'resolve'>>): ReturnType<Step<'resolve'>> {
    return this.#real.resolve(...asked).catch((error: unknown) => this.#absent(error, undefined, asked[1]));
  }

  async hasBlob(...asked: Parameters<Step<'hasBlob'>>): Promise<boolean> {
    return this.#real.hasBlob(...asked).catch((error: unknown) => this.#absent(error, false, asked[1]));
  }

  async *tags(signal?: AbortSignal): AsyncGenerator<string> {
    try {
      yield* this.#real.tags(signal);
    } catch (error) {
      await this.#absent(error, undefined, signal);
    }
  }

  async #absent<T>(error: unknown, answer: T, signal: AbortSignal | undefined): Promise<T> {
    if (isDenied(error) && (await this.#preparation.isToBeMade(this.#repository, signal))) return answer;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof RegistryError && error.fault === 'denied';
}
