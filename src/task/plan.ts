import { RegistryError } from '../copy/error.ts';
import type { RuleSource } from '../rule/match.ts';
import { isAllowed, projectOf } from './listed.ts';
import type { Listing, Project } from './listing.ts';
import type { Registries } from './registries.ts';
import type { Part } from './store.ts';

/** What a plan needs of the rules: those of the sweep. */
export interface PlanRules {
  matchesRepository(rule: string, repository: string): boolean;
  /** Whether the rule may match a repository of the project that it does not spell out. */
  reaches(rule: string, project: string): boolean;
}

export interface PlanOptions {
  registries: Registries;
  rules: PlanRules;
  /** Repositories that events or tasks have named. */
  known(): string[];
  failed(line: string): void;
  signal: AbortSignal;
}

/**
 * What a sweep has to look at in one source: the projects that a rule reaches, where the source has any and the account may
 * list them; else every repository that a rule matches, as far as they are listed or known.
 */
export async function planOf(
  source: string,
  here: readonly RuleSource[],
  options: PlanOptions,
): Promise<Part[]> {
  const part =
    (kind: Part['kind']) =>
    (name: string): Part => ({ source, kind, name, position: 0 });
  const literals = here.flatMap(({ repositories }) => repositories);
  const listing = here.some(({ needsList }) => needsList);
  if (!listing) return [...new Set(literals)].toSorted().map(part('repository'));
  const spelledOut = new Set([...literals, ...options.known()]);
  const found = await lists(source, spelledOut.size, options);
  const projects = found.projects.filter(
    ({ name, proxyCache }) =>
      !proxyCache && here.some((one) => one.needsList && options.rules.reaches(one.rule, name)),
  );
  const whole = new Set(projects.map(({ name }) => name));
  const caches = new Set(found.projects.filter(({ proxyCache }) => proxyCache).map(({ name }) => name));
  const listed = [...found.repositories, ...options.known()].filter((name) => !caches.has(projectOf(name)));
  const names = [...new Set([...literals, ...listed])]
    .filter((name) => !whole.has(projectOf(name)))
    .filter((name) => here.some((one) => options.rules.matchesRepository(one.rule, name)));
  return [...[...whole].map(part('project')), ...names.toSorted().map(part('repository'))];
}

interface Lists {
  projects: Project[];
  repositories: string[];
}

async function lists(source: string, known: number, options: PlanOptions): Promise<Lists> {
  const { registries, signal } = options;
  const found: Lists = { projects: [], repositories: [] };
  const listing = registries.listing(source);
  try {
    if (listing !== undefined && (await isAllowed(addProjects(found, listing, signal)))) return found;
    for await (const name of registries.repositories(source, signal)) found.repositories.push(name);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    options.failed(unlisted(source, known, error));
  }
  return found;
}

async function addProjects(found: Lists, listing: Listing, signal: AbortSignal): Promise<void> {
  found.projects.push(...(await listing.projects(signal)));
}

function unlisted(source: string, known: number, { message }: RegistryError): string {
  return `${source} does not list its repositories, so only the ${known} known ones are compared: ${message}`;
}

/**
 * The repositories of a project that cannot be listed as a whole: by the call that older releases have, or `_catalog`; the
 * known ones where neither is allowed.
 */
export async function repositoriesOf(
  source: string,
  project: string,
  options: Pick<PlanOptions, 'registries' | 'known' | 'failed' | 'signal'>,
): Promise<string[]> {
  const { registries, known, signal, failed } = options;
  const names = new Set(known().filter((name) => projectOf(name) === project));
  const listing = registries.listing(source);
  const add = async (): Promise<void> => {
    for (const name of (await listing?.repositories(project, signal)) ?? []) names.add(name);
  };
  try {
    if (await isAllowed(add())) return [...names];
    for await (const name of registries.repositories(source, signal))
      if (projectOf(name) === project) names.add(name);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    failed(unlisted(`${source}/${project}`, names.size, error));
  }
  return [...names];
}
