import type { Clock } from '../clock.ts';
import { reasons } from '../copy/error.ts';
import type { Reason } from '../copy/error.ts';
import { companionOf } from '../oci/companion.ts';
import type { Refused, Wanted } from '../rule/rule.ts';
import type { Ruling } from '../rule/ruling.ts';
import { Looking } from './both-ends.ts';
import type { BothEnds } from './both-ends.ts';
import { comparedWith } from './compared-ends.ts';
import { said, summary } from './explain-words.ts';
import { knownOf } from './known.ts';
import type { Known, KnownOptions } from './known.ts';
import type { Place } from './record.ts';
import type { Registries } from './registries.ts';
import type { EnqueueStore } from './store.ts';
import { untaken } from './untaken.ts';
import type { UntakenReason } from './untaken.ts';

/*
 * Why a source tag is, or is not yet, at its destinations: from the rules, from what is kept here, and from what both ends
 * say when they are asked.
 */

/** On what an explanation rests, besides the rules and both ends: what a mirror keeps, the file it has left, or nothing. */
export const foundations = ['mirror', 'database', 'registries'] as const;
export type Foundation = (typeof foundations)[number];

/** How one destination of a tag stands. */
export interface Explained extends Place, Pick<Wanted, 'rule'>, Omit<Known, 'message'> {
  /** What both ends name just now. */
  ends: BothEnds;
  /** What to do next about the failure that is told. */
  hint?: string;
}

/** How a tag stands everywhere. */
export interface Explanation {
  repository: string;
  tag: string;
  /** Of the destination that matters most (`said`), or why there is none. */
  reason: Explained['reason'] | UntakenReason;
  words: string;
  from: Foundation;
  /** Every rule that could concern the repository. */
  rules: Ruling[];
  /** In the order of the rules; none when no rule takes the tag. */
  destinations: Explained[];
}

export interface RecallOptions extends KnownOptions {
  rules: {
    match(repository: string, tag: string, of: readonly string[]): (Wanted | Refused)[];
    isImmutable(copy: Wanted): boolean;
    rulings(repository: string, tag: string, of: readonly string[]): Ruling[];
  };
  events: Pick<EnqueueStore, 'tagsOf'>;
}

/** What is known of a tag before anybody is asked. */
export interface Recalled {
  repository: string;
  tag: string;
  rulings: Ruling[];
  /** The image that a companion belongs to, if no event has named a tag of it. */
  orphan: string | undefined;
  copies: { wanted: Wanted | Refused; known: Known }[];
}

/** The exact next step for a failure of a copy. */
export type Hint = (failure: { reason: Reason; message: string }, copy: Wanted) => string;

export interface ExplainOptions {
  registries: Pick<Registries, 'source' | 'destination'>;
  hint: Hint;
  clock: Clock;
  from: Foundation;
}

/** Reads all that is wanted of the database, which may be closed afterwards. Throws `StorageError`. */
export function recall(
  { repository, tag }: { repository: string; tag: string },
  options: RecallOptions,
): Recalled {
  const { rules, events } = options;
  const digest = companionOf(tag);
  const of = digest ? events.tagsOf(repository, digest) : [];
  return {
    repository,
    tag,
    rulings: rules.rulings(repository, tag, of),
    orphan: of.length > 0 ? undefined : digest,
    copies: rules.match(repository, tag, of).map((wanted) => ({ wanted, known: knownOf(wanted, options) })),
  };
}

/** Asks both ends, which takes 3 s at most, and never fails: what they do not say is told in its place. */
export async function explain(recalled: Recalled, options: ExplainOptions): Promise<Explanation> {
  const { repository, tag, rulings: rules, copies } = recalled;
  const { from, registries, clock } = options;
  const facts = { repository, tag, from, rules };
  if (copies.length === 0) return { ...facts, ...untaken(recalled), destinations: [] };
  const looking = new Looking(registries, clock);
  const destinations = await Promise.all(
    copies.map(async ({ wanted, known }) =>
      explained(wanted, known, await looking.bothEnds(wanted), options),
    ),
  );
  return { ...facts, ...mostImportant(recalled, destinations), destinations };
}

function explained(wanted: Wanted, known: Known, ends: BothEnds, { from, hint }: ExplainOptions): Explained {
  const compared = comparedWith(ends, known, wanted, from !== 'registries');
  const { message = '', ...facts } = compared;
  const { rule, destination, destinationRepository, destinationTag } = wanted;
  const failure =
    failureOf(compared.reason, message) ?? failureAt(ends.source) ?? failureAt(ends.destination);
  return {
    ...facts,
    rule,
    destination,
    destinationRepository,
    destinationTag,
    ends,
    ...(failure && { hint: hint(failure, wanted) }),
  };
}

function failureAt(look: BothEnds['source']): { reason: Reason; message: string } | undefined {
  return 'problem' in look ? failureOf(look.problem, look.words) : undefined;
}

function failureOf(code: string, message: string): { reason: Reason; message: string } | undefined {
  const reason = reasons.find((one) => one === code);
  return reason && { reason, message };
}

function mostImportant(
  { repository, tag }: Recalled,
  destinations: readonly Explained[],
): Pick<Explanation, 'reason' | 'words'> {
  const weights = Object.keys(said);
  const [first, ...others] = destinations.toSorted(
    (one, other) => weights.indexOf(one.reason) - weights.indexOf(other.reason),
  );
  if (first === undefined) throw new RangeError('expected a destination, got none');
  const { destination, destinationRepository, destinationTag, reason } = first;
  const place = `${destination}/${destinationRepository}:${destinationTag}`;
  return { reason, words: summary(`${repository}:${tag}`, others.length + 1, place, reason) };
}
