import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { ConfigError } from '../config.ts';
import { ProxyError } from '../main.ts';
import { demoCommand } from './demo.ts';
import { Ended, exit, UsageError } from './exit.ts';
import { complain } from './print.ts';
import { explainCommand } from './explain.ts';
import { planCommand } from './plan.ts';
import { resyncCommand } from './resync.ts';
import { serveCommand } from './serve.ts';
import { syncCommand } from './sync.ts';
import { tasksCommand } from './tasks.ts';

/** Runs the command line and returns the exit code. Errors are told on standard error, the last line saying what failed. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(asCalled(argv));
    return exit.done;
  } catch (error) {
    return tell(error);
  }
}

/** By a link of image-syncer's name it is the command that takes image-syncer's flags: a crontab goes on as it is. */
function asCalled([node = '', file = '', ...args]: readonly string[]): string[] {
  return basename(file) === 'image-syncer' ? [node, file, 'sync', ...args] : [node, file, ...args];
}

function program(): Command {
  const program = new Command('tagferry')
    .description('A tag pushed to Harbor is in ACR Enterprise Edition seconds later, and none is ever lost.')
    .version(version(), '--version')
    .helpOption('-h, --help')
    .showHelpAfterError('(tagferry --help lists the commands)')
    .exitOverride();
  const clients = [explainCommand(), resyncCommand(), tasksCommand()];
  const sync = syncCommand().version(version(), '--version');
  for (const command of [serveCommand(), sync, planCommand(), demoCommand(), ...clients])
    program.addCommand(command);
  for (const command of allOf(program)) command.exitOverride().showHelpAfterError(false);
  return program;
}

function allOf(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allOf(child)]);
}

function version(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(file)).version;
}

function tell(error: unknown): number {
  // Commander has written its message itself; help and version end by an exception too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.usage;
  if (error instanceof Ended) return error.code;
  complain(error instanceof Error ? `tagferry: ${error.message}` : String(error));
  const isWrong = [ConfigError, UsageError, ProxyError].some((kind) => error instanceof kind);
  return isWrong ? exit.usage : exit.failed;
}
