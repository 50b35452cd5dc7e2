import type { Digest } from '../oci/digest.ts';
import type { Wanted } from '../rule/rule.ts';
import type { BothEnds, Look } from './both-ends.ts';
import { unlookedWords } from './explain-words.ts';
import type { Known } from './known.ts';
import type { Standing } from './standing.ts';

/*
 * What is kept here is of some time ago. Where both ends have just been asked, what they say goes first, so that the reason is
 * true of what is there:
 *
 *   both the same                  it is there, whatever has failed before
 *   the source has no such tag     there is nothing to copy, unless a task is about to find that out
 *   they differ                    what was said to be there is not; a task that is on its way, or has failed, says why
 *   one of them could not be asked what is known stays; where nothing is, that failure is the reason
 */

/** `remembers`: there is a database, so that no task and no record means that nobody has told of the tag. */
export function comparedWith(ends: BothEnds, known: Known, wanted: Wanted, remembers: boolean): Known {
  const { source, destination } = ends;
  if (known.reason === 'name-invalid' || known.reason === 'name-collision') return known;
  if (isAbsent(source)) return gone(known, destination);
  if (!('digest' in source)) return unlooked(known, source);
  if ('digest' in destination && source.digest === destination.digest) return same(known);
  if ('digest' in destination) return apart(known, wanted, source.digest, destination.digest, remembers);
  if (isAbsent(destination)) return apart(known, wanted, source.digest, undefined, remembers);
  return unlooked(known, destination);
}

function isAbsent(look: Look): boolean {
  return 'problem' in look && look.problem === 'absent';
}

const done: readonly string[] = ['copied', 'unchanged', 'mirrored'];
const onItsWay: readonly string[] = ['available', 'running'];
/** Nothing is said of them that the ends do not say better. */
const doubtful: readonly string[] = ['not-seen', 'unverified', 'source-gone'];

const sameWords = 'the destination has the same digest';

function same(known: Known): Known {
  const { reason, words } = known;
  if ([...done, ...onItsWay, 'overtaken'].includes(reason)) {
    return { ...known, words: `${words}; ${sameWords}` };
  }
  const before = doubtful.includes(reason) ? '' : `; its last task: ${words}`;
  return instead(known, 'mirrored', `there: ${sameWords}${before}`);
}

function gone(known: Known, destination: Look): Known {
  const { reason, words } = known;
  if (reason === 'source-gone') return known;
  if (onItsWay.includes(reason)) return { ...known, words: `${words}; the source has no such tag any more` };
  const keeps = 'digest' in destination ? '; the destination keeps what it has' : '';
  const before = [...doubtful, 'mirrored'].includes(reason) ? '' : `; its last task: ${words}`;
  return instead(known, 'source-gone', `not at the source${keeps}; the next push is copied${before}`);
}

function apart(
  known: Known,
  wanted: Wanted,
  source: Digest,
  destination: Digest | undefined,
  remembers: boolean,
): Known {
  const { reason, words } = known;
  const what = destination === undefined ? 'no such tag' : 'another digest';
  const has = `the source has it, the destination has ${what}`;
  if (reason === 'not-seen' && remembers) return { ...known, words: `${has}; ${words}` };
  if (![...done, ...doubtful].includes(reason)) return known;
  const before = reason === 'not-seen' ? '' : `; before that: ${words}`;
  const mending = `${whoSees(known, source)}, or \`tagferry resync ${nameOf(wanted)}\` copies it now`;
  const standing = destination === undefined ? 'missing' : 'different';
  return instead(known, standing, `${has}: ${mending}${before}`);
}

/** A sweep believes a record that is trusted, but for the share that it looks at. */
function whoSees({ record, immutable }: Known, source: Digest): string {
  if (record?.trusted && immutable) return 'no sweep sees it, since its tag is declared immutable';
  if (record?.trusted && record.digest === source) {
    return 'somebody else has changed it there: a sweep sees it when its audit comes to this tag';
  }
  return 'the next sweep will see it';
}

function unlooked(known: Known, look: Look): Known {
  if (known.reason !== 'not-seen' || 'digest' in look) return known;
  const { problem, words } = look;
  if (problem === 'absent' || problem === 'no-answer') return known;
  return { ...known, reason: problem, words: unlookedWords(problem, words), message: words };
}

/** The time was that of another reason. */
function instead(
  { since: _since, message: _message, ...rest }: Known,
  reason: Standing,
  words: string,
): Known {
  return { ...rest, reason, words };
}

function nameOf({ sourceRepository, sourceTag }: Wanted): string {
  return `${sourceRepository}:${sourceTag}`;
}
