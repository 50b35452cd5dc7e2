import type { Ruleset } from '../rule/match.ts';
import type { Listing } from '../task/listing.ts';
import { firstPart } from '../oci/reference.ts';

/** The projects of a Harbor that rules read. */
export interface ReadProjects {
  /** Sorted. */
  projects: readonly string[];
  /** Rules spell out repositories of these, and Harbor shows the account no such projects. */
  unknown: readonly string[];
  /** Proxy caches that are none of them, though patterns of the rules match them. Sorted. */
  leftOut: readonly string[];
}

/** A proxy cache is none of them unless a rule spells it out. Throws `RegistryError`. */
export async function projectsRead(
  source: string,
  rules: Ruleset,
  harbor: Pick<Listing, 'projects'>,
  signal: AbortSignal,
): Promise<ReadProjects> {
  const shown = await harbor.projects(signal);
  const spelledOut = projectsSpelledOut(source, rules);
  const matched = shown.filter(({ name }) => rules.reads(source, name));
  const read = matched.filter(({ name, proxyCache }) => !proxyCache || spelledOut.has(name));
  const leftOut = matched.filter((project) => !read.includes(project));
  for (const { name } of shown) spelledOut.delete(name);
  return { projects: namesOf(read), unknown: [...spelledOut].toSorted(), leftOut: namesOf(leftOut) };
}

function namesOf(projects: readonly { name: string }[]): string[] {
  return projects.map(({ name }) => name).toSorted();
}

function projectsSpelledOut(source: string, rules: Ruleset): Set<string> {
  const names = rules
    .sources()
    .flatMap((rule) => (rule.source === source ? rule.repositories : []))
    .filter((name) => name.includes('/'));
  return new Set(names.map(firstPart));
}
