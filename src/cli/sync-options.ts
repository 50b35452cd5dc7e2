import type { Command } from 'commander';
import { parsePlatforms } from '../copy/platform.ts';
import type { PlatformFilter } from '../copy/platform.ts';
import type { Defaults } from '../imagesyncer/default-destination.ts';
import type { SyncFiles } from '../imagesyncer/load.ts';
import { UsageError } from './exit.ts';

/** The flags as commander reads them. */
export interface Written extends SyncFiles, Defaults {
  log?: string;
  proc: string;
  retries: string;
  os: string[];
  arch: string[];
  force?: string | true;
  strict?: true;
  outputSuccessImages?: string;
  outputImagesFormat?: string;
  records?: string;
  report?: string;
  state?: string;
  dryRun?: true;
}

/** The flags of a run, read and found right. */
export interface SyncFlags {
  files: SyncFiles;
  defaults: Defaults;
  log: string | undefined;
  proc: number;
  retries: number;
  platforms: PlatformFilter | undefined;
  force: boolean;
  strict: boolean;
  successList: { file: string; format: 'json' | 'yaml' } | undefined;
  report: string | undefined;
  state: string | undefined;
  dryRun: boolean;
  /** What is accepted and does nothing. */
  warnings: string[];
}

const collect = (value: string, values: string[]): string[] => [...values, value];

/** image-syncer's flags of today and of 2020, then our own. */
export function withFlags(command: Command): Command {
  return command
    .option('--config <file>', 'one file with "auth" and "images" (JSON or YAML)')
    .option('--auth <file>', 'file with credentials')
    .option('--images <file>', 'file with rules: source → destination')
    .option('--registry <host>', 'where destinations that are "" go (else $DEFAULT_REGISTRY)')
    .option('--namespace <name>', 'and below which namespace (else $DEFAULT_NAMESPACE)')
    .option('-p, --proc <number>', 'requests to each registry at once', '5')
    .option('-r, --retries <number>', 'further attempts at what failed', '2')
    .option('--log <file>', 'log there, from an empty file on, instead of standard error')
    .option(
      '--os <system>',
      'of images for several platforms, this one only: OS[:VERSION]; repeatable',
      collect,
      [],
    )
    .option('--arch <architecture>', 'likewise: ARCH[:VARIANT]; repeatable', collect, [])
    .option('--force [boolean]', 'write manifests again that are there already')
    .option('--output-success-images <file>', 'write the list of what was copied there')
    .option('--output-images-format <format>', 'json or yaml (default: yaml)')
    .option('--records <file>', 'of 2020; accepted, and does nothing')
    .option('--report <file>', 'write the outcome of every tag there (JSON)')
    .option('--state <file>', 'remember there what an interrupted run, or the next one, need not do again')
    .option('--strict', 'copy also what differs in the layout of its JSON only')
    .option('--dry-run', 'say what would be copied, and write nothing');
}

/** Throws `UsageError` with everything that is wrong. */
export function flagsOf(written: Written, args: readonly string[]): SyncFlags {
  const mistakes: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      mistakes.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const proc = attempt(() => wholeOf('--proc', written.proc, 1));
  const retries = attempt(() => wholeOf('--retries', written.retries, Number.NEGATIVE_INFINITY));
  const platforms = attempt(() => parsePlatforms(written));
  const format = attempt(() => formatOf(written.outputImagesFormat));
  if (mistakes.length > 0 || proc === undefined || retries === undefined || format === undefined)
    throw new UsageError(mistakes.join('\n'));
  const { log, report, state, outputSuccessImages: file } = written;
  return {
    files: written,
    defaults: written,
    log: log || undefined,
    proc,
    retries: Math.max(0, retries),
    platforms,
    force: isOn(written.force),
    strict: written.strict === true,
    successList: file && !written.dryRun ? { file, format } : undefined,
    report: report || undefined,
    state: state || undefined,
    dryRun: written.dryRun === true,
    warnings: warningsOf(written, args),
  };
}

/** What was given and has no effect: somebody may believe that it has. */
function warningsOf(written: Written, args: readonly string[]): string[] {
  const warnings: string[] = [];
  if (args.length > 0)
    warnings.push(`${args.length} words that belong to no flag are ignored: ${args.join(' ')}`);
  if (written.records !== undefined)
    warnings.push('--records is ignored: what was copied is found at the destination, or in --state FILE');
  if (written.outputImagesFormat !== undefined && !written.outputSuccessImages)
    warnings.push('--output-images-format has no effect without --output-success-images');
  if (written.strict && isOn(written.force)) warnings.push('--strict is part of --force');
  if (written.dryRun && written.outputSuccessImages)
    warnings.push('--output-success-images has no effect: a dry run copies nothing');
  if (written.dryRun && written.state) warnings.push('--state has no effect: a dry run remembers nothing');
  return warnings;
}

/** As Go's flags take it, `-p=10` too. */
function wholeOf(flag: string, text: string, least: number): number {
  const digits = text.replace(/^=/, '');
  const number = Number(digits);
  if (/^[+-]?\d{1,9}$/.test(digits) && number >= least) return number;
  const expected = least > 0 ? 'a whole number from 1 on' : 'a whole number';
  throw new UsageError(`${flag}: expected ${expected}, got "${digits}"`);
}

function formatOf(text = 'yaml'): 'json' | 'yaml' {
  if (text === 'json' || text === 'yaml') return text;
  throw new UsageError(`--output-images-format: expected json or yaml, got "${text}"`);
}

/** As Go's flags take it: `--force`, `--force=false`. */
function isOn(value: string | true | undefined): boolean {
  if (value === undefined) return false;
  return value === true || !['false', 'f', '0'].includes(value.toLowerCase());
}
