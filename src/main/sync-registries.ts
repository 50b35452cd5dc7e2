import { shared } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { BlobTraffic } from '../copy/blob.ts';
import type { Proofs } from '../copy/copy.ts';
import { at } from '../copy/error.ts';
import { Ledger } from '../copy/ledger.ts';
import type { Rehearsal } from '../copy/rehearsal.ts';
import type { Credentials, SyncCredential } from '../imagesyncer/credentials.ts';
import type { Place } from '../imagesyncer/place.ts';
import { isDigest } from '../oci/digest.ts';
import type { Digest } from '../oci/digest.ts';
import { Probe } from '../registry/probe.ts';
import type { ProbeOptions } from '../registry/probe.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Registry } from '../registry/registry.ts';
import type { Repository } from '../registry/repository.ts';
import { originOf } from '../registry/scheme.ts';
import type { Credential as Login } from '../registry/token.ts';
import type { WireOptions } from '../registry/wire.ts';
import type { Wanted } from '../rule/rule.ts';
import { DestinationTags } from '../sync/destination-tags.ts';
import type { Copy } from '../sync/outcome.ts';
import type { Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';
import type { SyncMemory } from './sync-memory.ts';
import { Reach, Trial } from './sync-reach.ts';
import { SourceTags } from './sync-source.ts';

export interface SyncRegistryOptions {
  credentials: Credentials;
  /** Requests in flight to each: at most, and at first where that is less. */
  concurrency: number;
  start?: number | undefined;
  proxies: Proxies;
  memory: SyncMemory;
  /** What a source's list says of a tag's digest is of use. */
  digests: boolean;
  /** Told what makes the run ask for more than it should have to. */
  note(line: string): void;
  /** Of a dry run. */
  rehearsal: Rehearsal | undefined;
  clock: Clock;
}

interface Client {
  registry: Registry;
  reach: Reach;
  tags: SourceTags;
  ledger: Ledger;
  /** Blobs on their way there. */
  traffic: BlobTraffic;
}

/** Milliseconds: the mirror's defaults. */
const connectTimeout = 10_000;
const idleTimeout = 60_000;

/** The registries that image-syncer's rules name: one client for each host and credential, made when it is first needed. */
export class SyncRegistries {
  /** Of blobs, passed on so far. */
  bytes = 0;
  readonly #options: SyncRegistryOptions;
  /** By host, then by credential. */
  readonly #clients = new Map<string, Map<SyncCredential | undefined, Trial<Client>>>();
  /** By destination repository: its tags that the run comes to. */
  readonly #wanted = new Map<string, ReadonlySet<string>>();
  readonly #there = new Map<string, DestinationTags>();
  readonly #proofs = new Map<string, Proofs>();
  /** By task: what an earlier run has seen there, and this one has not looked at. */
  readonly #believed = new Map<number, Digest>();
  readonly #closing = new AbortController();

  constructor(options: SyncRegistryOptions) {
    this.#options = options;
  }

  async *tags(place: Place, signal: AbortSignal): AsyncGenerator<string> {
    const { tags } = await shared(this.#reached(place), signal);
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
      at('source', `reach ${from.registry}`, this.#reached(from)),
      at('destination', `reach ${to.registry}`, this.#reached(to)),
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
    const proofs = this.#proofs.get(placeOf(task)) ?? { readBack: false };
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
    const tags = this.#there.get(placeOf(task)) ?? this.#destinationTags(task, repository, wanted);
    this.#there.set(placeOf(task), tags);
    const known = await at('destination', `resolve ${tag}`, tags.find(tag));
    if (known.kind === 'missing') return { holds: 'nothing' };
    if (known.kind === 'seen') return { present: known.descriptor };
    this.#believed.set(task.id, known.digest);
    return { holds: known.digest };
  }

  #destinationTags(
    { destination, destinationRepository }: Task,
    repository: Repository,
    wanted: ReadonlySet<string>,
  ): DestinationTags {
    const { signal } = this.#closing;
    const { memory } = this.#options;
    return new DestinationTags({
      wanted,
      resolve: (tag) => repository.resolve(tag, signal),
      tags: () => repository.tags(signal),
      remembered: (destinationTag) => memory.holds({ destination, destinationRepository, destinationTag }),
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the run has ended'));
    const clients = [...this.#clients.values()].flatMap((ofHost) => [...ofHost.values()]);
    for (const one of await Promise.allSettled(clients.map(({ result }) => result))) {
      if (one.status === 'rejected') continue;
      one.value.ledger.flush();
      await one.value.registry.close();
    }
  }

  /** Throws `RegistryError` when it is known to be away. */
  async #reached(place: Place): Promise<Client> {
    const client = await this.#client(place);
    await client.reach.check();
    return client;
  }

  #client({ registry, repository }: Place): Promise<Client> {
    const { clock, credentials } = this.#options;
    const credential = credentials.find(registry, repository);
    const ofHost = this.#clients.get(registry) ?? new Map<SyncCredential | undefined, Trial<Client>>();
    this.#clients.set(registry, ofHost);
    const before = ofHost.get(credential);
    // Whoever could not be asked how it wants to be spoken to is asked again by the next attempt.
    const isOver = before === undefined || before.hasLapsed;
    const client = isOver ? new Trial(clock, this.#open(registry, credential)) : before;
    ofHost.set(credential, client);
    return client.result;
  }

  async #open(name: string, credential: SyncCredential | undefined): Promise<Client> {
    const { clock, concurrency, start = concurrency, memory, digests, note } = this.#options;
    const wire = this.#wire(credential);
    const url = await originOf(hostOf(name), wire, this.#closing.signal);
    const login = loginOf(credential);
    const asked = {
      url,
      credential: () => Promise.resolve(login),
      tokenHosts: 'any',
      aliyun: false,
    } as const;
    const reach = new Reach(clock, () => this.#look({ ...wire, ...asked }));
    const onRequest = (_method: string, status: number): void => reach.note(status);
    const limits = { concurrency, start, requestsPerSecond: 0, bandwidth: 0 };
    const { sessions } = memory;
    const registry = new Registry({ ...wire, ...asked, onRequest, name, limits, clock, sessions });
    const ledger = new Ledger(clock, memory.ledger(url.origin));
    const onBytes = (count: number): void => void (this.bytes += count);
    const anonymous = login === undefined;
    const tags = new SourceTags({ registry, origin: url, anonymous, digests, note });
    return { registry, reach, tags, ledger, traffic: new BlobTraffic({ ledger, onBytes }) };
  }

  /** Throws `RegistryError` where nothing answers. */
  async #look(options: ProbeOptions): Promise<void> {
    const probe = new Probe(options);
    try {
      await probe.ping(this.#closing.signal);
    } finally {
      await probe.close();
    }
  }

  #wire(credential: SyncCredential | undefined): WireOptions {
    const { proxies } = this.#options;
    const insecureSkipVerify = credential?.insecure ?? false;
    return { insecureSkipVerify, proxies, connectTimeout, idleTimeout, onRequest: () => undefined };
  }
}

function placeOf({ destination, destinationRepository }: Wanted): string {
  return `${destination}/${destinationRepository}`;
}

/** Docker Hub goes by a name that no registry answers to. */
function hostOf(registry: string): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry;
}

function loginOf(credential: SyncCredential | undefined): Login | undefined {
  const { username, password } = credential ?? {};
  return username === undefined || password === undefined ? undefined : { username, password };
}
