import { closeSync, openSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { SyncConfigError } from '../imagesyncer/error.ts';
import { loadSyncConfig } from '../imagesyncer/load.ts';
import type { SyncConfig } from '../imagesyncer/load.ts';
import { formatSuccessList } from '../imagesyncer/success-list.ts';
import { DatabaseError, startSync } from '../main/sync.ts';
import type { Syncing } from '../main/sync.ts';
import type { Log } from '../log.ts';
import { successList } from '../sync/report.ts';
import type { Report } from '../sync/report.ts';
import { Ended, exit, UsageError } from './exit.ts';
import { complain, print } from './print.ts';
import { canShowProgress, ProgressDisplay } from './progress.ts';
import { standardStream } from './standard-stream.ts';
import { stopSignal } from './stop-signal.ts';
import { openSyncLog } from './sync-log.ts';
import { withFlags } from './sync-flags.ts';
import { flagsOf } from './sync-options.ts';
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
  // The last lines are the outcome: whoever looks at them alone must not miss it.
  const written = await writeReports(flags, report);
  for (const line of summaryOf(report, { columns: process.stdout.isTTY })) print(line);
  const code = written ? codeOf(report) : codeOf(report) || exit.failed;
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
  if (standardStream(file) !== undefined) return;
  try {
    closeSync(openSync(file, 'a'));
  } catch (cause) {
    throw new UsageError(`nothing was copied: ${writing(file, cause)}`, { cause });
  }
}

function writing(file: string, cause: unknown): string {
  return `cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`;
}

async function carryOut(flags: SyncFlags, config: SyncConfig): Promise<Report> {
  const { stderr, env } = process;
  const display = canShowProgress(stderr, env) ? new ProgressDisplay(stderr, env) : undefined;
  // Whoever watches the progress is told of the rest only.
  const fallback = display
    ? { stream: display.lines, level: 'warn' as const }
    : { stream: stderr, level: 'info' as const };
  const { log, close } = openSyncLog(flags.log, config.secrets, fallback);
  try {
    for (const warning of flags.warnings) log.warn(warning);
    const running = begin(flags, config, log);
    void stopSignal().then(() => running.stop());
    display?.start(() => running.progress);
    return await running.report;
  } finally {
    display?.stop();
    await close();
  }
}

function begin(flags: SyncFlags, config: SyncConfig, log: Log): Syncing {
  try {
    return startSync({ ...flags, config, env: process.env }, log);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new UsageError(`--state: ${error.message}`, { cause: error });
  }
}

/** Whether all of them were written: one that cannot be keeps no other. */
async function writeReports(
  { report: file, successList: list }: SyncFlags,
  report: Report,
): Promise<boolean> {
  const texts = [
    file !== undefined && ([file, `${JSON.stringify(report, null, 2)}\n`] as const),
    list !== undefined && ([list.file, formatSuccessList(successList(report), list.format)] as const),
  ];
  const written = await Promise.all(texts.map(async (text) => text === false || wasWritten(...text)));
  return written.every(Boolean);
}

async function wasWritten(file: string, text: string): Promise<boolean> {
  const stream = standardStream(file);
  try {
    if (stream === undefined) writeFileSync(file, text);
    else await writeTo(stream, text);
    return true;
  } catch (error) {
    complain(`tagferry: ${writing(file, error)}`);
    return false;
  }
}

async function writeTo(stream: NodeJS.WriteStream, text: string): Promise<void> {
  // Told to the callback as well; without a listener it would end the process.
  stream.once('error', () => undefined);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.write(text, (error) => (error ? reject(error) : resolve()));
  await promise;
}

export function codeOf({ interrupted, counts, rules }: Report): number {
  if (interrupted) return exit.interrupted;
  if (counts.failed > 0 || rules.some(({ reason }) => reason !== 'configuration')) return exit.failed;
  return rules.length > 0 ? exit.usage : exit.done;
}
