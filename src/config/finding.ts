import { isSecretPath, valueAt, type Path } from './path.ts';
import type { Substituted } from './environment.ts';

/** A mistake before it is known where in the file it stands. */
export interface Finding {
  path: Path;
  expected: string;
  /** Only when it is something else than the value at `path`; never a secret. */
  got?: string;
  nearest?: string | undefined;
}

/** Whether something from the environment is in the value at `path`, or anywhere in it. */
export function isReplaced({ replaced }: Substituted, path: Path): boolean {
  return replaced.some((each) => path.every((step, index) => each[index] === step));
}

/** The value at `path` in words that do not give a secret away. */
export function describe(document: Substituted, path: Path): string {
  const found = valueAt(document.value, path);
  if (found === undefined || found === null) return 'nothing';
  if (Array.isArray(found)) return found.length === 0 ? 'an empty list' : 'a list';
  if (typeof found === 'object') return 'a mapping';
  const secret = isSecretPath(path) || isReplaced(document, path);
  return secret ? `a ${typeof found === 'string' ? 'text' : typeof found} that is not shown` : quote(found);
}

function quote(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  // A URL may have been written with a password or a token in it.
  const shown = value.replace(/\/\/[^/]*@/, '//***@').replace(/\?.*/s, '?***');
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown);
}
