import { RegistryError } from '../copy/error.ts';
import { firstPart } from '../oci/reference.ts';
import type {
  Delivery,
  History,
  ListedArtifact,
  ListedTag,
  Listing,
  Policy,
  Project,
  TagCreated,
} from '../task/listing.ts';
import * as answer from './answer.ts';
import { Api } from './api.ts';
import type { Send } from './api.ts';
import { Condition } from './condition.ts';
import { byId, counted, pageAbove, pageOf } from './pages.ts';
import { pathOf } from './path.ts';
import { Policies } from './policies.ts';
import { artifactOf, creationOf, deliveryOf, policyOf, signatureOf } from './rows.ts';
import { shownOf } from './shown.ts';
import type { ShownTags } from './shown.ts';

/** An artifact takes Harbor one look more for its tags, and one for its accessories. */
const tagged = { with_tag: 'true', with_accessory: 'true' };

interface HarborOptions {
  send: Send;
  origin: URL;
  /** No credential is sent: what is public is all that there is to see. */
  anonymous: boolean;
}

/** A Harbor by its REST API. */
export class Harbor implements Listing, History {
  readonly #api: Api;
  readonly #anonymous: boolean;
  /** Its webhook policies in full, to be written as well. */
  readonly webhooks: Policies;
  /** How it is itself. */
  readonly condition: Condition;

  constructor({ send, origin, anonymous }: HarborOptions) {
    this.#api = new Api(send, origin);
    this.webhooks = new Policies(this.#api);
    this.condition = new Condition(this.#api);
    this.#anonymous = anonymous;
  }

  async projects(signal?: AbortSignal): Promise<Project[]> {
    if (!this.#anonymous) await this.#assertKnown(signal);
    const projects = await this.#projects({ sort: 'name' }, signal);
    return [...new Map(projects.map((project) => [project.name, project])).values()];
  }

  /** `undefined`: the account is shown no such project. Throws `RegistryError`. */
  async project(name: string, signal?: AbortSignal): Promise<Project | undefined> {
    const projects = await this.#projects({ q: `name=${name}` }, signal);
    return projects.find((project) => project.name === name);
  }

  async #projects(query: Record<string, string>, signal: AbortSignal | undefined): Promise<Project[]> {
    const list = {
      path: '/projects',
      query: { with_detail: 'false', ...query },
      row: answer.project,
      signal,
    };
    const rows = await counted(this.#api, list);
    return rows.map(({ name, registry_id: from }) => ({ name, proxyCache: Boolean(from) }));
  }

  async repositories(project: string, signal?: AbortSignal): Promise<string[]> {
    const path = `${pathOf(project)}/repositories`;
    const rows = await counted(this.#api, { path, query: { sort: 'name' }, row: answer.repository, signal });
    return [...new Set(rows.map(({ name }) => name))];
  }

  async *artifacts(
    project: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<{ artifacts: ListedArtifact[]; lastId: number }> {
    const list = { path: `${pathOf(project)}/artifacts`, query: tagged, row: answer.artifact, signal };
    for await (const { rows, lastId } of byId(this.#api, list, { after, filter: 'tags=*' })) {
      yield { artifacts: rows.flatMap((row) => artifactOf(row, project)), lastId };
    }
  }

  /**
   * Of accessories (signatures, and anything else with a `subject`) Harbor tells no tags: those of signatures are
   * concluded, and come last, as what Harbor does tell of a tag is better.
   */
  async *tags(repository: string, signal?: AbortSignal): AsyncGenerator<ListedTag> {
    const list = artifactsIn(repository, signal);
    const signatures = new Map<string, ListedTag>();
    const told = new Set<string>();
    for await (const { rows } of byId(this.#api, list, { after: 0, filter: 'tags=*' })) {
      for (const one of rows.flatMap(signatureOf)) signatures.set(one.tag, one);
      const tags = rows.flatMap(({ digest, tags: names }) => names.map(({ name: tag }) => ({ tag, digest })));
      for (const { tag } of tags.filter((one) => one.tag.endsWith('.sig'))) told.add(tag);
      yield* tags;
    }
    for (const one of signatures.values()) if (!told.has(one.tag)) yield one;
  }

  async newest(repository: string, count: number, signal?: AbortSignal): Promise<ListedArtifact[]> {
    const query = { with_tag: 'true', page: '1', page_size: String(count), sort: '-id', q: 'tags=*' };
    const { value } = await this.#api.get(artifactsOf(repository), query, pageOf(answer.artifact), signal);
    return value.flatMap((row) => artifactOf({ ...row, repository_name: repository }, firstPart(repository)));
  }

  /**
   * Also looks at artifacts without a tag, whose accessories may have some; but where a repository has more artifacts than a
   * page, only at those of the first: there may be any number of them. Throws `RegistryError`.
   */
  async shown(repository: string, signal?: AbortSignal): Promise<ShownTags> {
    const list = artifactsIn(repository, signal);
    const first = await pageAbove(this.#api, list, { after: 0 });
    if (first === undefined || first.isLast) return shownOf(first?.rows ?? [], 'one');
    const { rows, lastId: after } = first;
    for await (const page of byId(this.#api, list, { after, filter: 'tags=*' })) rows.push(...page.rows);
    return shownOf(rows, 'several');
  }

  async policies(project: string, signal?: AbortSignal): Promise<Policy[]> {
    const path = `${pathOf(project)}/webhook/policies`;
    const rows = await counted(this.#api, { path, query: { sort: 'id' }, row: answer.policy, signal });
    return rows.flatMap(policyOf);
  }

  async *deliveries(
    project: string,
    policy: number,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<{ deliveries: Delivery[]; lastId: number }> {
    const path = `${pathOf(project)}/webhook/policies/${policy}/executions`;
    const list = { path, query: {}, row: answer.execution, signal };
    for await (const { rows, lastId } of byId(this.#api, list, { after })) {
      yield { deliveries: rows.flatMap((row) => deliveryOf(row, policy)), lastId };
    }
  }

  async *tagsCreated(
    project: string,
    after: number,
    signal?: AbortSignal,
  ): AsyncGenerator<{ created: TagCreated[]; lastId: number }> {
    const list = { path: auditLogOf(project), query: {}, row: answer.auditRow, signal };
    for await (const { rows, lastId } of byId(this.#api, list, { after, filter: 'operation=create' })) {
      yield { created: rows.flatMap((row) => creationOf(row, project)), lastId };
    }
  }

  async newestAudit(project: string, signal?: AbortSignal): Promise<number> {
    const query = { page: '1', page_size: '1', sort: '-id' };
    const { value } = await this.#api.get(auditLogOf(project), query, pageOf(answer.auditRow), signal);
    return Math.max(0, ...value.map(({ id }) => id));
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

function artifactsOf(repository: string): string {
  const [project = '', ...rest] = repository.split('/');
  // Twice, since a proxy in between may undo one: https://github.com/goharbor/harbor/issues/18355
  const name = encodeURIComponent(encodeURIComponent(rest.join('/')));
  return `${pathOf(project)}/repositories/${name}/artifacts`;
}

function artifactsIn(repository: string, signal: AbortSignal | undefined) {
  return { path: artifactsOf(repository), query: tagged, row: answer.artifact, signal };
}

function auditLogOf(project: string): string {
  return `${pathOf(project)}/auditlog-exts`;
}
