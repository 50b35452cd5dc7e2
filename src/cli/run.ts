import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { ConfigError } from '../config/error.ts';
import { ProxyError } from '../main/proxies.ts';
import { Ended, exit, UsageError } from './exit.ts';
import { complain } from './print.ts';

/**
 * Read when they are called: what a mirror needs, an HTTP server among it, takes longer to load than a run of `sync` with
 * nothing to do.
 */
const commands: Record<string, () => Promise<Command>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  sync: async () => (await import('./sync.ts')).syncCommand().version(version(), '--version'),
  plan: async () => (await import('./plan.ts')).planCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  webhook: async () => (await import('./webhook.ts')).webhookCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  reload: async () => (await import('./reload.ts')).reloadCommand(),
  resync: async () => (await import('./resync.ts')).resyncCommand(),
  tasks: async () => (await import('./tasks.ts')).tasksCommand(),
};

/** Runs the command line and returns the exit code. Errors are told on standard error, the last line saying what failed. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const called = asCalled(argv);
    await (await program(called[2])).parseAsync(called);
    return exit.done;
  } catch (error) {
    return tell(error);
  }
}

/** By a link of image-syncer's name it is the command that takes image-syncer's flags: a crontab goes on as it is. */
function asCalled([node = '', file = '', ...args]: readonly string[]): string[] {
  return basename(file) === 'image-syncer' ? [node, file, 'sync', ...args] : [node, file, ...args];
}

/** With all commands, unless one of them is called. */
async function program(called: string | undefined): Promise<Command> {
  const program = new Command('tagferry')
    .description('A tag pushed to Harbor is in ACR Enterprise Edition seconds later, and none is ever lost.')
    .version(version(), '--version')
    .helpOption('-h, --help')
    .showHelpAfterError('(tagferry --help lists the commands)')
    .exitOverride();
  const one = Object.entries(commands).filter(([name]) => name === called);
  for (const [, read] of one.length > 0 ? one : Object.entries(commands)) program.addCommand(await read());
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
