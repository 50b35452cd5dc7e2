import { RegistryError } from '../copy/error.ts';
import { placeOf, type Collision, type Mapping } from '../rule/mapping.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Registries } from './registries.ts';
import type { Owner } from './store.ts';

export interface OwnershipOptions {
  registries: Registries;
  rules: { match(repository: string, tag: string): (Wanted | Refused)[] };
  signal: AbortSignal;
}

/** Tags of a source repository that are looked at. */
const looks = 20;

/**
 * Whose a destination repository is, by what is there: of those that meet, the only one of which a tag names the same at
 * both ends. Where that is true of several, of none, or cannot be told before the signal is
 * aborted, it is nobody's.
 */
export async function provenOwner(
  collision: Collision,
  options: OwnershipOptions,
): Promise<Owner | undefined> {
  const { destination, destinationRepository, meeting } = collision;
  try {
    const there = options.registries.destination(destination, destinationRepository);
    const tags = new Set(await all(there.tags(options.signal)));
    if (tags.size === 0) return undefined;
    const proven: Mapping[] = [];
    for (const one of meeting) if (await isThere(one, tags, options)) proven.push(one);
    return proven.length === 1 ? proven[0] : undefined;
  } catch (error) {
    if (error instanceof RegistryError || options.signal.aborted) return undefined;
    throw error;
  }
}

async function isThere(
  mapping: Mapping,
  tags: ReadonlySet<string>,
  options: OwnershipOptions,
): Promise<boolean> {
  const { registries, rules, signal } = options;
  const { source, sourceRepository, destination, destinationRepository } = mapping;
  const [here, there] = [
    registries.source(source, sourceRepository),
    registries.destination(destination, destinationRepository),
  ];
  const copies = (await all(here.tags(signal)))
    .flatMap((tag) => rules.match(sourceRepository, tag))
    .filter((copy) => copy.source === source && placeOf(copy) === placeOf(mapping))
    .filter((copy) => tags.has(copy.destinationTag));
  for (const { sourceTag, destinationTag } of copies.slice(0, looks)) {
    const digest = (await here.resolve(sourceTag, signal))?.digest;
    if (digest !== undefined && digest === (await there.resolve(destinationTag, signal))?.digest) return true;
  }
  return false;
}

async function all(tags: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const tag of tags) found.push(tag);
  return found;
}
