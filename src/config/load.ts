import { readFileSync, statSync } from 'node:fs';
import { checkAgreement } from './agreement.ts';
import { readDocument, type ConfigDocument } from './document.ts';
import { substitute, type Environment, type Substituted } from './environment.ts';
import { ConfigError, type Mistake } from './error.ts';
import { checkFiles, codeOf } from './file.ts';
import { describe, type Finding } from './finding.ts';
import { checkIdentities } from './identity.ts';
import { formatPath } from './path.ts';
import { isRegular } from './regular.ts';
import { checkRules } from './rule.ts';
import { checkShape, type Shape } from './shape.ts';

/** Bytes of a file: sixty thousand rules. What is made of them takes a hundred times as much memory for a while. */
const largest = 8 * 1024 * 1024;

/** Reads and checks the file: its shape, or a ConfigError that holds everything that is wrong with it. */
export function loadShape(file: string, env: Environment): Shape {
  const document = readDocument(readText(file));
  const faults = document.faults.map((fault) => ({ file, path: '', ...fault }));
  if (!('value' in document)) throw new ConfigError(file, faults);

  const substituted = substitute(document.value, env);
  const { shape, findings } = check(substituted, env);
  const mistakes = [...faults, ...locate(file, document, substituted, findings)];
  if (shape === undefined || mistakes.length > 0) throw new ConfigError(file, mistakes);
  return shape;
}

/** As a running mirror has to: from a pipe nothing comes a second time, and who waits for it does nothing else. */
export function checkRegular(file: string): void {
  if (!attempt(file, () => isRegular(file))) throw wrong(file, 'a pipe or a device');
}

function readText(file: string): string {
  const bytes = attempt(file, () => {
    const { size } = statSync(file);
    return size > largest ? size : readFileSync(file);
  });
  if (typeof bytes === 'number') throw wrong(file, `one of ${bytes} bytes`, ` of at most ${largest} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw wrong(file, 'one that is not UTF-8');
    throw error;
  }
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw wrong(file, `one that cannot be read (${codeOf(error)})`);
  }
}

function wrong(file: string, got: string, kind = ''): ConfigError {
  return new ConfigError(file, [{ file, path: '', expected: `a configuration file${kind}`, got }]);
}

function check(document: Substituted, env: Environment): { shape?: Shape; findings: Finding[] } {
  const { value, unset } = document;
  const { shape, findings } = checkShape(value);
  const missing = unset.map(({ path, name }) => ({
    path,
    expected: `the environment variable ${name} to be set`,
    got: 'an unset one',
  }));
  const wrong = [
    ...findings,
    ...checkAgreement(value),
    ...checkIdentities(value, env),
    ...checkRules(document),
    ...checkFiles(value),
  ];
  const places = new Set(missing.map(({ path }) => formatPath(path)));
  const rest = wrong.filter(({ path }) => !places.has(formatPath(path)));
  return { ...(shape ? { shape } : {}), findings: [...missing, ...rest] };
}

function locate(
  file: string,
  document: ConfigDocument,
  substituted: Substituted,
  findings: Finding[],
): Mistake[] {
  const mistakes = findings.map(({ path, expected, got, nearest }) => ({
    file,
    line: document.lineOf(path),
    path: formatPath(path),
    expected,
    got: got ?? describe(substituted, path),
    nearest,
  }));
  // Several checks of one value may say the same.
  return [...new Map(mistakes.map((mistake) => [JSON.stringify(mistake), mistake])).values()];
}
