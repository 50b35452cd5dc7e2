import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NoConfigError } from './config/error.ts';
import { readPassword } from './config/file.ts';
import type { Environment } from './config/environment.ts';
import { toIdentity, type AliyunIdentity } from './config/identity.ts';
import { checkRegular, loadShape } from './config/load.ts';
import { toRule } from './config/rule.ts';
import type { AliyunShape } from './config/acr-schema.ts';
import type { Shape } from './config/shape.ts';
import type { Rule } from './rule/rule.ts';

export { ConfigError } from './config/error.ts';
export type { Environment } from './config/environment.ts';
export type { AliyunIdentity } from './config/identity.ts';

/**
 * A configuration that was read and found right: plain values, defaults filled in. Durations are milliseconds,
 * sizes bytes. File names are as written: relative ones start at the working directory.
 */
export interface Config {
  /** The file it came from. */
  file: string;
  registries: readonly RegistryConfig[];
  rules: readonly Rule[];
  webhook: {
    /** Whole values of the Authorization header; empty only if `allowUnauthenticated`. */
    secrets: readonly string[];
    allowUnauthenticated: boolean;
    /** Where Harbor reaches the mirror, as written: an origin, and the prefix of a proxy's. */
    url?: string | undefined;
    /** Of the policies: whether Harbor takes any certificate of `url`. */
    insecureSkipVerify: boolean;
    /** Of the policies. */
    format: 'Default' | 'CloudEvents';
  };
  /** Bearer tokens; without any the admin API is off. */
  admin: { tokens: readonly string[] };
  server: {
    /** `host` without brackets; `port` 0 means any free one. */
    listen: { host: string; port: number };
    /** PEM files. */
    tls?: { certFile: string; keyFile: string } | undefined;
    /** How long running copies may go on once the program was asked to stop; milliseconds. */
    shutdownGrace: number;
  };
  dispatch: {
    /** Tags copied at once. */
    concurrency: number;
    /** Attempts before a task is given up. */
    attempts: number;
    /** The first and the longest wait between attempts; milliseconds. */
    backoff: { first: number; max: number };
    /** How long finished tasks are kept; milliseconds. */
    retention: number;
  };
  sweep: {
    /** Cron expression, in UTC, or `off`. */
    schedule: string;
    onStart: boolean;
    /** Share of the trusted records that each sweep looks at, from 0 to 1. */
    audit: number;
  };
  /** File of the SQLite database. */
  database: string;
  log: { level: 'error' | 'warn' | 'info' | 'debug'; format: 'json' | 'pretty' };
  /** Every secret that was known when the file was read, for the log to keep out. */
  secrets: readonly string[];
}

export interface RegistryConfig {
  /** Its key in the file. */
  name: string;
  type: 'harbor' | 'acr-ee' | 'oci';
  /** Origin: scheme, host, port if it is not the scheme's own; no slash at the end. */
  url: string;
  /** Which name of an `acr-ee` instance is to be used; missing: as `url` is written. */
  endpoint?: 'public' | 'vpc' | 'auto' | undefined;
  /** Missing: anonymous. */
  credential?: Credential | undefined;
  /** Only of `acr-ee`. Without `credential`, temporary ones come by it. */
  aliyun?: AliyunConfig;
  /** Only beside `aliyun`: what copies may make at the destination when it is missing. Never empty. */
  prepare?: PrepareConfig | undefined;
  /** Further hosts, `HOST` or `HOST:PORT`, that the credential may be sent to. */
  tokenHosts: readonly string[];
  /** PEM file of authorities to trust besides Node's own. */
  caFile?: string | undefined;
  insecureSkipVerify: boolean;
  /** Requests in flight. */
  concurrency: number;
  /** 0: no limit. */
  requestsPerSecond: number;
  /** Bytes per second; 0: no limit. Outside of all windows there is none. */
  bandwidth: number | readonly BandwidthWindow[];
  /** Milliseconds that a connection may take to be made. */
  connectTimeout: number;
  /** Milliseconds without a byte after which an answer is given up. */
  idleTimeout: number;
}

/** Another limit by the time of the week, in UTC. Of windows that overlap the first one counts. */
export interface BandwidthWindow {
  /** On which it begins; 0 is Sunday. */
  days: readonly number[];
  /** Minutes of the day; an end that is not after the beginning is of the next day. */
  from: number;
  to: number;
  limit: number;
}

