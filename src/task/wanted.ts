import { RegistryError } from '../copy/error.ts';
import { companionOf } from '../oci/companion.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import { parallel } from './parallel.ts';

export interface WantedOptions {
  /** The copies that the rules want of a tag; `of`: tags of the digest that a companion belongs to. */
  match(tag: string, of: readonly string[]): (Wanted | Refused)[];
  resolve(tag: string): Promise<Pick<Descriptor, 'digest'> | undefined>;
  /** Tags resolved at once. */
  width: number;
}

/** The copies that the rules want of a repository's tags: a signature goes where its image goes. */
export async function wantedOf(
  tags: readonly string[],
  options: WantedOptions,
): Promise<(Wanted | Refused)[]> {
  const companions = tags.filter((tag) => companionOf(tag) !== undefined);
  const images = tags.filter((tag) => companionOf(tag) === undefined);
  const wanted = images.flatMap((tag) => options.match(tag, []));
  if (companions.length === 0) return wanted;
  const owners = await byDigest(new Set(wanted.map(({ sourceTag }) => sourceTag)), options);
  const followers = companions.flatMap((tag) => options.match(tag, owners.get(companionOf(tag) ?? '') ?? []));
  return [...wanted, ...followers];
}

async function byDigest(tags: Iterable<string>, options: WantedOptions): Promise<Map<string, string[]>> {
  const owners = new Map<string, string[]>();
  await parallel(tags, options.width, async (tag) => {
    const digest = await digestOf(tag, options);
    if (digest !== undefined) owners.set(digest, [...(owners.get(digest) ?? []), tag]);
  });
  return owners;
}

/** One image that cannot be read, by Harbor's policy perhaps, does not keep the others' signatures back. */
async function digestOf(tag: string, { resolve }: WantedOptions): Promise<string | undefined> {
  try {
    return (await resolve(tag))?.digest;
  } catch (error) {
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
}
