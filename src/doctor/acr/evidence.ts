import { isForbidden, isOfInstance } from '../../aliyun/error.ts';
import type { Namespaces, NamespaceState, RepositoryState } from '../../aliyun/namespaces.ts';
import type { InstanceRow, Overview, PublicEndpoint, Used, VpcEndpoint } from '../../aliyun/overview.ts';
import { RegistryError } from '../../copy/error.ts';
import type { Rule } from '../../rule/rule.ts';
import { needed, once, onceFor } from '../check.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { spelledOut } from './spelled-out.ts';
import { firstPart } from '../../oci/reference.ts';

/** What the OpenAPI tells of the instance. Every question throws `RegistryError`. */
export interface OpenApiEvidence {
  /** `cri-…` */
  id(): Promise<string>;
  /** All instances of the account in the OpenAPI's region. */
  rows(): Promise<readonly InstanceRow[]>;
  publicEndpoint(): Promise<PublicEndpoint>;
  vpcEndpoint(): Promise<VpcEndpoint>;
  usage(): Promise<{ namespaces: Used; repositories: Used }>;
  namespace(name: string): Promise<NamespaceState | undefined>;
  /** By `NAMESPACE/REPOSITORY`. */
  repository(name: string): Promise<RepositoryState | 'no-namespace' | undefined>;
}

/** What can be asked of an ACR, besides what every registry answers. */
export interface AcrEvidence extends RegistryEvidence {
  /** `undefined` where there is no Alibaba identity. */
  openApi: OpenApiEvidence | undefined;
  /** The namespaces that the rules write to: of planned repositories, and those that the rules spell out. Sorted; the first ones. */
  namespaces(): Promise<readonly string[]>;
  /** How many more of them there are. */
  further(): Promise<number>;
  /** How many repositories may be asked for by name. */
  most: number;
  /** The rules by whose planned copies a repository is written. */
  rulesOf(repository: string): Promise<readonly string[]>;
}

export interface OpenApiOptions {
  overview: Overview;
  namespaces: Namespaces;
  id: () => Promise<string>;
  signal: AbortSignal;
}

export function openApiEvidence({ overview, namespaces, id, signal }: OpenApiOptions): OpenApiEvidence {
  return {
    id: once(id),
    rows: once(() => overview.rows(signal)),
    publicEndpoint: once(() => overview.publicEndpoint(signal)),
    vpcEndpoint: once(() => overview.vpcEndpoint(signal)),
    usage: once(() => overview.usage(signal)),
    namespace: onceFor((name) => namespaces.namespace(name, signal)),
    repository: onceFor((name) => {
      const [namespace = '', ...rest] = name.split('/');
      return namespaces.repository(namespace, rest.join('/'), signal);
    }),
  };
}

export interface AcrOptions {
  /** Those that write there. */
  rules: readonly Rule[];
  /** By planned repository, the rules by which it is written. */
  planned: () => Promise<ReadonlyMap<string, readonly string[]>>;
  openApi: OpenApiEvidence | undefined;
  /** How many instances are asked at once: the OpenAPI's requests are paced for all of them together. */
  crowd: number;
}

/*
 * Of these one after the other is asked for by name. At 15 requests a second for the whole process, and after the sources have
 * had their time to tell what is planned, more would take longer than anybody waits.
 */
const [mostNamespaces, mostRepositories] = [20, 30];

export function acrEvidence(
  registry: RegistryEvidence,
  { rules, planned, openApi, crowd }: AcrOptions,
): AcrEvidence {
  const share = (most: number): number => Math.max(1, Math.floor(most / Math.max(1, crowd)));
  const all = once(async () => {
    const names = (await registry.planned()).map(firstPart);
    return [...new Set([...names, ...spelledOut(rules)])].toSorted();
  });
  return {
    ...registry,
    openApi,
    login: async () => {
      // The credential is a temporary password then, which comes from there.
      if (registry.config.credential === undefined && openApi !== undefined)
        await needed('instance', reached(openApi));
      await registry.login();
    },
    most: share(mostRepositories),
    namespaces: async () => (await all()).slice(0, share(mostNamespaces)),
    further: async () => Math.max(0, (await all()).length - share(mostNamespaces)),
    rulesOf: async (repository) => (await planned()).get(repository) ?? [],
  };
}

/** For checks that the runner makes only where there is an identity. */
export function openApiOf({ name, openApi }: AcrEvidence): OpenApiEvidence {
  if (openApi !== undefined) return openApi;
  throw new RegistryError('denied', `registries.${name} has no identity of Alibaba Cloud`);
}

/**
 * A question about what an instance has. Where the OpenAPI cannot be asked at all, or the instance is not there or does not
 * run, the check `instance` says so, and nobody else.
 */
export async function ofInstance<T>(
  evidence: AcrEvidence,
  question: (openApi: OpenApiEvidence) => Promise<T>,
): Promise<T> {
  const openApi = openApiOf(evidence);
  await needed('edition', openApi.id());
  await needed('instance', reached(openApi));
  try {
    return await question(openApi);
  } catch (reason) {
    if (isOfInstance(reason)) return needed('instance', Promise.reject(reason));
    throw reason;
  }
}

/** Who may not list the instances may ask other questions all the same. */
async function reached(openApi: OpenApiEvidence): Promise<void> {
  try {
    await openApi.rows();
  } catch (reason) {
    if (!isForbidden(reason)) throw reason;
  }
}
