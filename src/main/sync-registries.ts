import { shared } from '../abort.ts';
import { at } from '../copy/error.ts';
import { Proofs } from '../copy/proofs.ts';
import type { Rehearsal } from '../copy/rehearsal.ts';
import type { Place } from '../imagesyncer/place.ts';
import { isDigest } from '../oci/digest.ts';
import type { Digest } from '../oci/digest.ts';
import type { Repository } from '../registry/repository.ts';
import type { Wanted } from '../rule/rule.ts';
import { RepositoryTags } from '../sync/repository-tags.ts';
import type { Copy } from '../sync/outcome.ts';
import type { Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';
import { SyncClients } from './sync-clients.ts';
import type { SyncClientOptions } from './sync-clients.ts';
import type { SyncMemory } from './sync-memory.ts';

export interface SyncRegistryOptions extends SyncClientOptions {
  memory: SyncMemory;
  /** Of a dry run. */
  rehearsal: Rehearsal | undefined;
}

/** The registries that image-syncer's rules name, and what is found out at their destination tags before something is copied. */
export class SyncRegistries {
  readonly #options: SyncRegistryOptions;
  readonly #clients: SyncClients;
  /** By destination repository: its tags that the run comes to. */
  readonly #wanted = new Map<string, ReadonlySet<string>>();
  readonly #there = new Map<string, RepositoryTags>();
  readonly #proofs = new Map<string, Proofs>();
  /** By task: what an earlier run has seen there, and this one has not looked at. */
  readonly #believed = new Map<number, Digest>();
  readonly #closing = new AbortController();

  constructor(options: SyncRegistryOptions) {
    this.#options = options;
    this.#clients = new SyncClients(options);
  }

  /** Of blobs, passed on so far. */
  get bytes(): number {
    return this.#clients.bytes;
  }

  async *tags(place: Place, signal: AbortSignal): AsyncGenerator<string> {
    const { tags } = await shared(this.#clients.reached(place), signal);
    yield* tags.tags(place.repository, signal);
  }

  /** What the run comes to. */
  expect(copies: readonly Copy[]): void {
    const tags = copies.filter(({ destinationTag }) => !isDigest(destinationTag));
    for (const [place, here] of Map.groupBy(tags, placeOf))
      this.#wanted.set(place, new Set(here.map(({ destinationTag }) => destinationTag)));
  }

  async ends(task: Task): Promise<Ends> {
    const from = { registry: task.source, repository: task.sourceRepository };
    const to = { registry: task.destination, repository: task.destinationRepository };
    const [source, destination] = await Promise.all([
      at('source', `reach ${from.registry}`, this.#clients.reached(from)),
      at('destination', `reach ${to.registry}`, this.#clients.reached(to)),
    ]);
    const { rehearsal } = this.#options;
    const real = {
      source: source.registry.repository(from.repository, 'pull'),
      destination: destination.registry.repository(to.repository, 'push'),
    };
    const noted = rehearsal && {
      source: rehearsal.source(real.source),
      destination: rehearsal.destination(real.destination, to.registry, to.repository),
    };
    return {
      ...(noted ?? real),
      traffic: destination.traffic,
      proofs: this.#proofsOf(task),
      listed: source.tags.digest(from.repository, task.sourceTag),
      ...(await this.#found(task, real.destination)),
    };
  }

  #proofsOf(task: Task): Proofs {
    const proofs = this.#proofs.get(placeOf(task)) ?? new Proofs();
    this.#proofs.set(placeOf(task), proofs);
    return proofs;
  }

  /** Whether the task's destination tag was asked for, or written: an earlier run is not believed twice for one look. */
  hasSeen({ id }: Task, digest: Digest): boolean {
    return this.#believed.get(id) !== digest;
  }

  /** What is found out of the destination tag beforehand. A further attempt asks for itself: the one before may have written. */
  async #found(task: Task, repository: Repository): Promise<Pick<Ends, 'holds' | 'present'>> {
    this.#believed.delete(task.id);
    const wanted = this.#wanted.get(placeOf(task));
    const { destinationTag: tag } = task;
    if (wanted?.has(tag) !== true || task.force || task.attempts > 1) return {};
    const tags = this.#there.get(placeOf(task)) ?? this.#newRepositoryTags(task, repository, wanted);
    this.#there.set(placeOf(task), tags);
    const known = await at('destination', `resolve ${tag}`, tags.find(tag));
    if (known.kind === 'missing') return { holds: 'nothing' };
    if (known.kind === 'seen') return { present: known.descriptor };
    this.#believed.set(task.id, known.digest);
    return { holds: known.digest };
  }

  #newRepositoryTags(
    { destination, destinationRepository }: Task,
    repository: Repository,
    wanted: ReadonlySet<string>,
  ): RepositoryTags {
    const { signal } = this.#closing;
    const { memory } = this.#options;
    return new RepositoryTags({
      wanted,
      resolve: (tag) => repository.resolve(tag, signal),
      tags: () => repository.tags(signal),
      remembered: (destinationTag) => memory.holds({ destination, destinationRepository, destinationTag }),
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the run has ended'));
    await this.#clients.close();
  }
}

function placeOf({ destination, destinationRepository }: Wanted): string {
  return `${destination}/${destinationRepository}`;
}
