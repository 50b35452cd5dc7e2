import type { Clock } from '../clock.ts';
import { BlobTraffic } from '../copy/blob.ts';
import { Ledger } from '../copy/ledger.ts';
import type { Credentials, SyncCredential } from '../imagesyncer/credentials.ts';
import type { Place } from '../imagesyncer/place.ts';
import { Probe } from '../registry/probe.ts';
import type { ProbeOptions } from '../registry/probe.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Registry } from '../registry/registry.ts';
import { originOf } from '../registry/scheme.ts';
import type { Credential as Login } from '../registry/token.ts';
import type { WireOptions } from '../registry/wire.ts';
import type { SyncMemory } from './sync-memory.ts';
import { Reach } from './sync-reach.ts';
import { SourceTags } from './sync-source.ts';
import { Trial } from './trial.ts';

export interface SyncClientOptions {
  credentials: Credentials;
  /** Requests in flight to each: at most, and at first where that is less. */
  concurrency: number;
  start?: number | undefined;
  proxies: Proxies;
  memory: Pick<SyncMemory, 'ledger' | 'sessions'>;
  /** What a source's list says of a tag's digest is of use. */
  digests: boolean;
  /** Told what makes the run ask for more than it should have to. */
  note(line: string): void;
  clock: Clock;
}

/** What there is of one registry, under one credential. */
export interface SyncClient {
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

/** One client for each host and credential that image-syncer's rules need, made when it is first needed. */
export class SyncClients {
  /** Of blobs, passed on so far. */
  bytes = 0;
  readonly #options: SyncClientOptions;
  /** By host, then by credential. */
  readonly #clients = new Map<string, Map<SyncCredential | undefined, Trial<SyncClient>>>();
  readonly #closing = new AbortController();

  constructor(options: SyncClientOptions) {
    this.#options = options;
  }

  /** Throws `RegistryError` when it is known to be away. */
  async reached(place: Place): Promise<SyncClient> {
    const client = await this.#client(place);
    await client.reach.check();
    return client;
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

  #client({ registry, repository }: Place): Promise<SyncClient> {
    const { clock, credentials } = this.#options;
    const credential = credentials.find(registry, repository);
    const ofHost = this.#clients.get(registry) ?? new Map<SyncCredential | undefined, Trial<SyncClient>>();
    this.#clients.set(registry, ofHost);
    const before = ofHost.get(credential);
    // Whoever could not be asked how it wants to be spoken to is asked again by the next attempt.
    const isOver = before === undefined || before.hasLapsed;
    const client = isOver ? new Trial(clock, this.#open(registry, credential)) : before;
    ofHost.set(credential, client);
    return client.result;
  }

  async #open(name: string, credential: SyncCredential | undefined): Promise<SyncClient> {
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

/** Docker Hub goes by a name that no registry answers to. */
function hostOf(registry: string): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry;
}

function loginOf(credential: SyncCredential | undefined): Login | undefined {
  const { username, password } = credential ?? {};
  return username === undefined || password === undefined ? undefined : { username, password };
}
