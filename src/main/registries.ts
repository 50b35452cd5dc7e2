import { isDeepStrictEqual } from 'node:util';
import { Namespaces } from '../aliyun/namespaces.ts';
import type { OpenApi } from '../aliyun/openapi.ts';
import { Pace } from '../aliyun/pace.ts';
import { Preparation } from '../aliyun/preparation.ts';
import type { OnMade } from '../aliyun/preparation.ts';
import { ForeseenDestination, PreparedDestination } from '../aliyun/prepared-destination.ts';
import { Repositories } from '../aliyun/repositories.ts';
import { temporaryCredential } from '../aliyun/temporary-credential.ts';
import type { Clock } from '../clock.ts';
import { authoritiesOf, passwordSecrets, readPassword } from '../config.ts';
import type { RegistryConfig } from '../config.ts';
import { BlobTraffic } from '../copy/blob.ts';
import { Ledger } from '../copy/ledger.ts';
import type { LedgerStore } from '../copy/ledger.ts';
import { noSessions } from '../copy/upload-session.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import { Harbor } from '../harbor/harbor.ts';
import { Probe } from '../registry/probe.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Registry } from '../registry/registry.ts';
import type { Repository } from '../registry/repository.ts';
import type { Urgency } from '../registry/urgency.ts';
import type { Destination } from '../copy/repository.ts';
import type { History, Listing, TagListing } from '../task/listing.ts';
import type { Registries, Tagged } from '../task/registries.ts';
import type { Door, Task } from '../task/task.ts';
import type { Ends } from '../task/worker.ts';
import { newAliyun } from './aliyun.ts';
import type { Aliyun } from './aliyun.ts';
import { Watched } from './watched.ts';

/** Called after every answer of a registry; status 0 when there was none. */
export type OnRequest = (registry: string, method: string, status: number) => void;

/** Called after a namespace or a repository that was missing has been made there. */
export type OnPrepared = (registry: string, ...made: Parameters<OnMade>) => void;

/** What comes of the files that a registry's configuration names, while it runs. */
export interface Files {
  /** Cannot be read, or is not what it should be: what it held before counts. Told once. */
  bad(registry: string, file: string, error: unknown): void;
  /** What was read and must not be shown. */
  secret(...secrets: string[]): void;
}

/** Further parts of the options that only a mirror has. */
export interface LiveOptions {
  files?: Files;
  onPrepared?: OnPrepared;
  /** Where what is known of a registry's blobs and manifests outlives the process, by the registry's origin. */
  ledger?: (origin: string) => LedgerStore;
  /** What the new ones take the place of: whatever is equal keeps its client. */
  before?: ConfiguredRegistries;
}

/** What there is of one registry. */
interface Entry {
  client: Registry;
  /** What it was made of. */
  options: ClientOptions;
  traffic: BlobTraffic;
  ledger: Ledger;
  harbor?: Harbor;
  aliyun?: Aliyun;
  tagListing?: TagListing;
  preparation?: Preparation | undefined;
}

type ClientOptions = ConstructorParameters<typeof Registry>[0];

/** An entry and how many configurations, one after the other, have it: the last one closes it. */
interface Kept {
  config: RegistryConfig;
  entry: Entry;
  holders: number;
}

const urgencyOf: Record<Door, Urgency> = { webhook: 'push', admin: 'resync', sweep: 'sweep' };

const deaf: Files = { bad: () => undefined, secret: () => undefined };

/** Milliseconds between two looks at a `caFile`. */
const look = 1000;

/** The configured registries by name, each with its one client. */
export class ConfiguredRegistries implements Registries {
  readonly #registries: ReadonlyMap<string, Kept>;
  readonly #pace: Pace;
  #closed = false;

