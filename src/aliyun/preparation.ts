import { shared } from '../abort.ts';
import { RegistryError } from '../copy/error.ts';
import { isThere, partsOf } from './namespaces.ts';
import type { Made, NamespaceTemplate, Namespaces, RepositoryTemplate } from './namespaces.ts';

/** What may be made, and how. What has no template is never made. */
export interface Templates {
  namespaces?: NamespaceTemplate | undefined;
  repositories?: RepositoryTemplate | undefined;
}

export type OnMade = (what: 'namespace' | 'repository', name: string, how: Made) => void;

/** Repositories remembered; beyond it the oldest go, and are asked for again. */
const capacity = 10_000;

/**
 * Makes the namespaces and repositories that copies need and the configuration allows, and changes none that is there.
 * Each repository is asked for once, however many copies wait for it; a failure is not remembered.
 */
export class Preparation {
  readonly #namespaces: Namespaces;
  readonly #templates: Templates;
  readonly #onMade: OnMade;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #ready = new Set<string>();
  readonly #toBeMade = new Set<string>();

  constructor(namespaces: Namespaces, templates: Templates, onMade: OnMade) {
    this.#namespaces = namespaces;
    this.#templates = templates;
    this.#onMade = onMade;
  }

  /** Once `NAMESPACE/REPOSITORY` is as ready as it is to be made. Throws `RegistryError`. */
  async ready(repository: string, signal?: AbortSignal): Promise<void> {
    if (this.#ready.has(repository)) return;
    await shared(
      this.#once(repository, () => this.#prepare(repository)),
      signal,
    );
  }

  /** The registry refuses it: perhaps it is gone. */
  forget(repository: string): void {
    this.#ready.delete(repository);
  }

  /** Whether it is missing, and `ready` would make what is missing of it. Throws `RegistryError`. */
  async isToBeMade(repository: string, signal?: AbortSignal): Promise<boolean> {
    if (this.#toBeMade.has(repository)) return true;
    const found = await this.#namespaces.repository(...partsOf(repository), signal);
    if (isThere(found)) return false;
    const { namespaces, repositories } = this.#templates;
    const made = (found === 'no-namespace' ? namespaces : repositories) !== undefined;
    if (made) remember(this.#toBeMade, repository);
    return made;
  }

  async #prepare(repository: string): Promise<void> {
    const [namespace, name] = partsOf(repository);
    const found = await this.#namespaces.repository(namespace, name);
    if (!isThere(found)) {
      // Several repositories may need the same one at once; a blank is in no repository's name.
      if (found === 'no-namespace') await this.#once(`${namespace} `, () => this.#makeNamespace(namespace));
      await this.#makeRepository(namespace, name);
    }
    this.#toBeMade.delete(repository);
    remember(this.#ready, repository);
  }

  async #makeNamespace(name: string): Promise<void> {
    const template = this.#templates.namespaces;
    if (template === undefined) {
      const why = 'and prepare.namespaces, which would make it, is not configured';
      throw new RegistryError('denied', `the namespace ${name} is not there, ${why}`);
    }
    this.#onMade('namespace', name, await this.#namespaces.createNamespace(name, template));
  }

  /** Without a template it is left to the push: a namespace with auto-creation takes it. */
  async #makeRepository(namespace: string, name: string): Promise<void> {
    const template = this.#templates.repositories;
    if (template === undefined) return;
    const how = await this.#namespaces.createRepository(namespace, name, template);
    this.#onMade('repository', `${namespace}/${name}`, how);
  }

  #once(key: string, work: () => Promise<void>): Promise<void> {
    const running = this.#underWay.get(key) ?? work().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, running);
    return running;
  }
}

function remember(names: Set<string>, name: string): void {
  names.add(name);
  const oldest = names.values().next();
  if (names.size > capacity && !oldest.done) names.delete(oldest.value);
}
