import type { z } from 'zod';
import { companionOf } from '../oci/companion.ts';
import type { Digest } from '../oci/digest.ts';
import type * as answer from './answer.ts';

type Row = Pick<z.output<typeof answer.artifact>, 'digest' | 'tags' | 'accessories' | 'references'>;

/** Tags of a repository, as far as Harbor's lists of artifacts show them. */
export interface ShownTags {
  digests: ReadonlyMap<string, Digest>;
  /** There are no others: else `/v2` has to be asked for all names. */
  whole: boolean;
}

/**
 * Harbor shows no accessory (a signature, or anything else with a `subject`), though it may have a tag, and no member of an
 * index, which may have accessories. A tag that moved from page to page is on both, or on none.
 */
export function shownOf(rows: readonly Row[], pages: 'one' | 'several'): ShownTags {
  const digests = new Map<string, Digest>();
  const twice = new Set<string>();
  for (const { digest, tags } of rows)
    for (const { name } of tags) {
      if (digests.has(name)) twice.add(name);
      digests.set(name, digest);
    }
  for (const name of twice) digests.delete(name);
  return { digests, whole: pages === 'one' && twice.size === 0 && !rows.some(mayHideTags) };
}

function mayHideTags({ tags, accessories, references }: Row): boolean {
  const hiding = accessories.length + references.length > 0;
  return hiding || tags.some(({ name }) => companionOf(name) !== undefined);
}
