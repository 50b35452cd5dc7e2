import { Command } from 'commander';
import type { Report } from '../doctor/doctor.ts';
import type { Examined } from '../doctor/finding.ts';
import { createLog } from '../log.ts';
import { examineConfig } from '../main/doctor.ts';
import { configOf, withConfig } from './config-file.ts';
import { exit } from './exit.ts';
import { print, printJson } from './print.ts';
import { stopSignal } from './stop-signal.ts';

interface DoctorFlags {
  config?: string;
  json?: boolean;
  writeProbe?: boolean;
}

export function doctorCommand(): Command {
  return withConfig(new Command('doctor'))
    .description(
      'Checks every precondition, and says of each what was seen, what it means and what to do; changes nothing.',
    )
    .option('--json', 'one JSON document')
    .option('--write-probe', 'also push an artifact of a few bytes to each ACR, to see whether it is taken')
    .action(async (flags: DoctorFlags) => examineAll(flags));
}

async function examineAll({ config: file, json, writeProbe = false }: DoctorFlags): Promise<void> {
  const config = configOf(file);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new Error('interrupted')));
  const log = createLog({ level: 'warn', format: 'pretty' }, config.secrets);
  const options = { env: process.env, signal: stop.signal, writeProbe };
  const report = await examineConfig(config, options, log);
  if (json) printJson(report);
  else for (const line of linesOf(report)) print(line);
  // A look-up of a name cannot be called off, and would keep the process for as long as the resolver is patient.
  process.exit(codeOf(report, stop.signal));
}

function codeOf({ counts }: Report, stop: AbortSignal): number {
  if (stop.aborted) return exit.interrupted;
  return counts.error > 0 ? exit.failed : exit.done;
}

/** A block for each registry, a line for each finding, and below it what it means and what to do. */
function linesOf({ checks, counts, seconds }: Report): string[] {
  const subjects = Map.groupBy(checks, ({ subject }) => subject);
  const blocks = [...subjects].flatMap(([subject, its]) => [subject, ...its.flatMap(findingLines), '']);
  const { ok, warn, error, skipped } = counts;
  return [
    ...blocks,
    `${ok} ok, ${warn} warn, ${skipped} skipped, ${error} error, in ${seconds.toFixed(1)} s`,
  ];
}

function findingLines({ status, check, number, code, saw, means, next = [] }: Examined): string[] {
  const place = number === undefined ? '' : `${number}`;
  const told = code === 'ok' ? saw : `${code}: ${saw}`;
  return [
    `  ${status.padEnd(7)}  ${place.padStart(2)} ${check.padEnd(20)}  ${told}`,
    ...(means === undefined ? [] : indented('means: ', means)),
    ...next.flatMap((step) => indented('next:  ', step)),
  ];
}

/** A step may be a policy to paste, of several lines. */
function indented(label: string, text: string): string[] {
  return text
    .split('\n')
    .map((line, index) => `${' '.repeat(11)}${index === 0 ? label : ' '.repeat(7)}${line}`);
}
