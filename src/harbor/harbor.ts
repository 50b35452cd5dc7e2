import { z } from 'zod';
import { RegistryError } from '../copy/error.ts';
import { isRepository } from '../oci/reference.ts';
import type {
  Artifact,
  Delivery,
  History,
  Listing,
  Page,
  PermittedCall,
  Permissions,
  Policy,
  Project,
  Release,
  TagCreation,
} from '../task/listing.ts';
import * as answer from './answer.ts';
import { Api } from './api.ts';
import type { Send } from './api.ts';
import { byId, counted } from './pages.ts';
import { releaseOf } from './release.ts';
import { artifactOf, creationOf, deliveryOf, policyOf } from './rows.ts';

/** Costs Harbor one look more for each artifact, and saves a list of tags for each repository that has no accessories. */
const tagged = { with_tag: 'true', with_accessory: 'true' };

/** A Harbor by its REST API. */
export class Harbor implements Listing, History, Permissions {
  readonly #api: Api;

  constructor(options: { send: Send; origin: URL }) {
    this.#api = new Api(options.send, options.origin);
  }

  async release(signal?: AbortSignal): Promise<Release | undefined> {
    const { value } = await this.#api.get('/systeminfo', {}, answer.systemInfo, signal);
    return value.harbor_version ? releaseOf(value.harbor_version) : undefined;
  }

  async permitted(project: string, signal?: AbortSignal): Promise<Record<PermittedCall, boolean>> {
    const may = (path: string): Promise<boolean> => this.#may(`${pathOf(project)}${path}`, signal);
    const [repositories, artifacts, repositoryArtifacts, policies, deliveries, tagCreations] =
      await Promise.all([
        may('/repositories'),
        may('/artifacts'),
        // Of a repository that need not exist: the permission is looked at first.
        may('/repositories/tagferry/artifacts'),
        may('/webhook/policies'),
        // It wants the permission that a policy's executions want, and no policy.
        may('/webhook/events'),
        may('/auditlog-exts'),
      ]);
    return { repositories, artifacts, repositoryArtifacts, policies, deliveries, tagCreations };
  }

  async projects(signal?: AbortSignal): Promise<Project[]> {
    const query = { with_detail: 'false', sort: 'name' };
    const rows = await counted(this.#api, { path: '/projects', query, row: answer.project, signal });
    const projects = rows.map(({ name, registry_id: from }) => ({ name, proxyCache: Boolean(from) }));
    return [...new Map(projects.map((project) => [project.name, project])).values()];
  }

  async repositories(project: string, signal?: AbortSignal): Promise<string[]> {
    const path = `${pathOf(project)}/repositories`;
    const rows = await counted(this.#api, { path, query: { sort: 'name' }, row: answer.repository, signal });
    return [...new Set(rows.map(({ name }) => name))];
  }

  artifacts(project: string, after: number, signal?: AbortSignal): AsyncGenerator<Page<Artifact>> {
    return this.#tagged(`${pathOf(project)}/artifacts`, undefined, after, signal);
  }

  repositoryArtifacts(
    repository: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Page<Artifact>> {
    const [project = '', ...rest] = repository.split('/');
    // Twice, since a proxy in between may undo one: https://github.com/goharbor/harbor/issues/18355
    const name = encodeURIComponent(encodeURIComponent(rest.join('/')));
    return this.#tagged(`${pathOf(project)}/repositories/${name}/artifacts`, repository, after, signal);
  }

  async policies(project: string, signal?: AbortSignal): Promise<Policy[]> {
    const path = `${pathOf(project)}/webhook/policies`;
    const rows = await counted(this.#api, { path, query: { sort: 'id' }, row: answer.policy, signal });
    return rows.map(policyOf);
  }

  async *deliveries(
    project: string,
    policy: number,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Page<Delivery>> {
    const path = `${pathOf(project)}/webhook/policies/${policy}/executions`;
    const list = { path, query: {}, row: answer.execution, signal };
    for await (const { lastId, rows } of byId(this.#api, list, after)) {
      yield { lastId, rows: rows.flatMap(deliveryOf) };
    }
  }

  async *tagCreations(
    project: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Page<TagCreation>> {
    const list = { path: `${pathOf(project)}/auditlog-exts`, query: {}, row: answer.auditRow, signal };
    for await (const { lastId, rows } of byId(this.#api, list, after, 'operation=create')) {
      yield { lastId, rows: rows.flatMap(creationOf) };
    }
  }

  async *#tagged(
    path: string,
    repository: string | undefined,
    after: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Page<Artifact>> {
    const list = { path, query: tagged, row: answer.artifact, signal };
    for await (const { lastId, rows } of byId(this.#api, list, after, 'tags=*')) {
      yield { lastId, rows: rows.map((row) => artifactOf(row, repository)) };
    }
  }

  async #may(path: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.#api.get(path, { page_size: '1' }, z.unknown(), signal);
      return true;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // A release that does not know the call allows it to nobody.
      if (error.fault === 'denied' || error.fault === 'not-found') return false;
      throw error;
    }
  }
}

function pathOf(project: string): string {
  if (isRepository(project) && !project.includes('/')) return `/projects/${project}`;
  throw new RegistryError(
    'name-invalid',
    `expected the name of a Harbor project, got ${JSON.stringify(project.slice(0, 80))}`,
  );
}
