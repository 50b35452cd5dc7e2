import { Command } from 'commander';
import { createLog } from '../log.ts';
import { startMirror } from '../main.ts';
import { configOf, withConfig } from './config-file.ts';
import { onHangUp } from './hang-up.ts';
import { stopSignal } from './stop-signal.ts';

export function serveCommand(): Command {
  return withConfig(new Command('serve'))
    .description('Runs the mirror: receiver, dispatcher, sweep and admin API.')
    .action(async (options: { config?: string }) => serve(options.config));
}

async function serve(file: string | undefined): Promise<void> {
  const config = configOf(file);
  const log = createLog(config.log, config.secrets);
  const starting = startMirror(config, log);
  // One that comes before it runs waits for it. What came of a reload, and why a start failed, is told elsewhere.
  onHangUp(() => void starting.then((mirror) => mirror.reload()).catch(() => undefined));
  const mirror = await starting;
  console.log(`tagferry listens on ${mirror.url}`);
  await stopSignal();
  await mirror.stop();
}
