import type { Ruleset } from '../rule/match.ts';
import { planOf, repositoriesOf } from '../task/plan.ts';
import type { Registries } from '../task/registries.ts';

/** What a source has that rules match: repositories by their full names, sorted, and why others may be missing. */
export interface SourceNames {
  names: readonly string[];
  failures: readonly string[];
}

/** Lists a source as a sweep does, without looking at a tag. */
export async function sourceNames(
  source: string,
  rules: Ruleset,
  registries: Registries,
  signal: AbortSignal,
): Promise<SourceNames> {
  const failures: string[] = [];
  const failed = (line: string): void => void failures.push(line);
  const options = { registries, rules, known: () => [], failed, signal };
  const here = rules.sources().filter((one) => one.source === source);
  const parts = await planOf(source, here, options);
  const lists = parts.map(async ({ kind, name }) =>
    kind === 'project' ? repositoriesOf(source, name, options) : [name],
  );
  const names = new Set((await Promise.all(lists)).flat());
  return { names: [...names].filter((name) => isRead(rules, source, name)).toSorted(), failures };
}

function isRead(rules: Ruleset, source: string, name: string): boolean {
  return rules.explain(name, []).some((rule) => rule.source === source && rule.repository.matches);
}
