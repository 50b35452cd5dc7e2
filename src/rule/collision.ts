import type { Wanted } from './rule.ts';

/** Which source repository a rule puts into which destination repository. */
export type Mapping = Pick<
  Wanted,
  'rule' | 'source' | 'sourceRepository' | 'destination' | 'destinationRepository'
>;

/** Says for each destination repository with more than one source repository which two meet there. */
export function collisionsOf(mappings: readonly Mapping[]): string[] {
  const owners = new Map<string, Mapping>();
  const messages = new Map<string, string>();
  for (const mapping of mappings) {
    const destination = `${mapping.destination}/${mapping.destinationRepository}`;
    const owner = owners.get(destination) ?? mapping;
    owners.set(destination, owner);
    const key = `${destination} ${sourceOf(mapping)}`;
    if (sourceOf(owner) !== sourceOf(mapping) && !messages.has(key))
      messages.set(key, describe(owner, mapping));
  }
  return [...messages.values()];
}

function describe(owner: Mapping, other: Mapping): string {
  return (
    `${sourceOf(owner)} (rule ${owner.rule}) and ${sourceOf(other)} (rule ${other.rule}) would both become ` +
    `${owner.destination}/${owner.destinationRepository}; give one of them another \`repository\``
  );
}

function sourceOf(mapping: Mapping): string {
  return `${mapping.source}/${mapping.sourceRepository}`;
}
