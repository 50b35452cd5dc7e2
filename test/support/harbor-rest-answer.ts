import type { Answer, Call } from '../../src/demo/registry/call.ts';
import type { HarborContent, StandArtifact, StandProject } from './harbor-rest-content.ts';
import { Refused, conditionsOf, isOlder, paged, refusal } from './harbor-rest-page.ts';

export interface HarborAccount {
  name: string;
  password: string;
  admin?: boolean;
  /** By project: Harbor's permissions, e.g. `artifact:list`. */
  projects: Record<string, readonly string[]>;
}

/** What it says of itself. */
export interface HarborAbout {
  notificationEnable: boolean;
  readOnly: boolean;
  /** By default the address at which it is asked. */
  externalUrl: string | undefined;
  now(): number;
  /** Components that are not well, with their errors. */
  ill: Record<string, string>;
}

/** A call that found its route. */
export interface Exchange {
  content: HarborContent;
  version: string;
  about: HarborAbout;
  call: Call;
  /** What the path says of them. */
  project: string;
  rest: string;
  account: HarborAccount | undefined;
}

/** The project, if the account has the permission in it; `open`: anyone has it where the project is public. */
export function permitted(exchange: Exchange, permission: string, open: 'open' | 'closed'): StandProject {
  const { account, project: name } = exchange;
  const found = findProject(exchange);
  if (account && !found) throw new Refused(refusal(404, 'NOT_FOUND', `project ${name} not found`));
  const granted = account?.admin || account?.projects[name]?.includes(permission);
  if (found && (granted || (open === 'open' && found.public))) return found;
  throw new Refused(
    account ? refusal(403, 'FORBIDDEN', 'forbidden') : refusal(401, 'UNAUTHORIZED', 'unauthorized'),
  );
}

/** A number is an id, unless the header says that it is a name. */
function findProject({ content, call, project }: Exchange): StandProject | undefined {
  const byName = call.headers['x-is-resource-name'] === 'true' || !/^\d+$/.test(project);
  if (byName) return content.projects.get(project);
  return [...content.projects.values()].find(({ id }) => String(id) === project);
}

export function projects({ content, call, account }: Exchange): Answer {
  const name = conditionsOf(call).get('name');
  const seen = [...content.projects.values()]
    .filter((project) => name === undefined || project.name === name)
    .filter((project) => project.public || account?.admin || account?.projects[project.name])
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return paged(call, seen, ({ id, name, createdAt, proxyCache }) => ({
    creation_time: createdAt,
    ...(account?.admin && { current_user_role_id: 1 }),
    current_user_role_ids: account?.admin ? [1] : null,
    cve_allowlist: { creation_time: never, items: null, update_time: never },
    name,
    owner_id: 1,
    project_id: id,
    ...(proxyCache && { registry_id: 1 }),
    repo_count: 0,
    update_time: createdAt,
  }));
}

export function repositories(exchange: Exchange): Answer {
  const { content, call } = exchange;
  const project = permitted(exchange, 'repository:list', 'open');
  const here = [...content.repositories.values()].filter((one) => one.project === project);
  return paged(call, here.toReversed(), ({ id, name, createdAt }) => ({
    artifact_count: 1,
    creation_time: createdAt,
    id,
    name,
    project_id: project.id,
    pull_count: 0,
    update_time: createdAt,
  }));
}

export function projectArtifacts(exchange: Exchange): Answer {
  if (!exchange.account) throw new Refused(refusal(401, 'UNAUTHORIZED', 'unauthorized'));
  const project = permitted(exchange, 'artifact:list', 'open');
  return artifacts(exchange, (artifact) => artifact.project === project);
}

export function repositoryArtifacts(exchange: Exchange): Answer {
  const project = permitted(exchange, 'artifact:list', 'open');
  const repository = `${project.name}/${decodeURIComponent(decodeURIComponent(exchange.rest))}`;
  return artifacts(exchange, (artifact) => artifact.repository === repository);
}

