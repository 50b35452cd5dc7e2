import { Command } from 'commander';
import { z } from 'zod';
import { Client, Refused, withServer } from './client.ts';
import type { ClientOptions } from './client.ts';
import { Ended, exit } from './exit.ts';
import { complain, print, printJson } from './print.ts';

interface Options extends ClientOptions {
  json?: boolean;
}

const member = z.union([z.string(), z.array(z.string())]);

const rule = z.object({
  name: z.string(),
  source: z.string(),
  repositories: z.array(z.string()),
  tags: z.array(z.string()),
  destination: z.string(),
  destinationType: z.string(),
  repository: z.string(),
  tag: z.string(),
});

const difference = z.object({
  rules: z.object({
    added: z.array(rule),
    removed: z.array(rule),
    changed: z.array(
      z.object({
        name: z.string(),
        members: z.array(z.object({ member: z.string(), before: member, after: member })),
      }),
    ),
    reordered: z.boolean(),
  }),
  settings: z.array(z.object({ path: z.string(), change: z.string(), restart: z.boolean() })),
});

type Difference = z.infer<typeof difference>;

export function reloadCommand(): Command {
  const command = new Command('reload')
    .description('Has a running mirror read its configuration file again, and says what has changed.')
    .option('--json', 'one JSON document');
  return withServer(command).action(async (options: Options) => reload(options));
}

async function reload(options: Options): Promise<void> {
  const client = new Client(options);
  const changed = await client.request(difference, 'POST', 'reload').catch(refused);
  if (options.json) return printJson(changed);
  for (const line of linesOf(changed)) print(line);
}

/** A wrong file is what exit code 2 stands for, wherever it is. */
function refused(error: unknown): never {
  if (!(error instanceof Refused) || error.status !== 422) throw error;
  complain(`tagferry: ${error.message}`);
  throw new Ended(exit.usage);
}

function linesOf({ rules, settings }: Difference): string[] {
  const lines = [
    ...rules.added.map((one) => `rule ${one.name}: added, ${shownRule(one)}`),
    ...rules.removed.map((one) => `rule ${one.name}: removed, ${shownRule(one)}`),
    ...rules.changed.flatMap(({ name, members }) =>
      members.map(
        ({ member: of, before, after }) => `rule ${name}: ${of} ${shown(before)} -> ${shown(after)}`,
      ),
    ),
    ...(rules.reordered ? ['rules: in another order'] : []),
    ...settings.map(({ path, change, restart }) => `${path}: ${change}${restart ? needsRestart : ''}`),
  ];
  return lines.length === 0 ? ['nothing has changed'] : lines;
}

const needsRestart = '; needs a restart, until then it is as before';

function shownRule({
  source,
  repositories,
  tags,
  destination,
  repository,
  tag,
}: z.infer<typeof rule>): string {
  return `${source} ${shown(repositories)} ${shown(tags)} -> ${destination} ${repository}:${tag}`;
}

function shown(value: string | readonly string[]): string {
  return JSON.stringify(value);
}
