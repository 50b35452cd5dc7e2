import { Namespaces } from '../aliyun/namespaces.ts';
import type { Pace } from '../aliyun/pace.ts';
import { Preparation } from '../aliyun/preparation.ts';
import type { OnMade } from '../aliyun/preparation.ts';
import { Repositories } from '../aliyun/repositories.ts';
import { temporaryCredential } from '../aliyun/temporary-credential.ts';
import type { Clock } from '../clock.ts';
import { authoritiesOf, passwordSecrets, readPassword } from '../config.ts';
import type { RegistryConfig } from '../config.ts';
import { BlobTraffic } from '../copy/blob.ts';
import { Ledger } from '../copy/ledger.ts';
import type { LedgerStore } from '../copy/ledger.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import { Harbor } from '../harbor/harbor.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Registry } from '../registry/registry.ts';
import type { RegistryOptions } from '../registry/registry.ts';
import type { TagListing } from '../task/listing.ts';
import { newAliyun } from './aliyun.ts';
import type { Aliyun } from './aliyun.ts';
import { Watched } from './watched.ts';

/** What comes of the files that a registry's configuration names, while it runs. */
export interface Files {
  /** Cannot be read, or is not what it should be: what it held before counts. Told once. */
  bad(registry: string, file: string, error: unknown): void;
  /** What was read and must not be shown. */
  secret(...secrets: string[]): void;
}

export interface EntryOptions {
  clock: Clock;
  proxies?: Proxies | undefined;
  // What follows only a mirror has.
  /** Called after every answer of a registry; status 0 when there was none. */
  onRequest?: (registry: string, method: string, status: number) => void;
  /** Called after a namespace or a repository that was missing has been made there. */
  onPrepared?: (registry: string, ...made: Parameters<OnMade>) => void;
  files?: Files;
  /** Where uploads outlive the process. */
  sessions?: UploadSessions;
  /** Where what is known of a registry's blobs and manifests outlives the process, by the registry's origin. */
  ledger?: (origin: string) => LedgerStore;
}

/** What there is of one registry. */
export interface Entry {
  client: Registry;
  /** What it was made of. */
  options: RegistryOptions;
  traffic: BlobTraffic;
  ledger: Ledger;
  harbor?: Harbor;
  aliyun?: Aliyun;
  tagListing?: TagListing;
  preparation?: Preparation | undefined;
}

const deaf: Files = { bad: () => undefined, secret: () => undefined };

/** Milliseconds between two looks at a `caFile`. */
const look = 1000;

/** `pace`: of the OpenAPI requests for all registries together. */
export function newEntry(config: RegistryConfig, how: EntryOptions, pace: Pace): Entry {
  const { name, credential, prepare } = config;
  const options = optionsOf(config, how);
  const { clock, url, ca, connectTimeout, idleTimeout, onRequest, proxies } = options;
  const ledger = new Ledger(clock, how.ledger?.(url.origin));
  const known = { traffic: new BlobTraffic({ ledger }), ledger };
  if (config.aliyun === undefined) {
    const client = new Registry(options);
    return {
      client,
      options,
      ...known,
      ...(config.type === 'harbor' && { harbor: harborOf(client, config) }),
    };
  }
  const wire = { ca, proxies, connectTimeout, idleTimeout, onRequest };
  const challenge = { host: url.hostname, service: () => client.service() };
  const aliyun = newAliyun(config.aliyun, { ...wire, ...challenge, clock, pace });
  const { openApi } = aliyun;
  const complete = credential ? options : { ...options, ...passing(temporaryCredential(openApi, clock)) };
  const client = new Registry(complete);
  const onMade: OnMade = (...made) => how.onPrepared?.(name, ...made);
  const preparation = prepare && new Preparation(new Namespaces(openApi), prepare, onMade);
  const tagListing = new Repositories(openApi);
  return { client, options: complete, ...known, aliyun, tagListing, preparation };
}

/** Milliseconds after which a temporary password that is refused is taken for one that has ended before its time. */
const young = 30_000;

function passing(
  temporary: ReturnType<typeof temporaryCredential>,
): Pick<RegistryOptions, 'credential' | 'onRefused'> {
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

function optionsOf(config: RegistryConfig, how: EntryOptions): RegistryOptions {
  const { name, credential, caFile, concurrency, requestsPerSecond, bandwidth } = config;
  const { clock, proxies, onRequest = () => undefined, files = deaf, sessions } = how;
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
    onRequest: (method, status) => onRequest(name, method, status),
    clock,
    proxies,
    sessions,
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
