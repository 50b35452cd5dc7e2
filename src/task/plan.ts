import { setImmediate } from 'node:timers/promises';
import { RegistryError } from '../copy/error.ts';
import { firstPart } from '../oci/reference.ts';
import type { RuleSource } from '../rule/match.ts';
import { isAllowed } from './listed.ts';
import type { Registries } from './registries.ts';
import type { Part } from './store.ts';
import type { Survey, SurveyRules } from './survey.ts';

/** What a plan needs of the rules: those of the sweep. */
export interface PlanRules extends SurveyRules {
  matchesRepository(rule: string, repository: string): boolean;
}

export interface PlanOptions {
  registries: Registries;
  rules: PlanRules;
  /** Repositories that events or tasks have named. */
  known(): string[];
  failed(line: string): void;
  signal: AbortSignal;
}

/** Names between two pauses. */
const pieceSize = 1_000;

/**
 * What a sweep has to look at in one source: the projects that a rule reaches, where the source has any and the account may
 * list them; else every repository that a rule matches, as far as they are listed or known.
 */
export async function planOf(
  source: string,
  here: readonly RuleSource[],
  survey: Survey,
  options: Omit<PlanOptions, 'registries'>,
): Promise<Part[]> {
  const part =
    (kind: Part['kind']) =>
    (name: string): Part => ({ source, kind, name, position: 0 });
  const literals = here.flatMap(({ repositories }) => repositories);
  const listing = here.some(({ needsList }) => needsList);
  if (!listing) return [...new Set(literals)].toSorted().map(part('repository'));
  const spelledOut = new Set([...literals, ...options.known()]);
  if (survey.failure) options.failed(unlisted(source, spelledOut.size, survey.failure));
  const projects = survey.projects.filter(
    ({ name, proxyCache }) =>
      !proxyCache && here.some((one) => one.needsList && options.rules.reaches(one.rule, name)),
  );
  const whole = new Set(projects.map(({ name }) => name));
  const caches = new Set(survey.projects.filter(({ proxyCache }) => proxyCache).map(({ name }) => name));
  const listed = [...survey.repositories, ...options.known()].filter((name) => !caches.has(firstPart(name)));
  const rest = [...new Set([...literals, ...listed])].filter((name) => !whole.has(firstPart(name)));
  const names = await matched(rest, here, options);
  return [...[...whole].map(part('project')), ...names.toSorted().map(part('repository'))];
}

/** Others have their turn: of a hundred thousand it takes seconds. */
async function matched(
  names: readonly string[],
  here: readonly RuleSource[],
  { rules, signal }: Pick<PlanOptions, 'rules' | 'signal'>,
): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; at < names.length; at += pieceSize) {
    const piece = names.slice(at, at + pieceSize);
    found.push(...piece.filter((name) => here.some((one) => rules.matchesRepository(one.rule, name))));
    await setImmediate();
    signal.throwIfAborted();
  }
  return found;
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
  const names = new Set(known().filter((name) => firstPart(name) === project));
  const listing = registries.listing(source);
  const add = async (): Promise<void> => {
    for (const name of (await listing?.repositories(project, signal)) ?? []) names.add(name);
  };
  try {
    if (await isAllowed(add())) return [...names];
    for await (const name of registries.repositories(source, signal))
      if (firstPart(name) === project) names.add(name);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    failed(unlisted(`${source}/${project}`, names.size, error));
  }
  return [...names];
}
