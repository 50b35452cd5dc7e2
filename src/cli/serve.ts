import { Command } from 'commander';
import { findConfig, loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { exit } from './exit.ts';

export function serveCommand(): Command {
  return new Command('serve')
    .description('Runs the mirror: receiver, dispatcher, sweep and admin API.')
    .option(
      '-c, --config <file>',
      'configuration ($TAGFERRY_CONFIG, config/tagferry.yaml, /etc/tagferry/tagferry.yaml)',
    )
    .action(async (options: { config?: string }) => serve(options.config));
}

async function serve(file: string | undefined): Promise<void> {
  const config = loadConfig(findConfig(file, process.env, process.cwd()), process.env);
  const log = createLog(config.log, config.secrets);
  // Read when it is needed, as in `demo`.
  const { startMirror } = await import('../main.ts');
  const mirror = await startMirror(config, log);
  console.log(`tagferry listens on ${mirror.url}`);
  await stopSignal();
  await mirror.stop();
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process at once. */
export async function stopSignal(): Promise<void> {
  let first = true;
  await new Promise<void>((resolve) => {
    const onSignal = (): void => {
      if (!first) process.exit(exit.interrupted);
      first = false;
      resolve();
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}
