import { resolve } from 'node:path';
import { parsePlatforms } from '../copy/platform.ts';
import type { PlatformFilter } from '../copy/platform.ts';
import type { Defaults } from '../imagesyncer/default-destination.ts';
import type { SyncFiles } from '../imagesyncer/load.ts';
import { UsageError } from './exit.ts';
import { folklore } from './sync-flags.ts';

/** The flags as commander reads them. */
export interface Written extends SyncFiles, Defaults, Partial<Record<keyof typeof folklore, unknown>> {
  log?: string;
  proc?: string;
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
  proc: number | undefined;
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

/** Throws `UsageError` with everything that is wrong. */
export function flagsOf(written: Written, args: readonly string[]): SyncFlags {
  const { format, retries, ...values } = valuesOf(written);
  const { log, report, state, outputSuccessImages: file } = written;
  return {
    ...values,
    files: written,
    defaults: written,
    log: log || undefined,
    retries: Math.max(0, retries),
    strict: written.strict === true,
    successList: file && !written.dryRun ? { file, format } : undefined,
    report: report || undefined,
    state: state || undefined,
    dryRun: written.dryRun === true,
    warnings: warningsOf(written, { force: values.force, args }),
  };
}

/** The flags that are more than their text. */
type Values = Pick<SyncFlags, 'proc' | 'retries' | 'platforms' | 'force'> & { format: 'json' | 'yaml' };

function valuesOf(written: Written): Values {
  const mistakes = [...unknownOf(written), ...clashesOf(written)];
  const attempt = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      mistakes.push(error instanceof Error ? error.message : String(error));
      return otherwise;
    }
  };
  const values: Values = {
    proc: attempt(() => (written.proc === undefined ? undefined : wholeOf('--proc', written.proc, 1)), 1),
    retries: attempt(() => wholeOf('--retries', written.retries, Number.NEGATIVE_INFINITY), 0),
    platforms: attempt(() => parsePlatforms(written), undefined),
    force: attempt(() => isOn(written.force), false),
    format: attempt(() => formatOf(written.outputImagesFormat), 'yaml'),
  };
  if (mistakes.length > 0) throw new UsageError(mistakes.join('\n'));
  return values;
}

/** What was given and has no effect: somebody may believe that it has. */
function warningsOf(
  written: Written,
  { force, args }: { force: boolean; args: readonly string[] },
): string[] {
  const warnings: string[] = [];
  if (args.length > 0) warnings.push(`words that belong to no flag are ignored: ${args.join(' ')}`);
  if (written.records !== undefined)
    warnings.push('--records is ignored: what was copied is found at the destination, or in --state FILE');
  if (written.outputImagesFormat !== undefined && !written.outputSuccessImages)
    warnings.push('--output-images-format has no effect without --output-success-images');
  if (written.strict && force) warnings.push('--strict is part of --force');
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

/** As Go's flags take it: `--force`, `--force=false`. https://pkg.go.dev/strconv#ParseBool */
function isOn(value: string | true = 'false'): boolean {
  if (value === true || ['1', 't', 'true'].includes(value.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(value.toLowerCase())) return false;
  throw new UsageError(`--force: expected nothing, true or false behind it, got "${value}"`);
}

function unknownOf(written: Written): string[] {
  return Object.entries(folklore).flatMap(([name, text]) => (name in written ? [text] : []));
}

/** Files that the run would write over each other, or over what it reads. */
function clashesOf({ log, report, state, outputSuccessImages, ...read }: Written): string[] {
  const files = { '--log': log, '--report': report, '--state': state };
  const flags = new Map<string, string>();
  for (const name of ['config', 'auth', 'images'] as const)
    if (read[name]) flags.set(resolve(read[name]), `--${name}`);
  return Object.entries({ ...files, '--output-success-images': outputSuccessImages }).flatMap(
    ([flag, file]) => {
      if (!file || file.startsWith('/dev/')) return [];
      const other = flags.get(resolve(file));
      flags.set(resolve(file), flag);
      return other === undefined ? [] : [`${other} and ${flag}: expected two files, got "${file}" for both`];
    },
  );
}
