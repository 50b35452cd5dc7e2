import type { SourceNames } from '../doctor/rules/evidence.ts';
import type { Ruleset } from '../rule/match.ts';

export interface PlannedOptions {
  rules: Ruleset;
  names: (source: string) => Promise<SourceNames>;
}

/** The repositories that rules write there, as far as the sources tell in time, each with those rules. */
export async function plannedAt(
  destination: string,
  { rules, names }: PlannedOptions,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const writing = rules.sources().filter((rule) => rule.destination === destination);
  const sources = [...new Set(writing.map(({ source }) => source))];
  const mapped = sources.map(async (source) => {
    const told = await names(source);
    return told.names.flatMap((name) => rules.mapped(source, name));
  });
  const planned = new Map<string, readonly string[]>();
  for (const { rule, destinationRepository: name, problem, ...one } of (await Promise.all(mapped)).flat()) {
    if (one.destination !== destination || problem !== undefined) continue;
    planned.set(name, [...new Set([...(planned.get(name) ?? []), rule])]);
  }
  return planned;
}
