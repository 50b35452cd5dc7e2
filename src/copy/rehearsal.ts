import type { Descriptor } from '../oci/descriptor.ts';
import type { Destination, Fetched, Source, WriteBlobOptions } from './repository.ts';

/**
 * A run in which nothing is written: the same copies between ends that only note what they are told to write. What a
 * destination would have by now counts as being there, so the outcomes, and the blobs with their bytes, are those of a
 * run that writes, as long as every registry mounts what it has.
 */
export class Rehearsal {
  readonly #registries = new Map<string, NotedRegistry>();

  /** Its tags are as they were when first asked for: nobody waits long enough for them to move. */
  source(real: Source): Source {
    return new SteadySource(real);
  }

  /** `registry`: any name, the same for all repositories of one registry. */
  destination(real: Destination, registry: string, repository: string): Destination {
    const noted = this.#registries.get(registry) ?? new NotedRegistry();
    this.#registries.set(registry, noted);
    return new NotingDestination(real, noted, noted.repository(repository));
  }

  /** What a destination tag really names, as far as it was asked for. */
  found(registry: string, repository: string, tag: string): Descriptor | undefined {
    return this.#registries.get(registry)?.repository(repository).found.get(tag);
  }
}

/** What would have been written. */
class NotedRegistry {
  readonly blobs = new Set<string>();
  readonly #repositories = new Map<string, NotedRepository>();

  repository(name: string): NotedRepository {
    const noted = this.#repositories.get(name) ?? {
      blobs: new Set(),
      manifests: new Map(),
      found: new Map(),
    };
    this.#repositories.set(name, noted);
    return noted;
  }
}

interface NotedRepository {
  readonly blobs: Set<string>;
  /** By tag and by digest. */
  readonly manifests: Map<string, Descriptor>;
  /** What was really there when it was first asked for. */
  readonly found: Map<string, Descriptor | undefined>;
}

class SteadySource implements Source {
  readonly #real: Source;
  readonly #resolved = new Map<string, Descriptor | undefined>();

  constructor(real: Source) {
    this.#real = real;
  }

  async resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    if (!this.#resolved.has(reference))
      this.#resolved.set(reference, await this.#real.resolve(reference, signal));
    return this.#resolved.get(reference);
  }

  /** Steady as well: who has been told what the tag names is given that. */
  async fetch(reference: string, signal?: AbortSignal): Promise<Fetched | undefined> {
    if (!this.#resolved.has(reference)) return this.#fetchFirst(reference, signal);
    const descriptor = this.#resolved.get(reference);
    return descriptor && { descriptor, bytes: await this.manifest(descriptor, signal) };
  }

  async #fetchFirst(reference: string, signal: AbortSignal | undefined): Promise<Fetched | undefined> {
    const fetched = await this.#real.fetch(reference, signal);
    this.#resolved.set(reference, fetched?.descriptor);
    return fetched;
  }

  async manifest(descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.#real.manifest(descriptor, signal);
    } catch (error) {
      // Perhaps it is gone, and its tag moved: that has to be asked anew.
      this.#resolved.clear();
      throw error;
    }
  }

  describe: Source['describe'] = (...wanted) => this.#real.describe(...wanted);

  blob: Source['blob'] = (...wanted) => this.#real.blob(...wanted);
}

class NotingDestination implements Destination {
  readonly #real: Destination;
  readonly #registry: NotedRegistry;
  readonly #repository: NotedRepository;

  constructor(real: Destination, registry: NotedRegistry, repository: NotedRepository) {
    this.#real = real;
    this.#registry = registry;
    this.#repository = repository;
  }

  async resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const { manifests, found } = this.#repository;
    if (!manifests.has(reference) && !found.has(reference))
      found.set(reference, await this.#real.resolve(reference, signal));
    return manifests.get(reference) ?? found.get(reference);
  }

  manifest: Destination['manifest'] = (...wanted) => this.#real.manifest(...wanted);

  async hasBlob(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean> {
    return this.#repository.blobs.has(descriptor.digest) || this.#real.hasBlob(descriptor, signal);
  }

  /** `from` was seen to have it, or is noted to have it by now: either way it would be mounted. */
  async writeBlob(
    descriptor: Descriptor,
    _open: unknown,
    { from, absent, signal }: WriteBlobOptions,
  ): Promise<'copied' | 'mounted' | 'skipped'> {
    const { digest } = descriptor;
    if (from === undefined && !absent && (await this.hasBlob(descriptor, signal))) return 'mounted';
    const mounted = from !== undefined || this.#registry.blobs.has(digest);
    this.#registry.blobs.add(digest);
    this.#repository.blobs.add(digest);
    return mounted ? 'mounted' : 'copied';
  }

  async putManifest(reference: string, descriptor: Descriptor): Promise<boolean> {
    this.#repository.manifests.set(reference, descriptor);
    this.#repository.manifests.set(descriptor.digest, descriptor);
    return true;
  }
}