  constructor(
    configs: readonly RegistryConfig[],
    clock: Clock,
    onRequest: OnRequest,
    sessions: UploadSessions = noSessions,
    proxies?: Proxies,
    { files = deaf, onPrepared = () => undefined, ledger, before }: LiveOptions = {},
  ) {
    this.#pace = before === undefined ? new Pace(clock) : before.#pace;
    const make = (config: RegistryConfig): Entry => {
      const own = { clock, onRequest: onRequest.bind(null, config.name), sessions, proxies };
      return newEntry(config, {
        client: { ...optionsOf(config, clock, files), ...own },
        store: ledger?.(new URL(config.url).origin),
        pace: this.#pace,
        onMade: onPrepared.bind(null, config.name),
      });
    };
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

interface EntryOptions {
  client: ClientOptions;
  store: LedgerStore | undefined;
  pace: Pace;
  onMade: OnMade;
}

function newEntry(config: RegistryConfig, { client: options, store, pace, onMade }: EntryOptions): Entry {
  const { type, credential, prepare } = config;
  const ledger = new Ledger(options.clock, store);
  const known = { traffic: new BlobTraffic({ ledger }), ledger };
  if (config.aliyun === undefined) {
    const client = new Registry(options);
    return { client, options, ...known, ...(type === 'harbor' && { harbor: harborOf(client, config) }) };
  }
  const { clock, ca, connectTimeout, idleTimeout, onRequest, proxies } = options;
  const wire = { ca, proxies, connectTimeout, idleTimeout, onRequest };
  const challenge = { host: options.url.hostname, service: () => client.service() };
  const aliyun = newAliyun(config.aliyun, { ...wire, ...challenge, clock, pace });
  const temporary = temporaryCredential(aliyun.openApi, clock);
  const complete = credential ? options : { ...options, ...passing(temporary) };
  const client = new Registry(complete);
  const { openApi } = aliyun;
  const preparation = prepare && new Preparation(new Namespaces(openApi), prepare, onMade);
  const tagListing = new Repositories(openApi);
  return { client, options: complete, ...known, aliyun, tagListing, preparation };
}

/** Milliseconds after which a temporary password that is refused is taken for one that has ended before its time. */
const young = 30_000;

function passing(
  temporary: ReturnType<typeof temporaryCredential>,
): Pick<ClientOptions, 'credential' | 'onRefused'> {
  return {
    credential: () => temporary.get(),
    onRefused: (credential) => temporary.forget(credential, young),
  };
}

function harborOf(client: Registry, { url, credential }: RegistryConfig): Harbor {
  const origin = new URL(url);
  return new Harbor({
    send: (call, cap) => client.send({ ...call, urgency: 'look' }, cap),
    origin,
    anonymous: credential === undefined,
  });
}

function optionsOf(
  config: RegistryConfig,
  clock: Clock,
  files: Files,
): Omit<ClientOptions, 'clock' | 'onRequest'> {
  const { name, credential, caFile, concurrency, requestsPerSecond, bandwidth } = config;
  return {
    name,
    url: new URL(config.url),
    credential: () => Promise.resolve(credential && passwordOf(credential, files)),
    tokenHosts: config.tokenHosts,
    aliyun: config.type === 'acr-ee',
    ca: caFile === undefined ? undefined : authoritiesIn(caFile, name, clock, files),
    insecureSkipVerify: config.insecureSkipVerify,
    connectTimeout: config.connectTimeout,
    idleTimeout: config.idleTimeout,
    limits: { concurrency, requestsPerSecond, bandwidth },
  };
}

/** New authorities in the file count for connections that are made from then on. */
function authoritiesIn(file: string, registry: string, clock: Clock, files: Files): () => readonly string[] {
  const onBad = (error: unknown): void => files.bad(registry, file, error);
  const watched = new Watched({
    files: [file],
    make: ([text = '']) => authoritiesOf(text),
    clock,
    every: look,
    onBad,
  });
  return () => watched.get();
}

/** A password in a file is read for each token, so that a new one is used as soon as it is there. */
function passwordOf(
  credential: NonNullable<RegistryConfig['credential']>,
  files: Files,
): { username: string; password: string } {
  const { username } = credential;
  if ('password' in credential) return { username, password: credential.password };
  const password = readPassword(credential.passwordFile);
  files.secret(...passwordSecrets(username, password));
  return { username, password };
}
