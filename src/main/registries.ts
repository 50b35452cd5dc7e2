import { isDeepStrictEqual } from 'node:util';
import type { OpenApi } from '../aliyun/openapi.ts';
import { Pace } from '../aliyun/pace.ts';
import { ForeseenDestination, PreparedDestination } from '../aliyun/prepared-destination.ts';
import type { RegistryConfig } from '../config.ts';
import type { Harbor } from '../harbor/harbor.ts';
import { Probe } from '../registry/probe.ts';
import type { Repository } from '../registry/repository.ts';
import type { Urgency } from '../registry/urgency.ts';
import type { Destination } from '../copy/repository.ts';
import type { History, Listing, TagListing } from '../task/listing.ts';
import type { Registries, Tagged } from '../task/registries.ts';
import type { Door, Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';
import { newEntry } from './registry-entry.ts';
import type { Entry, EntryOptions } from './registry-entry.ts';

export interface RegistriesOptions extends EntryOptions {
  configs: readonly RegistryConfig[];
  /** What the new ones take the place of: whatever is equal keeps its client. */
  before?: ConfiguredRegistries | undefined;
}

/** An entry and how many configurations, one after the other, have it: the last one closes it. */
interface Kept {
  config: RegistryConfig;
  entry: Entry;
  holders: number;
}

const urgencyOf: Record<Door, Urgency> = { webhook: 'push', admin: 'resync', sweep: 'sweep' };

/** The configured registries by name, each with its one client. */
export class ConfiguredRegistries implements Registries {
  readonly #registries: ReadonlyMap<string, Kept>;
  readonly #pace: Pace;
  #closed = false;

  constructor({ configs, before, ...options }: RegistriesOptions) {
    const pace = before === undefined ? new Pace(options.clock) : before.#pace;
    this.#pace = pace;
    const make = (config: RegistryConfig): Entry => newEntry(config, options, pace);
    const old: ReadonlyMap<string, Kept> = before === undefined ? new Map() : before.#registries;
    this.#registries = new Map(
      configs.map((config) => [config.name, keptOf(config, old.get(config.name), make)]),
    );
    // Only now: one that cannot be made must not leave the others held.
    for (const kept of this.#registries.values()) kept.holders++;
  }

  source(registry: string, repository: string): Repository {
    return this.#get(registry).client.repository(repository, 'pull', 'look');
  }

  /** For whoever only looks: what `prepare` would make for a copy counts as empty. */
  destination(registry: string, repository: string): Destination & Tagged {
    const { client, preparation } = this.#get(registry);
    const real = client.repository(repository, 'push', 'look');
    return preparation ? new ForeseenDestination(real, preparation, repository) : real;
  }

  doubt(registry: string, repository: string): void {
    this.#get(registry).ledger.forget(repository);
  }

  repositories(registry: string, signal?: AbortSignal): AsyncIterable<string> {
    return this.#get(registry).client.repositories(signal);
  }

  listing(registry: string): (Listing & History) | undefined {
    return this.#get(registry).harbor;
  }

  tagListing(registry: string): TagListing | undefined {
    return this.#get(registry).tagListing;
  }

  /** Their requests are as urgent as the door that the task came by; what is asked for above stands behind them all. */
  ends(task: Task): Ends {
    const { client, traffic, preparation } = this.#get(task.destination);
    const { destinationRepository: repository } = task;
    const urgency = urgencyOf[task.door];
    const real = client.repository(repository, 'push', urgency);
    return {
      source: this.#get(task.source).client.repository(task.sourceRepository, 'pull', urgency),
      destination: preparation ? new PreparedDestination(real, preparation, repository) : real,
      traffic,
    };
  }

  /** Of a registry that is of type harbor. */
  harbor(registry: string): Harbor {
    const { harbor } = this.#get(registry);
    if (harbor !== undefined) return harbor;
    throw new TypeError(`registry ${registry}: expected type harbor`);
  }

  /** Only where there is an Alibaba identity. */
  openApi(registry: string): OpenApi | undefined {
    return this.#get(registry).aliyun?.openApi;
  }

  /** For single questions beside the client's; the caller closes it. */
  probe(registry: string): Probe {
    return new Probe(this.#get(registry).options);
  }

  /** How many requests each may have in flight now. */
  widths(): readonly (readonly [registry: string, width: number])[] {
    return [...this.#registries].map(([name, { entry }]) => [name, entry.client.width] as const);
  }

  /** Closes the clients that no successor has taken over. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const all = [...this.#registries.values()];
    for (const kept of all) kept.holders--;
    const entries = all.filter(({ holders }) => holders === 0).map(({ entry }) => entry);
    for (const { ledger } of entries) ledger.flush();
    const open = entries.flatMap(({ client, aliyun }) => (aliyun ? [client, aliyun] : [client]));
    await Promise.all(open.map((one) => one.close()));
  }

  #get(name: string): Entry {
    const registry = this.#registries.get(name);
    if (registry !== undefined) return registry.entry;
    throw new Error(`registry ${name} is not in the configuration any more; cancel the task, or put it back`);
  }
}

/** What is known of a registry's blobs, and which are on their way, stays with its address, however it is spoken to. */
function keptOf(
  config: RegistryConfig,
  old: Kept | undefined,
  make: (config: RegistryConfig) => Entry,
): Kept {
  if (old !== undefined && isDeepStrictEqual(old.config, config)) return old;
  const made = make(config);
  if (old?.config.url !== config.url) return { config, entry: made, holders: 0 };
  const { traffic, ledger } = old.entry;
  return { config, entry: { ...made, traffic, ledger }, holders: 0 };
}
