import type { Clock } from '../clock.ts';
import { inTime } from '../doctor/in-time.ts';
import type { SourceNames } from '../doctor/rules/evidence.ts';
import type { Ruleset } from '../rule/match.ts';

/** Milliseconds that checks of a destination wait for the names that a source has: a source that hangs is not their concern. */
const patience = 4_000;

export interface PlannedOptions {
  rules: Ruleset;
  names: (source: string) => Promise<SourceNames>;
  clock: Clock;
}

/** The repositories that rules write there, as far as the sources tell in time, each with those rules. */
export async function plannedAt(
  destination: string,
  { rules, names, clock }: PlannedOptions,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const writing = rules.sources().filter((rule) => rule.destination === destination);
  const sources = [...new Set(writing.map(({ source }) => source))];
  const mapped = sources.map(async (source) => {
    const unknown = { names: [], failures: [] };
    const told = await inTime(names(source), unknown, { patience, clock });
    return told.names.flatMap((name) => rules.mapped(source, name));
  });
  const planned = new Map<string, readonly string[]>();
  for (const { rule, destinationRepository: name, problem, ...one } of (await Promise.all(mapped)).flat()) {
    if (one.destination !== destination || problem !== undefined) continue;
    planned.set(name, [...new Set([...(planned.get(name) ?? []), rule])]);
  }
  return planned;
}
