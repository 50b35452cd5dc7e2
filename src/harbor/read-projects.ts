import type { Ruleset } from '../rule/match.ts';
import type { Listing } from '../task/listing.ts';
import { firstPart } from '../oci/reference.ts';

/** The projects of a Harbor that rules read. */
export interface ReadProjects {
  /** Sorted. */
  projects: readonly string[];
  /** Rules spell out repositories of these, and Harbor shows the account no such projects. */
  unknown: readonly string[];
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
  const read = shown.filter(
    ({ name, proxyCache }) => rules.reads(source, name) && (!proxyCache || spelledOut.has(name)),
  );
  for (const { name } of shown) spelledOut.delete(name);
  return { projects: read.map(({ name }) => name).toSorted(), unknown: [...spelledOut].toSorted() };
}

function projectsSpelledOut(source: string, rules: Ruleset): Set<string> {
  const names = rules
    .sources()
    .flatMap((rule) => (rule.source === source ? rule.repositories : []))
    .filter((name) => name.includes('/'));
  return new Set(names.map(firstPart));
}
