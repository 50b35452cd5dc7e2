import type { Reason } from '../copy/error.ts';
import type { Place } from '../imagesyncer/place.ts';
import { isDigest } from '../oci/digest.ts';
import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';

/*
 * Words. A *rule* is one source and one of its destinations in image-syncer's file. A *tag* is one source tag (or digest) at
 * one destination: what the rules come to. Every tag ends with one outcome, every rule that cannot be carried out is a
 * failure of its own, and nothing else is counted. `tagferry plan` has the tags only: its rules are the configuration's.
 */
export const outcomes = ['copied', 'unchanged', 'skipped', 'failed'] as const;
export type Outcome = (typeof outcomes)[number];

/** Why a tag was skipped, beside the reasons that failures have as well. */
export type SkipReason =
  /** No platform of it is wanted (`--os`, `--arch`). */
  | 'filtered'
  /** It was listed, and is no longer there. */
  | 'source-gone'
  /** The run was stopped. */
  | 'interrupted';

/** What became of a tag. */
export interface TagOutcome {
  /** `REGISTRY/REPOSITORY:TAG`, or `@DIGEST`. */
  source: string;
  destination: string;
  outcome: Outcome;
  /** Of what was skipped or failed; `equivalent` of what is unchanged but for the layout of its JSON. */
  reason?: Reason | SkipReason | 'equivalent';
  message?: string;
  /** What the source names. */
  digest?: Digest;
  /** What the destination names, where that is another one. */
  destinationDigest?: Digest;
  /** Of the blobs that were copied (in a dry run: would be). */
  bytes: number;
  blobs: { copied: number; mounted: number; skipped: number };
  attempts: number;
  seconds: number;
}

/** A rule that could not be carried out, so that nobody knows its tags. */
export interface RuleFailure {
  source: string;
  destination: string;
  /** `interrupted`: the run was stopped before its tags were known. */
  reason: Reason | 'configuration' | 'interrupted';
  message: string;
}

/** Of a source with a mistake in it the destinations are not told one by one. */
export function nameOfRule({ source, destination }: Pick<RuleFailure, 'source' | 'destination'>): string {
  return destination === '' ? source : `${source} -> ${destination}`;
}

/** A rule that was not come to has not failed. */
export function hasFailed({ reason }: RuleFailure): boolean {
  return reason !== 'interrupted';
}

/** `REASON: MESSAGE`, as far as there are any. */
export function whyOf({ reason, message }: Pick<TagOutcome, 'reason' | 'message'>): string {
  return [reason, message].filter((part) => part !== undefined).join(': ');
}

/** One tag to be copied. */
export interface Copy extends Wanted {
  /** Somebody has named the tag, and so expects it to be there; others are listed. */
  named: boolean;
}

/** The order in which people expect names: `v9` before `v10`. */
export const byNumbers = new Intl.Collator('en', { numeric: true }).compare;

export function sourceOf({ source, sourceRepository, sourceTag }: Wanted): string {
  return nameOf({ registry: source, repository: sourceRepository }, sourceTag);
}

export function destinationOf({ destination, destinationRepository, destinationTag }: Wanted): string {
  return nameOf({ registry: destination, repository: destinationRepository }, destinationTag);
}

function nameOf({ registry, repository }: Place, reference: string): string {
  return `${registry}/${repository}${isDigest(reference) ? '@' : ':'}${reference}`;
}
