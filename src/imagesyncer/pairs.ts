import { isDigest } from '../oci/digest.ts';
import type { Place } from './place.ts';
import type { Selection } from './reference.ts';

/** What is to be copied from one repository to one other. */
export interface SyncRule {
  /** Both ends as written, the destination with its variables and defaults in place: S and D of image-syncer's messages. */
  source: string;
  destination: string;
  from: Place;
  to: Place;
  selection: Selection;
  /** At the destination, paired left to right with the source's; empty: the same as there. */
  references: readonly string[];
}

/** One copy: references are tags or digests. */
export interface Pair {
  source: string;
  destination: string;
}

/** The ends of a rule do not fit each other: `message` begins with image-syncer's words. */
export class PairingError extends Error {
  override readonly name = 'PairingError';
}

/**
 * The copies of a rule, each once. `tags` is the source's list, which nobody needs where the rule lists references.
 * An expression that selects nothing makes none. Throws `PairingError`.
 */
export function pairsOf(rule: SyncRule, tags: readonly string[]): Pair[] {
  const selected = selectedOf(rule.selection, tags);
  if (selected.length === 0 && rule.selection.kind === 'matching') return [];
  const destinations = rule.references.length === 0 ? selected : rule.references;
  if (destinations.length !== selected.length)
    throw new PairingError(
      'the number of tags of source and destination is not matched: ' +
        `${countOf(rule.selection, selected.length)}, and ${destinations.length} at the destination; name as many there, or none to keep their names`,
    );
  const pairs = new Map<string, Pair>();
  for (const [index, source] of selected.entries()) {
    const destination = destinations[index] ?? source;
    checkDigest(source, destination);
    pairs.set(`${source} ${destination}`, { source, destination });
  }
  return [...pairs.values()];
}

function selectedOf(selection: Selection, tags: readonly string[]): readonly string[] {
  if (selection.kind === 'listed') return selection.references;
  return selection.kind === 'all' ? tags : tags.filter((tag) => selection.matches(tag));
}

function countOf(selection: Selection, count: number): string {
  if (selection.kind === 'listed') return `${count} at the source`;
  return selection.kind === 'all'
    ? `all tags of the source are ${count}`
    : `the regex selects ${count} of the source`;
}

/** Content has one digest: under another it cannot be put, and a tag's content is not known beforehand. */
function checkDigest(source: string, destination: string): void {
  if (!isDigest(destination) || source === destination) return;
  if (isDigest(source))
    throw new PairingError(
      'the digest of source and destination must match: leave the digest of the destination out, or name a tag there',
    );
  throw new PairingError(
    `a tag cannot be copied to a digest, which its content may not have: give the destination of ${source} a tag, or the source the digest`,
  );
}

/** What is wrong whatever tags the source has. Throws `PairingError`. */
export function checkPairing(rule: SyncRule): void {
  if (rule.selection.kind === 'listed') pairsOf(rule, []);
  else for (const reference of rule.references) checkDigest('all tags', reference);
}
