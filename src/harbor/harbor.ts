import { RegistryError } from '../copy/error.ts';
import { isRepository } from '../oci/reference.ts';
import type { ListedTag, Listing, Project } from '../task/listing.ts';
import * as answer from './answer.ts';
import { Api } from './api.ts';
import type { Send } from './api.ts';
import { byId, counted } from './pages.ts';

interface HarborOptions {
  send: Send;
  origin: URL;
  /** No credential is sent: what is public is all that there is to see. */
  anonymous: boolean;
}

/** A Harbor by its REST API. */
export class Harbor implements Listing {
  readonly #api: Api;
  readonly #anonymous: boolean;

  constructor({ send, origin, anonymous }: HarborOptions) {
    this.#api = new Api(send, origin);
    this.#anonymous = anonymous;
  }

  async projects(signal?: AbortSignal): Promise<Project[]> {
    if (!this.#anonymous) await this.#assertKnown(signal);
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

  /** Not those of accessories: signatures, and anything else with a `subject`. */
  async *tags(repository: string, signal?: AbortSignal): AsyncGenerator<ListedTag> {
    const [project = '', ...rest] = repository.split('/');
    // Twice, since a proxy in between may undo one: https://github.com/goharbor/harbor/issues/18355
    const name = encodeURIComponent(encodeURIComponent(rest.join('/')));
    const path = `${pathOf(project)}/repositories/${name}/artifacts`;
    const list = { path, query: { with_tag: 'true' }, row: answer.artifact, signal };
    for await (const { digest, tags } of byId(this.#api, list, 'tags=*')) {
      yield* tags.map(({ name: tag }) => ({ tag, digest }));
    }
  }

  /** A wrong password, or a robot past its end, is nobody and no error there: it is shown what is public. */
  async #assertKnown(signal: AbortSignal | undefined): Promise<void> {
    const { value, shown } = await this.#api.get('/systeminfo', {}, answer.systemInfo, signal);
    if (value.harbor_version) return;
    throw new RegistryError(
      'denied',
      `GET ${shown}: expected harbor_version, as for every account that Harbor knows, got none; check username and password`,
    );
  }
}

function pathOf(project: string): string {
  if (isRepository(project) && !project.includes('/')) return `/projects/${project}`;
  throw new RegistryError(
    'name-invalid',
    `expected the name of a Harbor project, got ${JSON.stringify(project.slice(0, 80))}`,
  );
}
