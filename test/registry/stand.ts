import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import type { Auth, User } from '../../src/demo/registry/access.ts';
import type { Misbehaviour, RequestRecord } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry, type RegistryOptions } from '../../src/demo/registry/registry.ts';
import type { Bytes } from '../../src/copy/repository.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { Registry } from '../../src/registry/registry.ts';
import { systemClock } from '../../src/clock.ts';
import { Faults } from '../support/fault.ts';
import type { Blob } from '../support/image.ts';
import type { Ending } from '../support/temporary.ts';
import { LeapingClock } from './clock.ts';

export { failure } from '../support/failure.ts';

export type ClientOptions = ConstructorParameters<typeof Registry>[0];

export const limits = { concurrency: 4, requestsPerSecond: 0, bandwidth: 0 };

/** A robot as Harbor names them, with a password that has a colon and is not ASCII. */
export const robot = { username: 'robot$team+ci', password: 'pä:ss wörd' };

const everything = [{ repositories: /.*/, actions: ['pull', 'push'] as const }];

export const users: readonly User[] = [
  { name: robot.username, password: robot.password, grants: everything },
];

export const bearer: Auth = { kind: 'bearer', users };
export const basic: Auth = { kind: 'basic', users };

/** The product's client, closed with the test. */
export function clientOf(t: Ending, url: string, options: Partial<ClientOptions> = {}): Registry {
  const client = new Registry({
    name: 'test',
    url: new URL(url),
    credential: async () => undefined,
    tokenHosts: [],
    aliyun: false,
    insecureSkipVerify: false,
    connectTimeout: 30_000,
    idleTimeout: 60_000,
    limits,
    clock: systemClock,
    onRequest: () => undefined,
    ...options,
  });
  t.after(() => client.close());
  return client;
}

export interface Stand {
  readonly registry: EmbeddedRegistry;
  readonly faults: Faults;
  readonly clock: LeapingClock;
  readonly client: Registry;
  /** `METHOD /path` of what came in so far that fits. */
  seen(expression?: RegExp): string[];
  /** Fails unless every slot is free again: as many requests as may be in flight now have to meet at the registry. */
  assertFree(): Promise<void>;
}

/** An embedded registry that can misbehave, and the product's client for it; with `auth` the client is the robot. */
export async function startStand(
  t: Ending,
  options: RegistryOptions = {},
  client: Partial<ClientOptions> = {},
): Promise<Stand> {
  const faults = new Faults();
  const clock = new LeapingClock();
  const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave, clock, ...options });
  t.after(() => registry.close());
  const credential = async () => (options.auth === undefined ? undefined : robot);
  const made = clientOf(t, registry.url, { credential, clock, ...client });
  const seen = (expression = /./) => lines(registry.requests).filter((line) => expression.test(line));
  return { registry, faults, clock, client: made, seen, assertFree: () => assertFree(made, faults) };
}

export function lines(requests: readonly RequestRecord[]): string[] {
  return requests.map(({ method, path }) => `${method} ${path}`);
}

async function assertFree(client: Registry, faults: Faults): Promise<void> {
  const slots = client.width;
  const met = Promise.withResolvers<void>();
  let arrived = 0;
  const meet: Misbehaviour = async (_call, next) => {
    if (++arrived === slots) met.resolve();
    await met.promise;
    return next();
  };
  faults.clear();
  faults.times(slots, /\/free\/manifests\/v1$/, meet);
  const free = client.repository('free', 'pull');
  const found = await Promise.all(Array.from({ length: slots }, () => free.resolve('v1')));
  assert.deepEqual(found, Array(slots).fill(undefined));
}

/** As a source opens it. */
export function opens({ bytes }: Blob): () => Promise<Bytes> {
  return async () => pieces(bytes());
}

export async function* pieces(bytes: Iterable<Uint8Array>): Bytes {
  yield* bytes;
}

/** All bytes of a blob as the client reads them. */
export async function read(client: Registry, repository: string, descriptor: Descriptor): Promise<Buffer> {
  const bytes = await client.repository(repository, 'pull').blob(descriptor, new AbortController().signal);
  return buffer(bytes);
}

export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}
