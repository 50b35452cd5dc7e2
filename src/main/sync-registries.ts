import { shared } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { BlobTraffic } from '../copy/blob.ts';
import { at } from '../copy/error.ts';
import { Ledger } from '../copy/ledger.ts';
import type { Rehearsal } from '../copy/rehearsal.ts';
import type { Destination } from '../copy/repository.ts';
import type { Credentials, SyncCredential } from '../imagesyncer/credentials.ts';
import type { Place } from '../imagesyncer/place.ts';
import type { Digest } from '../oci/digest.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Registry } from '../registry/registry.ts';
import { originOf } from '../registry/scheme.ts';
import type { Credential as Login } from '../registry/token.ts';
import type { WireOptions } from '../registry/wire.ts';
import type { Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';
import type { SyncMemory } from './sync-memory.ts';

export interface SyncRegistryOptions {
  credentials: Credentials;
  /** Requests in flight to each: at most, and at first where that is less. */
  concurrency: number;
  start?: number | undefined;
  proxies: Proxies;
  memory: SyncMemory;
  /** Of a dry run. */
  rehearsal: Rehearsal | undefined;
  clock: Clock;
}

interface Client {
  registry: Registry;
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
  readonly #clients = new Map<string, Map<SyncCredential | undefined, Promise<Client>>>();
  /** By destination repository: whether it was found as it is remembered. */
  readonly #confirmed = new Map<string, Promise<boolean>>();
  readonly #closing = new AbortController();

  constructor(options: SyncRegistryOptions) {
    this.#options = options;
  }

  async *tags(place: Place, signal: AbortSignal): AsyncGenerator<string> {
    const { registry } = await shared(this.#client(place), signal);
    yield* registry.repository(place.repository, 'pull').tags(signal);
  }

  async ends(task: Task): Promise<Ends> {
    const from = { registry: task.source, repository: task.sourceRepository };
    const to = { registry: task.destination, repository: task.destinationRepository };
    const [source, destination] = await Promise.all([
      at('source', `reach ${from.registry}`, this.#client(from)),
      at('destination', `reach ${to.registry}`, this.#client(to)),
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
      holds: await this.#held(task, real.destination),
    };
  }

  /** What is remembered of a repository is believed when one of its tags is as it says: the whole may have gone since. */
  async #held(task: Task, destination: Destination): Promise<Digest | undefined> {
    const digest = this.#options.memory.holds(task);
    if (digest === undefined) return undefined;
    const place = `${task.destination}/${task.destinationRepository}`;
    const look = async (): Promise<boolean> =>
      (await destination.resolve(task.destinationTag, this.#closing.signal))?.digest === digest;
    // Who could not be asked is asked again by the copy, which says why it fails.
    const confirmed = this.#confirmed.get(place) ?? look().catch(() => false);
    this.#confirmed.set(place, confirmed);
    return (await confirmed) ? digest : undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the run has ended'));
    const clients = [...this.#clients.values()].flatMap((ofHost) => [...ofHost.values()]);
    for (const one of await Promise.allSettled(clients)) {
      if (one.status === 'rejected') continue;
      one.value.ledger.flush();
      await one.value.registry.close();
    }
  }

  #client({ registry, repository }: Place): Promise<Client> {
    const credential = this.#options.credentials.find(registry, repository);
    const ofHost = this.#clients.get(registry) ?? new Map<SyncCredential | undefined, Promise<Client>>();
    this.#clients.set(registry, ofHost);
    const client = ofHost.get(credential) ?? this.#open(registry, credential);
    ofHost.set(credential, client);
    // Whoever could not be asked how it wants to be spoken to is asked again by the next attempt.
    client.catch(() => ofHost.delete(credential));
    return client;
  }

  async #open(name: string, credential: SyncCredential | undefined): Promise<Client> {
    const { clock, concurrency, start = concurrency, memory } = this.#options;
    const wire = this.#wire(credential);
    const url = await originOf(hostOf(name), wire, this.#closing.signal);
    const registry = new Registry({
      ...wire,
      name,
      url,
      credential: () => Promise.resolve(loginOf(credential)),
      tokenHosts: 'any',
      aliyun: false,
      limits: { concurrency, start, requestsPerSecond: 0, bandwidth: 0 },
      clock,
      sessions: memory.sessions,
    });
    const ledger = new Ledger(clock, memory.ledger(url.origin));
    const onBytes = (count: number): void => void (this.bytes += count);
    return { registry, ledger, traffic: new BlobTraffic({ ledger, onBytes }) };
  }

  #wire(credential: SyncCredential | undefined): WireOptions {
    const { proxies } = this.#options;
    const insecureSkipVerify = credential?.insecure ?? false;
    return { insecureSkipVerify, proxies, connectTimeout, idleTimeout, onRequest: () => undefined };
  }
}

/** Docker Hub goes by a name that no registry answers to. */
function hostOf(registry: string): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry;
}

function loginOf(credential: SyncCredential | undefined): Login | undefined {
  const { username, password } = credential ?? {};
  return username === undefined || password === undefined ? undefined : { username, password };
}
