import type { Reason } from '../copy/error.ts';
import type { Wanted } from '../rule/rule.ts';
import type { TagRecord } from './record.ts';
import { isFinal } from './retry.ts';
import type { Standing } from './standing.ts';
import type { Cause, Task } from './task.ts';

/*
 * The sentences of `explain.ts`, each for a person at three in the morning: what, since when, what next.
 */

/** What a failure means, before its own message says what exactly happened. */
const failures: Record<Reason, string> = {
  'source-denied': 'the source refuses the pull',
  'source-policy': "the source's policy holds it back until a scan or a signature",
  'destination-denied': 'the destination refuses the push',
  'destination-immutable': 'the destination tag has another digest and may not be moved',
  'artifact-refused': 'this artifact is not taken',
  'name-invalid': 'the destination cannot have that name',
  'name-collision': 'another source repository has that name at the destination, or wants it, too',
  'not-found': 'a manifest or blob is missing at the source',
  'rate-limited': 'a registry has asked for a pause',
  unreachable: 'a registry cannot be reached, or fails',
  timeout: 'a registry is silent',
  tls: 'the certificate of a registry is not trusted',
  corrupt: 'bytes do not have their digest',
  protocol: 'a registry gives an answer that no registry gives',
  internal: 'a fault of Tagferry itself',
};

export const causeWords: Record<Cause, string> = {
  'tag-created-in-harbor':
    "no webhook told of it: the tag was made in Harbor's UI or API, which sends no event",
  'delivery-failed': 'no webhook told of it: every delivery of its event failed',
  'copy-with-several-tags':
    'no webhook told of it: a copy within Harbor made several tags, and its event names one',
  'proxy-cache': 'no webhook told of it: a proxy cache of Harbor filled itself',
  unknown: 'no webhook told of it, and nothing that Harbor remembers says why',
};

/**
 * What is said of each reason in one breath; and their order, for a tag with several destinations: first what only people
 * can change, then what waits for others, what differs, what nobody has told of, what is on its way, and last what is there.
 */
export const said: Record<Standing, string> = {
  'name-invalid': failures['name-invalid'],
  'name-collision': failures['name-collision'],
  'destination-immutable': failures['destination-immutable'],
  'artifact-refused': failures['artifact-refused'],
  'source-denied': failures['source-denied'],
  'destination-denied': failures['destination-denied'],
  'not-found': failures['not-found'],
  corrupt: failures.corrupt,
  protocol: failures.protocol,
  internal: failures.internal,
  tls: failures.tls,
  unreachable: failures.unreachable,
  timeout: failures.timeout,
  'rate-limited': failures['rate-limited'],
  'source-policy': failures['source-policy'],
  missing: 'the destination has no such tag',
  different: 'the destination has another digest',
  'not-seen': 'no event and no sweep has named it here',
  cancelled: 'its copy was cancelled',
  overtaken: 'another tag came later under the same destination tag',
  'source-gone': 'the source has no such tag',
  retryable: 'it is tried again',
  discarded: 'it was given up',
  available: 'it waits for a free slot',
  running: 'it is being copied',
  unverified: 'it was there when it was last looked at, and may have changed since',
  completed: 'it is done',
  unchanged: 'it is there',
  copied: 'it is there',
  mirrored: 'it is there',
};

/** Of the whole tag: `place` is the destination that matters most. */
export function summary(name: string, destinations: number, place: string, reason: Standing): string {
  if (destinations === 1) return `The rules want ${name} at 1 destination: ${said[reason]}.`;
  return `The rules want ${name} at ${destinations} destinations; of ${place}: ${said[reason]}.`;
}

/** Nothing is known of the tag, and one end cannot be asked. */
export function unlookedWords(reason: Reason, message: string): string {
  return `nothing is known of it, and asking for it fails: ${failures[reason]}: ${message}`;
}

export function refusedWords(message: string): string {
  return `never copied: ${message}`;
}

export function unseenWords({ sourceRepository, sourceTag }: Wanted): string {
  const name = `${sourceRepository}:${sourceTag}`;
  return `nothing is known of it: no event and no sweep has named it here; \`tagferry resync ${name}\` asks the source`;
}

export function immutableWords(isVerified: boolean): string {
  const until = isVerified ? 'no sweep asks for it any more' : 'once it is verified no sweep asks for it';
  return `its tag is declared immutable: ${until}`;
}

/** `record` is what is known of the destination tag beside the task. */
export function wordsOf(
  known: Task | TagRecord,
  since: number,
  wanted: Wanted,
  record: TagRecord | undefined,
): string {
  if (known.sourceTag !== wanted.sourceTag) return overtakenWords(known, wanted);
  if ('verifiedAt' in known) return recordWords(known);
  return taskWords(known, timeOf(since)) + (record ? lookWords(known, record) : '');
}

function overtakenWords({ sourceRepository, sourceTag }: Task | TagRecord, wanted: Wanted): string {
  return (
    `${sourceRepository}:${sourceTag} came later under the same destination tag; ` +
    `if both are wanted there, change \`tag\` of rule ${wanted.rule}`
  );
}

function recordWords({ trusted, verifiedAt }: TagRecord): string {
  const then = timeOf(verifiedAt);
  if (trusted) return `there, with the source's digest when it was last looked at, ${then}`;
  return `there when it was last looked at, ${then}, but it may have changed since then; the next sweep looks again`;
}

function taskWords(task: Task, then: string): string {
  switch (task.state) {
    case 'available':
      return `waits for a free slot since ${then}${before(task)}`;
    case 'running':
      return `is being copied since ${then}${before(task)}`;
    case 'retryable':
      return `waits since ${then}: ${failureOf(task)}; tried again at ${timeOf(task.runAt)}${orEarlier(task)}`;
    case 'completed':
      return completedWords(task, then);
    case 'discarded':
      return `given up at ${then}: ${failureOf(task)}; ${mending(task)}`;
    case 'cancelled':
      return `cancelled at ${then}${before(task)}; the next push or sweep takes it up again`;
  }
}

function completedWords({ outcome }: Task, then: string): string {
  if (outcome === 'copied') return `copied at ${then}`;
  if (outcome === 'unchanged') return `there: the destination had the source's digest already at ${then}`;
  return `not at the source any more at ${then}; the destination keeps what it has, and the next push is copied`;
}

function before({ reason, message }: Task): string {
  if (reason === undefined) return message === undefined ? '' : `: ${message}`;
  return `; the attempt before failed: ${failures[reason]}: ${message ?? ''}`;
}

function failureOf({ reason = 'internal', message = '' }: Task): string {
  return `${failures[reason]}: ${message}`;
}

function orEarlier({ reason }: Task): string {
  return reason === 'source-policy' ? ', or when the scan ends' : '';
}

function mending({ id, reason = 'internal' }: Task): string {
  if (reason === 'name-invalid' || reason === 'name-collision') return 'only another rule changes that';
  const sweep = isFinal(reason) ? 'a sweep only for another digest at the source' : 'so does the next sweep';
  return `once that is mended, \`tagferry tasks retry ${id}\` or the next push tries again; ${sweep}`;
}

/** What has been seen of the destination tag since the task has brought it there. */
function lookWords({ outcome, finishedAt }: Task, { trusted, verifiedAt }: TagRecord): string {
  if (finishedAt === undefined || (outcome !== 'copied' && outcome !== 'unchanged')) return '';
  if (!trusted) return '; it may have changed since then: the next sweep looks again';
  return verifiedAt > finishedAt ? `; seen there again at ${timeOf(verifiedAt)}` : '';
}

/** To the second, in UTC: whoever reads it and the mirror may stand in different zones. */
function timeOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
