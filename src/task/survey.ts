import { RegistryError } from '../copy/error.ts';
import { firstPart } from '../oci/reference.ts';
import type { RuleSource } from '../rule/match.ts';
import { isAllowed, isRefusal } from './listed.ts';
import type { Listing, Project } from './listing.ts';
import { parallel } from './parallel.ts';
import type { Registries } from './registries.ts';

/** What a survey needs of the rules. */
export interface SurveyRules {
  /** Whether the rule may match a repository of the project that it does not spell out. */
  reaches(rule: string, project: string): boolean;
}

export interface SurveyOptions {
  registries: Registries;
  rules: SurveyRules;
  /** Projects asked at once. */
  width: number;
  signal: AbortSignal;
  /** For whoever cannot wait: aborted, with a `RegistryError`, it leaves what is not listed by then unlisted, for that reason. */
  late?: AbortSignal;
}

/** What a source says that it has. */
export interface Survey {
  /** Where it has any, and lists them. */
  projects: Project[];
  /** Else all of its repositories. */
  repositories: string[];
  /** Why there is no list, where there should be one. */
  failure?: RegistryError;
  /** Repositories that rules may match, of the projects too: those that are listed, and those that are spelled out. */
  names: Set<string>;
  /** Projects that rules reach and whose repositories are not listed, each with the reason. */
  unnamed: Map<string, RegistryError>;
}

/**
 * Asks a source for its names, a hundred a request: projects that a rule reaches, and their repositories, where there are
 * projects and the account may list them; else every repository. Throws only what ends the sweep.
 */
export async function surveyOf(
  source: string,
  here: readonly RuleSource[],
  options: SurveyOptions,
): Promise<Survey> {
  const survey: Survey = { projects: [], repositories: [], names: new Set(), unnamed: new Map() };
  const listed = new Set<string>();
  if (here.some(({ needsList }) => needsList)) await list(survey, source, here, options, listed);
  for (const name of here.flatMap(({ repositories }) => repositories))
    // What is spelled out and is not there meets nobody.
    if (!listed.has(firstPart(name))) survey.names.add(name);
  return survey;
}

async function list(
  survey: Survey,
  source: string,
  here: readonly RuleSource[],
  options: SurveyOptions,
  listed: Set<string>,
): Promise<void> {
  const { registries } = options;
  const signal = askingOf(options);
  const listing = registries.listing(source);
  try {
    if (listing !== undefined && (await isAllowed(addProjects(survey, listing, signal))))
      return await nameProjects(survey, listing, reached(survey, here, options), options, listed);
    for await (const name of registries.repositories(source, signal)) survey.repositories.push(name);
    for (const name of survey.repositories) survey.names.add(name);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    survey.failure = error;
  }
}

async function addProjects(survey: Survey, listing: Listing, signal: AbortSignal): Promise<void> {
  survey.projects.push(...(await listing.projects(signal)));
}

/** What others put into a proxy cache is not for a mirror. */
function reached({ projects }: Survey, here: readonly RuleSource[], { rules }: SurveyOptions): string[] {
  return projects
    .filter(({ proxyCache }) => !proxyCache)
    .map(({ name }) => name)
    .filter((name) => here.some((one) => one.needsList && rules.reaches(one.rule, name)));
}

function askingOf({ signal, late }: SurveyOptions): AbortSignal {
  return late === undefined ? signal : AbortSignal.any([signal, late]);
}

/** A source that is away is not asked for the rest: each question would take its time to fail. */
async function nameProjects(
  survey: Survey,
  listing: Listing,
  projects: readonly string[],
  options: SurveyOptions,
  listed: Set<string>,
): Promise<void> {
  const { width, signal } = options;
  const asking = askingOf(options);
  let away: RegistryError | undefined;
  await parallel(projects, width, async (project) => {
    try {
      if (away !== undefined) throw away;
      for (const name of await listing.repositories(project, asking)) survey.names.add(name);
      listed.add(project);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
      if (!isRefusal(error)) away = error;
      survey.unnamed.set(project, error);
    }
  });
}