/** Templates of what may be made; what has none is never made. */
export interface PrepareConfig {
  namespaces?:
    { visibility: 'private' | 'public'; immutableTags: boolean; autoCreateRepositories: boolean } | undefined;
  repositories?: { visibility: 'private' | 'public'; immutableTags: boolean; summary: string } | undefined;
}

/** An identity of Alibaba Cloud, and the ACR EE instance that it is for. */
export interface AliyunConfig {
  identity: AliyunIdentity;
  /** `cri-…`; missing, as `region` may be: found from the registry's challenge. */
  instanceId?: string | undefined;
  region?: string | undefined;
  /** Origin of the OpenAPI; missing: the region's. */
  openapiUrl?: string | undefined;
}

/** The last newline of a `passwordFile` does not count (`readPassword`); the file may change at any time. */
export type Credential = { username: string; password: string } | { username: string; passwordFile: string };

export { readPassword } from './config/file.ts';
export { authoritiesOf, keyPairOf } from './config/pem.ts';
export type { KeyPair } from './config/pem.ts';

/** Reads and checks a file. Throws a ConfigError that names all of its mistakes at once. */
export function loadConfig(file: string, env: Environment): Config {
  const shape = loadShape(file, env);
  const registries = Object.entries(shape.registries).map(([name, registry]) =>
    toRegistry(name, registry, env),
  );
  const types = new Map(registries.map(({ name, type }) => [name, type]));
  return {
    ...shape,
    file,
    registries,
    rules: shape.rules.map((rule) => toRule(rule, types.get(rule.destination) ?? 'oci')),
    secrets: [...shape.webhook.secrets, ...shape.admin.tokens, ...registries.flatMap(secretsOf)],
  };
}

/** The same in a running mirror. */
export function loadConfigAgain(file: string, env: Environment): Config {
  checkRegular(file);
  return loadConfig(file, env);
}

/** `--config`, else `$TAGFERRY_CONFIG`, else the first of two usual places that exists. */
export function findConfig(option: string | undefined, env: Environment, cwd: string): string {
  const given = option ?? (env['TAGFERRY_CONFIG'] || undefined);
  if (given !== undefined) return resolve(cwd, given);
  const places = [join(cwd, 'config/tagferry.yaml'), '/etc/tagferry/tagferry.yaml'];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new NoConfigError(places, existsSync(join(cwd, 'tagferry.yaml')) ? 'tagferry.yaml' : undefined);
}

function toRegistry(name: string, shape: Shape['registries'][string], env: Environment): RegistryConfig {
  const { username, password, passwordFile, url, aliyun, prepare, ...rest } = shape;
  return {
    ...rest,
    name,
    url: new URL(url).origin,
    ...((prepare?.namespaces || prepare?.repositories) && { prepare }),
    credential: toCredential(username, password, passwordFile),
    ...(aliyun && { aliyun: toAliyun(aliyun, env) }),
  };
}

function toAliyun(shape: AliyunShape, env: Environment): AliyunConfig {
  const { instanceId, region, openapiUrl } = shape;
  return {
    identity: toIdentity(shape, env),
    instanceId,
    region,
    openapiUrl: openapiUrl === undefined ? undefined : new URL(openapiUrl).origin,
  };
}

function toCredential(username?: string, password?: string, passwordFile?: string): Credential | undefined {
  if (username === undefined) return undefined;
  if (password !== undefined) return { username, password };
  return passwordFile === undefined ? undefined : { username, passwordFile };
}

/** The password, and what it becomes in an Authorization header. */
export function passwordSecrets(username: string, password: string): string[] {
  return [password, Buffer.from(`${username}:${password}`).toString('base64')];
}

/** Of the password; of an access key what is secret in it. */
function secretsOf({ credential, aliyun }: RegistryConfig): string[] {
  const identity = aliyun?.identity;
  const key = identity?.kind === 'access-key' ? [identity.accessKeySecret, identity.securityToken ?? ''] : [];
  const secrets = key.filter((secret) => secret !== '');
  if (credential === undefined) return secrets;
  const password = 'password' in credential ? credential.password : readPassword(credential.passwordFile);
  return [...secrets, ...passwordSecrets(credential.username, password)];
}
