import { Command } from 'commander';
import type { Config } from '../config.ts';
import { createLog } from '../log.ts';
import { settleEndpoints } from '../main/endpoints.ts';
import { startPlan } from '../main/plan.ts';
import type { PlannedTag, PlanReport } from '../main/plan-report.ts';
import { configOf, withConfig } from './config-file.ts';
import { Ended, exit, UsageError } from './exit.ts';
import { print, printJson } from './print.ts';
import { canShowProgress, ProgressDisplay } from './progress.ts';
import { stopSignal } from './stop-signal.ts';
import { totalsOf, rowOf, tagsToTell, written } from './sync-summary.ts';
import type { Row, Style } from './sync-summary.ts';

interface PlanFlags {
  config?: string;
  rule?: string;
  json?: boolean;
}

export function planCommand(): Command {
  return withConfig(new Command('plan'))
    .description('Says what a full sweep would copy, and why; writes nothing anywhere.')
    .option('--rule <name>', 'only this rule')
    .option('--json', 'one JSON document')
    .action(async (flags: PlanFlags) => plan(flags));
}

async function plan({ config: file, rule, json }: PlanFlags): Promise<void> {
  const config = configOf(file);
  checkRule(config, rule);
  const report = await made(config, rule);
  if (json) printJson(report);
  else for (const line of linesOf(report, { columns: process.stdout.isTTY })) print(line);
  const code = codeOf(report);
  if (code !== exit.done) throw new Ended(code);
}

function checkRule({ rules, file }: Config, wanted: string | undefined): void {
  const names = rules.map(({ name }) => name);
  if (wanted === undefined || names.includes(wanted)) return;
  throw new UsageError(`--rule: ${file} has no rule ${JSON.stringify(wanted)}; it has ${names.join(', ')}`);
}

async function made(config: Config, rule: string | undefined): Promise<PlanReport> {
  const { stderr, env } = process;
  const display = canShowProgress(stderr, env) ? new ProgressDisplay(stderr, env) : undefined;
  const stream = display?.lines ?? stderr;
  const log = createLog({ level: 'warn', format: 'pretty', stream }, config.secrets);
  const planning = startPlan(await settleEndpoints(config, log, { env }), { rule, env }, log);
  display?.start(() => ({ ...planning.progress, bytes: 0 }));
  void stopSignal().then(() => planning.stop());
  try {
    return await planning.report;
  } finally {
    display?.stop();
  }
}

function linesOf(report: PlanReport, style: Style): string[] {
  const { collisions, invalidNames, errors, counts, tags } = report;
  const untold = counts.failed - errors.length - tags.filter(({ outcome }) => outcome === 'failed').length;
  return [
    ...written(tagsToTell(report).map(rowWithWhy), style),
    ...collisions.map((line) => `name-collision: ${line}`),
    ...invalidNames.map((line) => `name-invalid: ${line}`),
    ...errors.map((line) => `not compared: ${line}`),
    ...(untold > 0 ? [`not compared: ${untold} more`] : []),
    totalsOf(report),
    ...(counts.failed > 0 ? [`${counts.failed} could not be looked at, as said above`] : []),
  ];
}

function rowWithWhy(tag: PlannedTag): Row {
  const [verb, source, destination, ...told] = rowOf(tag);
  return [verb, source, destination, `rule ${tag.rule}`, ...told, ...whyOf(tag)];
}

function whyOf({ why, replaces, immutable }: PlannedTag): string[] {
  if (why === undefined) return [];
  if (why === 'missing') return ['not there yet'];
  return [`there now: ${short(replaces)}${immutable ? ', though it is declared immutable' : ''}`];
}

/** Enough of a digest to tell it from others. */
function short(digest = ''): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

function codeOf({ interrupted, counts }: PlanReport): number {
  if (interrupted) return exit.interrupted;
  return counts.failed > 0 ? exit.failed : exit.done;
}
