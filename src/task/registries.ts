import type { Destination, Source } from '../copy/repository.ts';
import type { Listing, TagListing } from './listing.ts';

/** What this folder needs of the configured registries, by their names in the configuration. */
export interface Registries {
  source(registry: string, repository: string): Source & Tagged;
  destination(registry: string, repository: string): Destination & Tagged;
  /** Every repository, where the registry gives such a list; throws `RegistryError` where it does not. */
  repositories(registry: string, signal?: AbortSignal): AsyncIterable<string>;
  /** What a source tells besides; its digests are those that `resolve` gives. */
  listing(registry: string): Listing | undefined;
  /** What a destination tells besides. A digest that it gives may be another than `resolve` gives. */
  tagListing(registry: string): TagListing | undefined;
  /** Something in a destination repository is not what was seen there: nothing that is remembered of it is believed. */
  doubt?(registry: string, repository: string): void;
}

export interface Tagged {
  /** Every tag; none for a repository that does not exist. */
  tags(signal?: AbortSignal): AsyncIterable<string>;
}
