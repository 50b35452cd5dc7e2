import { Command } from 'commander';
import { z } from 'zod';
import { Client, withServer } from './client.ts';
import type { ClientOptions } from './client.ts';
import { UsageError } from './exit.ts';
import { print, printJson } from './print.ts';
import { referenceOf } from './reference.ts';
import { end, nameOf } from './task-view.ts';

/** Of an answer, what is printed; see the mirror's OpenAPI document. */
const explained = z.looseObject({
  rule: z.string(),
  destination: end,
  reason: z.string(),
  words: z.string(),
  since: z.string().optional(),
  cause: z.looseObject({ code: z.string(), words: z.string() }).optional(),
  record: z.looseObject({ digest: z.string(), verifiedAt: z.string(), trusted: z.boolean() }).optional(),
  task: z.number().optional(),
});
const explanation = z.looseObject({ words: z.string(), destinations: z.array(explained) });

type Explained = z.infer<typeof explained>;

export function explainCommand(): Command {
  const command = new Command('explain')
    .description('Says why a source tag is, or is not yet, at each destination of a running mirror.')
    .argument('<repository:tag>', 'of the source')
    .option('--json', 'one JSON document');
  return withServer(command).action(async (name: string, options: ClientOptions & { json?: boolean }) => {
    const query = new URLSearchParams(tagOf(name));
    const answer = await new Client(options).request(explanation, 'GET', `explain?${query.toString()}`);
    if (options.json) return printJson(answer);
    for (const line of [answer.words, ...answer.destinations.flatMap(blockOf)]) print(line);
  });
}

function tagOf(name: string): { repository: string; tag: string } {
  const { repository, tag } = referenceOf(name);
  if (tag !== undefined) return { repository, tag };
  throw new UsageError(
    `expected REPOSITORY:TAG, got "${name}" without a tag; ` +
      `\`tagferry tasks list --repository ${repository}\` shows tags that have tasks`,
  );
}

/** One destination: where it is, how it stands, and what is known beside that. */
function blockOf({ rule, destination, reason, words, since, cause, record, task }: Explained): string[] {
  const then = since === undefined ? '' : ` since ${since}`;
  const look = record?.trusted ? 'seen' : 'last seen, and perhaps changed since,';
  return [
    '',
    `${nameOf(destination)}  (rule ${rule})`,
    `  ${reason}${then}`,
    `  ${words}`,
    ...(cause ? [`  ${cause.code}: ${cause.words}`] : []),
    ...(record ? [`  ${record.digest}, ${look} at ${record.verifiedAt}`] : []),
    ...(task === undefined ? [] : [`  task ${task}: \`tagferry tasks show ${task}\` has its attempts`]),
  ];
}
