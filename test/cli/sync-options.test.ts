import assert from 'node:assert/strict';
import { Command } from 'commander';
import { test } from 'node:test';
import { parsePlatforms } from '../../src/copy/platform.ts';
import { UsageError } from '../../src/cli/exit.ts';
import { withFlags } from '../../src/cli/sync-flags.ts';
import { flagsOf, type SyncFlags, type Written } from '../../src/cli/sync-options.ts';

function read(...args: string[]): SyncFlags {
  const command = withFlags(new Command('sync').exitOverride().allowExcessArguments());
  command.configureOutput({ writeErr: () => undefined });
  command.parse(args, { from: 'user' });
  return flagsOf(command.opts<Written>(), command.args);
}

function mistakesOf(...args: string[]): string[] {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n');
    throw error;
  }
  return [];
}

test('nothing given: image-syncer’s defaults', () => {
  const { proc, retries, platforms, force, strict, dryRun, successList, log, warnings } = read();
  assert.deepEqual([proc, retries, force, strict, dryRun], [undefined, 2, false, false, false]);
  assert.deepEqual([platforms, successList, log, warnings], [undefined, undefined, undefined, []]);
});

test('each way of Go’s flags to give a value', () => {
  for (const args of [['--proc=10'], ['--proc', '10'], ['-p=10'], ['-p10'], ['-p', '10'], ['-p', '+10']])
    assert.equal(read(...args).proc, 10, args.join(' '));
  for (const args of [['--retries=7'], ['-r=7'], ['-r7'], ['-r', '7']])
    assert.equal(read(...args).retries, 7, args.join(' '));
});

test('the last one counts of a flag that is repeated, and all of --os and --arch', () => {
  assert.equal(read('--proc=1', '--proc=3').proc, 3);
  const both = read('--arch', 'amd64', '--arch=arm64:v8', '--os=linux').platforms;
  assert.deepEqual(both, parsePlatforms({ os: ['linux'], arch: ['amd64', 'arm64:v8'] }));
});

test('retries that are not positive are none', () => {
  for (const text of ['0', '-3']) assert.equal(read('--retries', text).retries, 0);
  assert.equal(read('--retries=-3').retries, 0);
});

test('--force as Go’s flags take it', () => {
  for (const args of [['--force'], ['--force=true'], ['--force=1'], ['--force=T']])
    assert.equal(read(...args).force, true, args.join(' '));
  for (const args of [['--force=false'], ['--force=0'], ['--force=False']])
    assert.equal(read(...args).force, false, args.join(' '));
});

test('empty texts are not given', () => {
  const { log, report, state, successList } = read(
    '--log=',
    '--report=',
    '--state=',
    '--output-success-images=',
  );
  assert.deepEqual([log, report, state, successList], [undefined, undefined, undefined, undefined]);
});

const wrong: Record<string, [args: string[], expected: RegExp]> = {
  'no worker at all': [['--proc', '0'], /^--proc: expected a whole number from 1 on, got "0"$/],
  'workers by a word': [['-p=x'], /^--proc: .* got "x"$/],
  'half a worker': [['--proc=1.5'], /^--proc: .* got "1.5"$/],
  'workers by nothing': [['--proc='], /^--proc: .* got ""$/],
  'retries by a word': [['--retries', 'many'], /^--retries: expected a whole number, got "many"$/],
  'a format of neither kind': [
    ['--output-images-format=xml'],
    /^--output-images-format: expected json or yaml, got "xml"$/,
  ],
  'force by a word': [
    ['--force', 'maybe'],
    /^--force: expected nothing, true or false behind it, got "maybe"$/,
  ],
  'a flag of folklore for retries': [['--images-retries=3'], /^--images-retries: .*--retries NUMBER/],
  'a flag of folklore for the format': [
    ['--output-images-type', 'json'],
    /--output-images-format json\|yaml/,
  ],
  'a flag of folklore for the age': [['--days', '7'], /^--days: there is no such flag; name the tags/],
  'a flag of folklore for platforms': [['--platform=linux/amd64'], /^--platform: .*--os OS and --arch/],
  'one file for two outputs': [
    ['--log=./x', '--report', 'y/../x'],
    /^--log and --report: expected two files/,
  ],
  'a file that is read and written': [
    ['--images=x.yaml', '--output-success-images=./x.yaml'],
    /^--images and --output-success-images: expected two files/,
  ],
};

for (const [what, [args, expected]] of Object.entries(wrong))
  test(`wrong: ${what}`, () => {
    const mistakes = mistakesOf(...args);
    assert.equal(mistakes.length, 1, mistakes.join('\n'));
    assert.match(mistakes[0] ?? '', expected);
  });

test('all that is wrong is said at once', () => {
  assert.equal(mistakesOf('--proc=0', '--retries=x', '--days=1', '--force=y').length, 4);
});

test('devices may be named twice', () => {
  assert.deepEqual(mistakesOf('--log=/dev/stderr', '--report=/dev/stderr'), []);
});

const idle: Record<string, [args: string[], expected: RegExp]> = {
  'words that belong to no flag': [['sync', 'now'], /^words that belong to no flag are ignored: sync now$/],
  '--records': [['--records=./r'], /^--records is ignored: .*--state FILE$/],
  'a format without a list': [['--output-images-format=json'], /no effect without --output-success-images/],
  '--strict beside --force': [['--strict', '--force'], /^--strict is part of --force$/],
  'a success list of a dry run': [['--dry-run', '--output-success-images=x'], /a dry run copies nothing/],
  'the state of a dry run': [['--dry-run', '--state=x'], /a dry run remembers nothing/],
};

for (const [what, [args, expected]] of Object.entries(idle))
  test(`without effect, and warned of: ${what}`, () => {
    const { warnings } = read(...args);
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0] ?? '', expected);
  });

test('help has three groups, and none of the flags that never were', () => {
  const help = withFlags(new Command('sync')).helpInformation();
  assert.match(
    help,
    /image-syncer's flags:[^]*--config[^]*flags of 2020:[^]*--registry[^]*Tagferry's flags:[^]*--state/,
  );
  assert.doesNotMatch(help, /--days|--platform|--images-retries|--output-images-type/);
});
