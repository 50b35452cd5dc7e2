import { z } from 'zod';
import { end, nameOf } from './task-view.ts';

const look = z.union([
  z.object({ digest: z.string() }),
  z.object({ problem: z.string(), words: z.string() }),
]);

/** Of an answer, what is printed; see the mirror's OpenAPI document. */
const explained = z.looseObject({
  rule: z.string(),
  destination: end,
  reason: z.string(),
  words: z.string(),
  since: z.string().optional(),
  cause: z.looseObject({ code: z.string(), words: z.string() }).optional(),
  hint: z.string().optional(),
  ends: z.looseObject({ source: look, destination: look }),
  record: z.looseObject({ digest: z.string(), verifiedAt: z.string(), trusted: z.boolean() }).optional(),
  task: z.number().optional(),
});

const ruling = z.looseObject({
  taken: z.boolean(),
  repositories: z.looseObject({ matches: z.boolean(), pattern: z.string().optional() }),
  words: z.string(),
});

export const explanation = z.looseObject({
  reason: z.string(),
  words: z.string(),
  from: z.string(),
  notes: z.array(z.string()).optional(),
  rules: z.array(ruling),
  destinations: z.array(explained),
});

export type Answer = z.infer<typeof explanation>;
type Explained = z.infer<typeof explained>;
type Look = z.infer<typeof look>;
type Ruling = z.infer<typeof ruling>;

/** For people: the tag, each rule that decides, each destination, and on what it all rests. */
export function linesOf({ words, from, notes = [], rules, destinations }: Answer): string[] {
  return [
    words,
    ...rules.filter(decides).map((one) => `- ${one.words}`),
    ...destinations.flatMap(blockOf),
    '',
    `from ${foundations.get(from) ?? from}`,
    ...notes.map((note) => `note: ${note}`),
  ];
}

const foundations = new Map([
  ['mirror', 'the running mirror, and both ends'],
  ['database', 'the database, and both ends'],
  ['registries', 'both ends alone'],
]);

/** Not the neighbours, of which there may be hundreds: the JSON document has them. */
function decides({ repositories }: Ruling): boolean {
  return repositories.matches || repositories.pattern !== undefined;
}

/** One destination: where it is, how it stands, and what is known beside that. */
function blockOf(explained: Explained): string[] {
  const { rule, destination, reason, words, since, cause, hint, ends, record, task } = explained;
  const then = since === undefined ? '' : ` since ${since}`;
  const doubt = record?.trusted ? '' : ', and perhaps changed since';
  return [
    '',
    `${nameOf(destination)}  (rule ${rule})`,
    `  ${reason}${then}`,
    `  ${words}`,
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
    ...(cause ? [`  ${cause.code}: ${cause.words}`] : []),
    `  source now: ${shown(ends.source)}`,
    `  destination now: ${shown(ends.destination)}`,
    ...(record ? [`  destination at ${record.verifiedAt}: ${record.digest}${doubt}`] : []),
    ...(task === undefined ? [] : [`  task ${task}: \`tagferry tasks show ${task}\` has its attempts`]),
  ];
}

function shown(look: Look): string {
  return 'digest' in look ? look.digest : `${look.problem}: ${look.words}`;
}
