import type { Answer, Call } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import type { RegistryConfig } from '../../src/config.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import { LeapingClock } from '../registry/clock.ts';
import { robot } from '../registry/stand.ts';
import {
  type AcrOpenApi,
  type Entry,
  accessKey,
  instanceId,
  startAcrOpenApi,
  tableShelf,
} from '../support/acr-openapi.ts';
import { Faults } from '../support/fault.ts';
import { FakeClock } from '../support/clock.ts';
import { HarborContent } from '../support/harbor-rest-content.ts';
import { HarborRest } from '../support/harbor-rest.ts';
import type { Image } from '../support/image.ts';
import type { Ending } from '../support/temporary.ts';
import type { Rule } from '../../src/rule/rule.ts';
import type { SweepOptions } from '../../src/task/sweep.ts';
import { type Sweeping, rule, startSweeping } from './sweep-stand.ts';

export interface Side {
  registry: EmbeddedRegistry;
  faults: Faults;
  url: string;
  /** `METHOD /path` of what came in since it was last forgotten. */
  seen(expression?: RegExp): string[];
}

export interface Stand extends Sweeping {
  harbor: Side;
  rest: HarborRest;
  acr: Side;
  openApi: AcrOpenApi;
  /** Actions that the OpenAPI was asked for since. */
  asked(): string[];
  /** What the OpenAPI lists, by repository: what was pushed, unless a test changes it. */
  table: Map<string, Entry[]>;
  registries: ConfiguredRegistries;
  /** Forgets all requests so far. */
  forget(): void;
}

/** What a robot needs to be given in a project, for lists by pages. */
const listing = ['repository:list', 'artifact:list'];

/** When everything is pushed, unless told: an hour before the sweeps of `startSweeping`. */
export const hourBefore = new FakeClock().now() - 3_600_000;

export interface VendorOptions {
  pushedAt?: () => number;
  /** In each project. */
  permissions?: readonly string[];
  /** Without it, destination tags that nobody knows are asked for in `/v2`. */
  openApi?: boolean;
  rules?: readonly Rule[];
  sweep?: Partial<SweepOptions>;
}

/** A Harbor and an ACR EE instance, each with its API beside `/v2`, and a sweeper between the product's clients for them. */
export async function startVendors(
  t: Ending,
  projects: readonly string[] = ['library'],
  options: VendorOptions = {},
): Promise<Stand> {
  const rest = new HarborRest(new HarborContent(options.pushedAt ?? (() => hourBefore)));
  const grants = Object.fromEntries(projects.map((name) => [name, options.permissions ?? listing]));
  rest.accounts.push({ name: robot.username, password: robot.password, projects: grants });
  const table = new Map<string, Entry[]>();
  const harbor = await startSide(t, rest.misbehave, (...pushed) => rest.content.push(...pushed));
  const acr = await startSide(
    t,
    (_, next) => next(),
    (repository, tag, digest) => {
      const others = table.get(repository)?.filter((entry) => entry.tag !== tag) ?? [];
      table.set(repository, [...others, { tag, digest }]);
    },
  );
  const clock = new LeapingClock();
  const openApi = await startAcrOpenApi(t, {
    shelf: tableShelf(table, ['mirror']),
    now: () => clock.now(),
  });
  const registries = new ConfiguredRegistries({
    configs: configs(harbor.url, acr.url, options.openApi === false ? undefined : openApi.url),
    clock,
  });
  t.after(() => registries.close());
  const everything = rule({ repositories: ['**'], repository: 'mirror/{flat}', destinationType: 'acr-ee' });
  const { rules = [everything] } = options;
  let forgotten = 0;
  const asked = () => openApi.calls.slice(forgotten).map(({ action }) => action);
  const forget = () => {
    for (const { registry } of [harbor, acr]) registry.requests.length = 0;
    forgotten = openApi.calls.length;
  };
  const sweeping = await startSweeping(t, registries, rules, options.sweep);
  return { harbor, rest, acr, openApi, asked, table, forget, registries, ...sweeping };
}

type Options = NonNullable<Parameters<typeof EmbeddedRegistry.start>[0]>;

async function startSide(
  t: Ending,
  answer: (call: Call, next: () => Promise<Answer>) => Promise<Answer>,
  onTag: NonNullable<Options['onTag']>,
): Promise<Side> {
  const faults = new Faults();
  const registry = await EmbeddedRegistry.start({
    onTag,
    misbehave: (call, next) => faults.misbehave(call, () => answer(call, next)),
  });
  t.after(() => registry.close());
  const seen = (expression = /./): string[] =>
    registry.requests.map(({ method, path }) => `${method} ${path}`).filter((line) => expression.test(line));
  return { registry, faults, url: registry.url, seen };
}

function configs(harbor: string, acr: string, openapiUrl: string | undefined): RegistryConfig[] {
  const common = {
    tokenHosts: [],
    insecureSkipVerify: false,
    concurrency: 8,
    requestsPerSecond: 0,
    bandwidth: 0,
    connectTimeout: 5_000,
    idleTimeout: 5_000,
  };
  const identity = { kind: 'access-key', ...accessKey } as const;
  const aliyun = openapiUrl && { identity, instanceId, region: 'cn-test', openapiUrl };
  return [
    { ...common, name: 'harbor', type: 'harbor', url: harbor, credential: robot },
    { ...common, name: 'acr', type: 'acr-ee', url: acr, ...(aliyun && { aliyun }) },
  ];
}

/** A manifest that needs nothing else to be there. */
export function bare(seed: string): Image {
  const document = { schemaVersion: 2, mediaType: ociIndex, manifests: [], annotations: { seed } };
  const bytes = Buffer.from(JSON.stringify(document));
  const descriptor = { mediaType: ociIndex, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, bytes, blobs: [], children: [] };
}
