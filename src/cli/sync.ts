import { closeSync, openSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { SyncConfigError } from '../imagesyncer/error.ts';
import { loadSyncConfig } from '../imagesyncer/load.ts';
import type { SyncConfig } from '../imagesyncer/load.ts';
import { formatSuccessList } from '../imagesyncer/success-list.ts';
import { startSync } from '../main/sync.ts';
import { successList } from '../sync/report.ts';
import type { Report } from '../sync/report.ts';
import { Ended, exit, UsageError } from './exit.ts';
import { print } from './print.ts';
import { ProgressDisplay } from './progress.ts';
import { stopSignal } from './serve.ts';
import { openSyncLog } from './sync-log.ts';
import { flagsOf, withFlags } from './sync-options.ts';
import type { SyncFlags, Written } from './sync-options.ts';
import { summaryOf } from './sync-summary.ts';

export function syncCommand(): Command {
  const command = new Command('sync')
    .description("Copies once what image-syncer's files name; takes its flags, of today and of 2020.")
    .allowExcessArguments();
  return withFlags(command).action(async (written: Written, { args }: Command) => {
    await sync(flagsOf(written, args));
  });
}

async function sync(flags: SyncFlags): Promise<void> {
  const config = configOf(flags);
  for (const file of [flags.report, flags.successList?.file]) if (file !== undefined) probe(file);
  const report = await carryOut(flags, config);
  for (const line of summaryOf(report, { columns: process.stdout.isTTY })) print(line);
  writeReports(flags, report);
  const code = codeOf(report);
  if (code !== exit.done) throw new Ended(code);
}

function configOf({ files, defaults }: SyncFlags): SyncConfig {
  try {
    return loadSyncConfig(files, defaults, process.env);
  } catch (error) {
    if (!(error instanceof SyncConfigError)) throw error;
    print(`init sync client error: ${error.mistakes[0]?.message ?? error.message}`);
    throw new UsageError(error.message, { cause: error });
  }
}

/** After hours of copying it is too late to hear that a file cannot be written. */
function probe(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (cause) {
    throw new UsageError(`cannot write there: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function carryOut(flags: SyncFlags, config: SyncConfig): Promise<Report> {
  const display = process.stderr.isTTY ? new ProgressDisplay(process.stderr) : undefined;
  const { log, close } = openSyncLog(flags.log, config.secrets, display?.lines ?? process.stderr);
  for (const warning of flags.warnings) log.warn(warning);
  const running = startSync({ ...flags, config, env: process.env }, log);
  display?.start(() => running.progress);
  void stopSignal().then(() => running.stop());
  // The timer of a retry does not keep the process alive, and neither do the connections that are idle then.
  const alive = setInterval(() => undefined, 60_000);
  try {
    return await running.report;
  } finally {
    clearInterval(alive);
    display?.stop();
    await close();
  }
}

function writeReports({ report: file, successList: list }: SyncFlags, report: Report): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  if (list !== undefined) writeFileSync(list.file, formatSuccessList(successList(report), list.format));
}

export function codeOf({ interrupted, counts, rules }: Report): number {
  if (interrupted) return exit.interrupted;
  if (counts.failed + rules.filter(({ reason }) => reason !== 'configuration').length > 0) return exit.failed;
  return rules.length > 0 ? exit.usage : exit.done;
}
