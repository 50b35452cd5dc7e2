import { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { isMissing } from './error.ts';
import { text, truth } from './lenient.ts';
import type { OpenApi } from './openapi.ts';

export type Visibility = 'private' | 'public';

export interface NamespaceState {
  /** `NORMAL` or `DELETING`. */
  status: string;
  /** A push makes the repositories that are missing. */
  autoCreate: boolean;
  /** Of the repositories that a push makes. */
  visibility: Visibility | undefined;
  tagImmutability: boolean;
}

export interface RepositoryState {
  /** `crr-…` */
  id: string;
  visibility: Visibility | undefined;
  /** No tag but `latest` can be written twice. */
  tagImmutability: boolean;
}

/** What a new namespace is to be like. */
export interface NamespaceTemplate {
  visibility: Visibility;
  immutableTags: boolean;
  autoCreateRepositories: boolean;
}

/** What a new repository is to be like. */
export interface RepositoryTemplate {
  visibility: Visibility;
  immutableTags: boolean;
  /** 1 to 100 characters. */
  summary: string;
}

/** `there`: somebody else made it at the same time, or a request of ours whose answer was lost. */
export type Made = 'made' | 'there';

const namespaceSchema = z.object({
  NamespaceStatus: text,
  AutoCreateRepo: truth,
  // Older answers have nothing but this, newer ones the two others.
  DefaultRepoType: text,
  DefaultRepoConfiguration: z.object({ RepoType: text, TagImmutability: truth.nullish() }).nullish(),
});

const repositorySchema = z.object({
  RepoId: z.string().min(1),
  RepoType: text,
  TagImmutability: truth.nullish(),
});

/** Namespaces and repositories of one ACR EE instance, by its OpenAPI. Everything throws `RegistryError`. */
export class Namespaces {
  readonly #openApi: OpenApi;

  constructor(openApi: OpenApi) {
    this.#openApi = openApi;
  }

  async namespace(name: string, signal?: AbortSignal): Promise<NamespaceState | undefined> {
    const asked = this.#openApi.call('GetNamespace', { NamespaceName: name }, namespaceSchema, signal);
    const said = await orMissing(asked);
    if (said === undefined) return undefined;
    const { RepoType, TagImmutability } = said.DefaultRepoConfiguration ?? {};
    return {
      status: said.NamespaceStatus,
      autoCreate: said.AutoCreateRepo,
      visibility: visibilityOf(RepoType || said.DefaultRepoType),
      tagImmutability: TagImmutability ?? false,
    };
  }

  async repository(
    namespace: string,
    name: string,
    signal?: AbortSignal,
  ): Promise<RepositoryState | 'no-namespace' | undefined> {
    const parameters = { RepoNamespaceName: namespace, RepoName: name };
    try {
      const said = await this.#openApi.call('GetRepository', parameters, repositorySchema, signal);
      const { RepoId: id, RepoType, TagImmutability } = said;
      return { id, visibility: visibilityOf(RepoType), tagImmutability: TagImmutability ?? false };
    } catch (error) {
      if (!isMissing(error)) throw error;
      return isNamespaceMissing(error) ? 'no-namespace' : undefined;
    }
  }

  async createNamespace(name: string, template: NamespaceTemplate, signal?: AbortSignal): Promise<Made> {
    const { visibility, immutableTags, autoCreateRepositories } = template;
    const parameters = {
      NamespaceName: name,
      AutoCreateRepo: String(autoCreateRepositories),
      DefaultRepoConfiguration: JSON.stringify({
        RepoType: visibility.toUpperCase(),
        TagImmutability: immutableTags,
      }),
    };
    const created = this.#openApi.call('CreateNamespace', parameters, z.object({}), signal);
    return madeBy(created, async () => (await this.namespace(name, signal)) !== undefined);
  }

  async createRepository(
    namespace: string,
    name: string,
    template: RepositoryTemplate,
    signal?: AbortSignal,
  ): Promise<Made> {
    const { visibility, immutableTags, summary } = template;
    const parameters = {
      RepoNamespaceName: namespace,
      RepoName: name,
      RepoType: visibility.toUpperCase(),
      TagImmutability: String(immutableTags),
      Summary: summary,
    };
    const created = this.#openApi.call('CreateRepository', parameters, z.object({}), signal);
    return madeBy(created, async () => isThere(await this.repository(namespace, name, signal)));
  }
}

/** Whether a repository was found. */
export function isThere(found: RepositoryState | 'no-namespace' | undefined): found is RepositoryState {
  return found !== undefined && found !== 'no-namespace';
}

/**
 * The vendor does not say by which code it refuses to make what is there already. So a refusal that is none of the
 * known ones is looked into: what is there now need not be made.
 */
async function madeBy(creation: Promise<unknown>, isThereNow: () => Promise<boolean>): Promise<Made> {
  try {
    await creation;
    return 'made';
  } catch (error) {
    if (isUnclear(error) && (await isThereNow())) return 'there';
    throw error;
  }
}

function isUnclear(error: unknown): boolean {
  if (!(error instanceof RegistryError) || error.code === undefined) return false;
  return error.fault !== 'denied' && error.fault !== 'rate-limited';
}

async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isNamespaceMissing(error: unknown): boolean {
  return error instanceof RegistryError && /^NAMESPACE_/i.test(error.code ?? '');
}

function visibilityOf(type: string): Visibility | undefined {
  const lower = type.toLowerCase();
  return lower === 'private' || lower === 'public' ? lower : undefined;
}

/** Of `NAMESPACE/REPOSITORY`. Throws `RegistryError` for a name of other parts, which no instance has. */
export function partsOf(repository: string): [namespace: string, name: string] {
  const [namespace, name, ...more] = repository.split('/');
  if (namespace && name && more.length === 0) return [namespace, name];
  throw new RegistryError(
    'name-invalid',
    `expected NAMESPACE/REPOSITORY, as ACR EE has it, got ${repository}`,
  );
}
