import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../src/config.ts';
import type { Defaults } from '../../src/imagesyncer/default-destination.ts';
import { placed, SyncConfigError } from '../../src/imagesyncer/error.ts';
import { loadSyncConfig, type SyncConfig, type SyncFiles } from '../../src/imagesyncer/load.ts';
import { pairsOf, type SyncRule } from '../../src/imagesyncer/pairs.ts';

/** Files by name and text, and which of them the flags name. */
export interface Given {
  files?: Record<string, string | Uint8Array>;
  flags: SyncFiles;
  defaults?: Defaults;
  env?: Environment;
}

export interface Outcome {
  /** Missing when the run is aborted. */
  config?: SyncConfig;
  /** `FILE:LINE: message`, without the folder; of the error or of single rules. */
  mistakes: string[];
  warnings: string[];
}

/** Writes the files, loads them, and removes them. */
export function load({ files = {}, flags, defaults = {}, env = {} }: Given): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'tagferry-test-'));
  const relative = (text: string) => text.replaceAll(`${folder}/`, '');
  const within = Object.fromEntries(
    Object.entries(flags).map(([flag, name]) => [flag, name === '' ? '' : join(folder, name)]),
  );
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const config = loadSyncConfig(within, defaults, env);
    return {
      config,
      mistakes: config.mistakes.map((mistake) => relative(placed(mistake))),
      warnings: config.warnings.map(relative),
    };
  } catch (error) {
    if (!(error instanceof SyncConfigError)) throw error;
    return { mistakes: error.mistakes.map((mistake) => relative(placed(mistake))), warnings: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A JSON file for `--config`, which says what its registries need. */
export function loadConfig(
  images: unknown,
  given: Omit<Given, 'flags' | 'files'> & { auth?: object } = {},
): Outcome {
  const text = JSON.stringify(
    { auth: given.auth ?? { 'r.io': {}, 't.io': {}, 'docker.io': {} }, images },
    null,
    1,
  );
  return load({ ...given, files: { 'c.json': text }, flags: { config: 'c.json' } });
}

/** Each rule as `SOURCE -> DESTINATION` and its copies; `tags` are what every source has. */
export function copies(outcome: Outcome, tags: readonly string[] = []): string[] {
  assert.ok(outcome.config, outcome.mistakes.join('\n'));
  return outcome.config.rules.flatMap((rule) => copiesOf(rule, tags));
}

export function copiesOf(rule: SyncRule, tags: readonly string[]): string[] {
  return pairsOf(rule, tags).map(
    ({ source, destination }) =>
      `${rule.from.registry}/${rule.from.repository} ${source} -> ${rule.to.registry}/${rule.to.repository} ${destination}`,
  );
}

/** Of a file of one rule that is lost: what is wrong with it. */
export function mistakeOf(source: string, destination: unknown = 't.io/n/x'): string {
  const outcome = loadConfig({ [source]: destination, 'r.io/p/other:v1': 't.io/n/other' });
  assert.equal(outcome.config?.rules.length, 1, 'the other rule runs');
  const [mistake = '', ...more] = outcome.mistakes;
  assert.deepEqual(more, []);
  return mistake.replace(/^c\.json:\d+: /, '');
}

/** Of a file that aborts the run: what is wrong, without its place. */
export function abortedBy(outcome: Outcome): string[] {
  assert.equal(outcome.config, undefined, 'the run is aborted');
  return outcome.mistakes.map((mistake) =>
    mistake.replace(/^\S+\.(?:json|ya?ml|conf|JSON|txt)(?::\d+)?: /, ''),
  );
}
