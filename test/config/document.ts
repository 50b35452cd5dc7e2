import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ConfigError, loadConfig, type Config, type Environment } from '../../src/config.ts';

/** The smallest file that is right. */
export const smallest = {
  registries: { harbor: { url: 'https://harbor.test' }, acr: { type: 'acr-ee', url: 'https://acr.test' } },
  rules: [{ name: 'all', source: 'harbor', repositories: ['**'], destination: 'acr' }],
  webhook: { allowUnauthenticated: true },
};

/** Loads YAML text, or a document written as such. The file is removed afterwards. */
export function load(document: string | object, env: Environment = {}): Config {
  const folder = mkdtempSync(join(tmpdir(), 'tagferry-test-'));
  const file = join(folder, 'tagferry.yaml');
  try {
    writeFileSync(file, typeof document === 'string' ? document : stringify(document));
    return loadConfig(file, env);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The error that loading ends with. */
export function failure(document: string | object, env: Environment = {}): ConfigError {
  try {
    load(document, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('expected a ConfigError, but the document was accepted');
}

/** What is wrong, without the folder's name: `LINE PATH: expected …, got …`. */
export function mistakes(document: string | object, env: Environment = {}): string[] {
  return failure(document, env).mistakes.map(
    ({ line, path, expected, got, nearest }) =>
      `${line} ${path}: expected ${expected}, got ${got}${nearest === undefined ? '' : ` (${nearest}?)`}`,
  );
}
