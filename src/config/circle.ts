import type { Finding } from './finding.ts';
import { valueAt } from './path.ts';

/**
 * Rules that lead back to where they began. A tag would follow itself around, and copies that hold the slots of
 * one registry while they wait for the other's could stop each other for ever. The rule that closes the circle
 * is the mistake.
 */
export function checkCircles(rules: readonly (readonly [number | string, unknown])[]): Finding[] {
  const leads = new Map<string, string[]>();
  return rules.flatMap(([key, rule]) => {
    const source = valueAt(rule, ['source']);
    const destination = valueAt(rule, ['destination']);
    if (typeof source !== 'string' || typeof destination !== 'string' || source === destination) return [];
    const back = way(leads, destination, source);
    leads.set(source, [...(leads.get(source) ?? []), destination]);
    if (back === undefined) return [];
    const got = [source, ...back].join(' → ');
    return [
      { path: ['rules', key, 'destination'], expected: 'rules that do not lead back to their source', got },
    ];
  });
}

/** The registries from one to the other along the rules so far. */
function way(leads: ReadonlyMap<string, string[]>, from: string, to: string): string[] | undefined {
  const open = [[from]];
  const seen = new Set([from]);
  for (let path = open.shift(); path !== undefined; path = open.shift()) {
    const last = path.at(-1) ?? from;
    if (last === to) return path;
    for (const next of leads.get(last) ?? []) {
      if (!seen.has(next)) open.push([...path, next]);
      seen.add(next);
    }
  }
  return undefined;
}