function artifacts(
  { content, version, call }: Exchange,
  isWithin: (artifact: StandArtifact) => boolean,
): Answer {
  const query = conditionsOf(call);
  const here = [...content.artifacts.values()].filter(isWithin);
  const children = new Set(here.flatMap((one) => one.children));
  const shown = here
    .filter((one) => one.subject === undefined)
    .filter((one) => one.tags.length > 0 || query.has('base') || !children.has(one.digest))
    .filter((one) => query.get('tags') !== '*' || one.tags.length > 0);
  const accessories = Map.groupBy(here, (one) => `${one.repository}@${one.subject}`);
  const withAccessories = call.query.get('with_accessory') === 'true';
  return paged(call, shown.toReversed(), (artifact) => ({
    ...artifactRow(artifact),
    accessories: orNull(
      (accessories.get(`${artifact.repository}@${artifact.digest}`) ?? [])
        .filter(() => withAccessories)
        .map((one) => accessoryRow(one, artifact)),
    ),
    ...(!isOlder(version, '2.11.1') && { repository_name: artifact.repository }),
  }));
}

function artifactRow(artifact: StandArtifact): object {
  const { id, digest, repositoryId, pushedAt, project, children } = artifact;
  const { configType = imageMembers.artifact_type } = artifact;
  const kind = children.length === 0 ? 'manifest' : 'index';
  return {
    ...(kind === 'manifest' && imageMembers),
    digest,
    icon: '',
    id,
    labels: null,
    manifest_media_type: `application/vnd.oci.image.${kind}.v1+json`,
    media_type: kind === 'manifest' ? configType : `application/vnd.oci.image.${kind}.v1+json`,
    project_id: project.id,
    pull_time: never,
    push_time: pushedAt,
    references: orNull(
      [...children, ...(artifact.attestation === undefined ? [] : [artifact.attestation])].map((child) => ({
        child_digest: child,
        parent_id: id,
        platform: child === artifact.attestation ? nowhere : linux,
      })),
    ),
    repository_id: repositoryId,
    size: 659,
    tags: orNull(artifact.tags.map((tag) => tagRow(tag, artifact))),
    type: 'IMAGE',
  };
}

const linux = { OsFeatures: null, architecture: 'amd64', os: 'linux' };
const nowhere = { OsFeatures: null, architecture: 'unknown', os: 'unknown' };

function tagRow({ id, name, pushedAt }: StandArtifact['tags'][number], artifact: StandArtifact): object {
  return {
    artifact_id: artifact.id,
    id,
    immutable: false,
    name,
    pull_time: never,
    push_time: pushedAt,
    repository_id: artifact.repositoryId,
  };
}

/** As Go writes an empty list. */
function orNull<T>(list: T[]): T[] | null {
  return list.length === 0 ? null : list;
}

const never = '0001-01-01T00:00:00.000Z';

const imageMembers = {
  addition_links: { build_history: { absolute: false, href: '/additions/build_history' } },
  artifact_type: 'application/vnd.oci.image.config.v1+json',
  extra_attrs: { architecture: 'amd64', author: '', config: {}, created: null, os: 'linux' },
};

function accessoryRow(accessory: StandArtifact, subject: StandArtifact) {
  return {
    artifact_id: accessory.id,
    creation_time: accessory.pushedAt,
    digest: accessory.digest,
    icon: '',
    id: accessory.id,
    size: 599,
    subject_artifact_digest: subject.digest,
    subject_artifact_id: subject.id,
    subject_artifact_repo: subject.repository,
    type: accessory.accessoryType,
  };
}

export function auditLog(exchange: Exchange): Answer {
  const project = permitted(exchange, 'log:list', 'closed');
  const operation = conditionsOf(exchange.call).get('operation');
  const here = exchange.content.audit.filter(
    (row) => row.project === project && (operation === undefined || row.operation === operation),
  );
  return paged(exchange.call, here.toReversed(), (row) => ({
    id: row.id,
    op_time: row.at,
    operation: row.operation,
    operation_description: row.description,
    operation_result: true,
    resource: row.resource,
    resource_type: row.type,
    username: 'robot$developer',
  }));
}
