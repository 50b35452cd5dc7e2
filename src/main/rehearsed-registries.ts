import { Rehearsal } from '../copy/rehearsal.ts';
import type { Destination, Source } from '../copy/repository.ts';
import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';
import type { Listing, TagListing } from '../task/listing.ts';
import type { Registries, Tagged } from '../task/registries.ts';
import type { Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';
import type { ConfiguredRegistries } from './registries.ts';

/** The configured registries, to which nothing is written; what was asked of a tag by one is not asked again by another. */
export class RehearsedRegistries implements Registries {
  readonly #real: ConfiguredRegistries;
  readonly #rehearsal = new Rehearsal();
  readonly #sources = new Map<string, Source & Tagged>();

  constructor(real: ConfiguredRegistries) {
    this.#real = real;
  }

  source(registry: string, repository: string): Source & Tagged {
    const name = `${registry} ${repository}`;
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    const real = this.#real.source(registry, repository);
    const source = Object.assign(this.#rehearsal.source(real), { tags: real.tags.bind(real) });
    this.#sources.set(name, source);
    return source;
  }

  destination(registry: string, repository: string): Destination & Tagged {
    const real = this.#real.destination(registry, repository);
    const noted = this.#rehearsal.destination(real, registry, repository);
    return Object.assign(noted, { tags: real.tags.bind(real) });
  }

  repositories(registry: string, signal?: AbortSignal): AsyncIterable<string> {
    return this.#real.repositories(registry, signal);
  }

  listing(registry: string): Listing | undefined {
    return this.#real.listing(registry);
  }

  tagListing(registry: string): TagListing | undefined {
    return this.#real.tagListing(registry);
  }

  ends(task: Task): Ends {
    return {
      source: this.source(task.source, task.sourceRepository),
      destination: this.destination(task.destination, task.destinationRepository),
      traffic: this.#real.ends(task).traffic,
    };
  }

  /** What the destination tag really names, if anything. */
  found({ destination, destinationRepository, destinationTag }: Wanted): Digest | undefined {
    return this.#rehearsal.found(destination, destinationRepository, destinationTag)?.digest;
  }
}
