import { Command } from 'commander';
import { createLog } from '../log.ts';
import { settleEndpoints } from '../main/endpoints.ts';
import { explainAlone } from '../main/explain.ts';
import { configOf } from './config-file.ts';
import { Client, withServer } from './client.ts';
import type { ClientOptions } from './client.ts';
import { exit, UsageError } from './exit.ts';
import { explanation, linesOf } from './explanation.ts';
import type { Answer } from './explanation.ts';
import { askOwnMirror } from './own-mirror.ts';
import { complain, print, printJson } from './print.ts';
import { referenceOf } from './reference.ts';

interface ExplainFlags extends ClientOptions {
  config?: string;
  json?: boolean;
}

interface Reference {
  repository: string;
  tag: string;
}

export function explainCommand(): Command {
  const command = new Command('explain')
    .description('Says why a source tag is, or is not yet, at each destination, and what to do.')
    .argument('<repository:tag>', 'of the source')
    .option(
      '-c, --config <file>',
      'explains by this configuration: its mirror is asked if it runs, else its database and both ends are',
    )
    .option('--json', 'one JSON document');
  return withServer(command).action((name: string, flags: ExplainFlags) => explain(tagOf(name), flags));
}

async function explain(reference: Reference, flags: ExplainFlags): Promise<void> {
  const answer = isForMirror(flags, process.env)
    ? await askMirror(reference, flags)
    : await byConfiguration(reference, flags);
  if (flags.json) printJson(answer);
  else for (const line of linesOf(answer)) print(line);
  const learnt = hasLearnt(answer);
  if (!learnt) complain('tagferry: neither a mirror nor a database nor one of both ends could be asked');
  // A look-up of a name cannot be called off, and would keep the process for as long as the resolver is patient.
  process.exit(learnt ? exit.done : exit.failed);
}

/** A flag goes before the environment, where the token often is because the configuration names it. */
function isForMirror({ config, server, tokenFile }: ExplainFlags, env: NodeJS.ProcessEnv): boolean {
  const flagged = server !== undefined || tokenFile !== undefined;
  if (config === undefined) return flagged || Boolean(env['TAGFERRY_SERVER'] || env['TAGFERRY_ADMIN_TOKEN']);
  if (flagged) throw new UsageError('--config: expected it without --server and --token-file, got both');
  return false;
}

function askMirror(reference: Reference, flags: ExplainFlags): Promise<Answer> {
  return new Client(flags).request(explanation, 'GET', pathOf(reference));
}

/** The mirror that the configuration is of knows most. */
async function byConfiguration(reference: Reference, flags: ExplainFlags): Promise<Answer> {
  const config = configOf(flags.config);
  const answered = await askOwnMirror(config, pathOf(reference));
  if ('body' in answered) {
    const parsed = explanation.safeParse(answered.body);
    if (parsed.success) return parsed.data;
  }
  const why = 'body' in answered ? 'what listens there is no mirror of this version' : answered.why;
  const { stderr, env } = process;
  const log = createLog({ level: 'warn', format: 'pretty', stream: stderr }, config.secrets);
  const alone = await explainAlone(await settleEndpoints(config, log, { env }), reference, env);
  return { ...alone.explanation, notes: [...(why === undefined ? [] : [why]), ...alone.notes] };
}

function pathOf(reference: Reference): string {
  return `explain?${new URLSearchParams({ ...reference }).toString()}`;
}

/** From nothing but silent registries there is nothing to learn, except what the rules say. */
function hasLearnt({ from, destinations }: Answer): boolean {
  if (from !== 'registries' || destinations.length === 0) return true;
  return destinations.some(
    ({ reason, ends }) =>
      reason.startsWith('name-') ||
      [ends.source, ends.destination].some((look) => 'digest' in look || look.problem === 'absent'),
  );
}

function tagOf(name: string): Reference {
  const { repository, tag } = referenceOf(name);
  if (tag !== undefined) return { repository, tag };
  throw new UsageError(
    `expected REPOSITORY:TAG, got "${name}" without a tag; ` +
      `\`tagferry tasks list --repository ${repository}\` shows tags that have tasks`,
  );
}
