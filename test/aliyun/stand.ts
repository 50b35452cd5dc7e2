import assert from 'node:assert/strict';
import { fixedIdentity, type Identity, type IdentitySource } from '../../src/aliyun/identity.ts';
import { OpenApi, type OpenApiOptions } from '../../src/aliyun/openapi.ts';
import { Pace } from '../../src/aliyun/pace.ts';
import type { Fault, RegistryError } from '../../src/copy/error.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { Connections, type ConnectionsOptions } from '../../src/registry/connections.ts';
import { LeapingClock } from '../registry/clock.ts';
import { failure as failureOf } from '../support/failure.ts';
import type { AcrInstance } from '../support/acr-instance.ts';
import {
  type AcrOpenApi,
  type Entry,
  type Shelf,
  accessKey,
  instanceId,
  startAcrOpenApi,
  tableShelf,
} from '../support/acr-openapi.ts';
import type { Ending } from '../support/temporary.ts';

export interface Stand {
  readonly server: AcrOpenApi;
  readonly table: Map<string, Entry[]>;
  readonly clock: LeapingClock;
  readonly pace: Pace;
  readonly client: OpenApi;
}

/** The product's client in front of a stand-in that has `mirror/app` with one tag, unless told otherwise. */
export async function startStand(
  t: Ending,
  client: Partial<ClientOptions> = {},
  shelf?: Shelf,
  instance?: AcrInstance,
): Promise<Stand> {
  const table = new Map([['mirror/app', [entry('v1')]]]);
  const clock = new LeapingClock();
  const pace = new Pace(clock);
  const server = await startAcrOpenApi(t, {
    shelf: shelf ?? tableShelf(table),
    ...(instance && { instance }),
    now: () => clock.now(),
  });
  const made = clientOf(t, { url: new URL(server.url), clock, pace, ...client });
  return { server, table, clock, pace, client: made };
}

/** As the product's, with what is fixed in most tests. */
export interface ClientOptions extends Omit<OpenApiOptions, 'identity'> {
  ca: () => readonly string[];
  url: URL;
  instanceId: string;
  identity: Identity | IdentitySource;
}

/** As the product makes them. */
export function connections(options: Partial<ConnectionsOptions> = {}): Connections {
  return new Connections({ insecureSkipVerify: false, connectTimeout: 5_000, ...options }, 8);
}

/** Closed with the test. */
export function clientOf(
  t: Ending,
  options: Pick<ClientOptions, 'url' | 'clock' | 'pace'> & Partial<ClientOptions>,
): OpenApi {
  const { url, identity = accessKey, instanceId: id = instanceId, ca, ...rest } = options;
  const client = new OpenApi({
    address: async () => ({ url, instanceId: id }),
    connections: connections({ ca }),
    idleTimeout: 5_000,
    onRequest: () => undefined,
    ...rest,
    identity: 'get' in identity ? identity : fixedIdentity(identity),
  });
  t.after(() => client.close());
  return client;
}

export function entry(tag: string, content = tag): Entry & { digest: ReturnType<typeof digestOf> } {
  return { tag, digest: digestOf(Buffer.from(content)) };
}

/** `v1`, `v2`, … */
export function entries(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => entry(`v${index + 1}`));
}

/** Waits for the failure, which must be one of the contract's and shows no secret, and gives it. */
export async function failure(work: Promise<unknown>, fault: Fault): Promise<RegistryError> {
  const error = await failureOf(work, fault);
  assert.doesNotMatch(error.message, /not-to-be-shown|AKTEST|PageNo/);
  return error;
}

export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}
