import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { codeOf } from '../../src/cli/sync.ts';
import { withFlags } from '../../src/cli/sync-flags.ts';
import { flagsOf, type Written } from '../../src/cli/sync-options.ts';
import { exit } from '../../src/cli/exit.ts';
import { type Clock, systemClock } from '../../src/clock.ts';
import { SyncConfigError } from '../../src/imagesyncer/error.ts';
import { loadSyncConfig } from '../../src/imagesyncer/load.ts';
import { createLog } from '../../src/log.ts';
import { startSync } from '../../src/main/sync.ts';
import type { Report } from '../../src/sync/report.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { logLines } from '../support/log-lines.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

/** Two real registries, and what image-syncer's files call them. */
export interface Ends {
  source: { url: string; host: string };
  destination: { url: string; host: string };
  /** Plain HTTP at both. */
  auth: Record<string, unknown>;
}

export async function startEnds(t: Ending): Promise<Ends> {
  const [source, destination] = await Promise.all([startDockerRegistry(t), startDockerRegistry(t)]);
  const ends = {
    source: { url: source.url, host: new URL(source.url).host },
    destination: { url: destination.url, host: new URL(destination.url).host },
  };
  const auth = { [ends.source.host]: { insecure: true }, [ends.destination.host]: { insecure: true } };
  return { ...ends, auth };
}

export interface SyncRun {
  /** Written to a file each, a text as YAML, anything else as JSON, and passed as that flag. */
  files: Partial<Record<'config' | 'auth' | 'images', unknown>>;
  flags?: readonly string[];
  env?: Record<string, string>;
  clock?: Clock;
}

export interface SyncEnd {
  /** The exit code of the command. */
  code: number;
  /** Empty when the run was refused. */
  report: Report;
  /** The lines of its log. */
  log: string[];
  /** Why the run was refused, or empty. */
  refusal: string;
}

/** Runs `sync` in this process, as the command line does. */
export async function sync(
  t: Ending,
  { files, flags = [], env = {}, clock = systemClock }: SyncRun,
): Promise<SyncEnd> {
  const folder = await temporaryFolder(t);
  const given: string[] = [];
  for (const [flag, content] of Object.entries(files)) {
    const { text, suffix } = textOf(content);
    const file = join(folder, `${flag}${suffix}`);
    await writeFile(file, text);
    given.push(`--${flag}=${file}`);
  }
  const command = withFlags(new Command('sync').exitOverride().allowExcessArguments());
  command.parse([...given, ...flags], { from: 'user' });
  const read = flagsOf(command.opts<Written>(), command.args);
  const { stream, lines: log } = logLines();
  try {
    const config = loadSyncConfig(read.files, read.defaults, env);
    const kept = createLog({ level: 'info', format: 'logrus', stream }, config.secrets);
    const report = await startSync({ ...read, config, env }, kept, clock).report;
    return { code: codeOf(report), report, log, refusal: '' };
  } catch (error) {
    if (!(error instanceof SyncConfigError)) throw error;
    return { code: exit.usage, report: noReport, log, refusal: error.message };
  }
}

const noReport: Report = {
  dryRun: false,
  interrupted: false,
  startedAt: '',
  finishedAt: '',
  seconds: 0,
  counts: { copied: 0, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 },
  bytes: 0,
  tags: [],
  rules: [],
};

function textOf(content: unknown): { text: string; suffix: string } {
  if (typeof content === 'string') return { text: content, suffix: '.yaml' };
  return { text: JSON.stringify(content), suffix: '.json' };
}
