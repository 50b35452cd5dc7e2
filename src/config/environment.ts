import { isObject } from '../oci/json.ts';
import type { Path } from './path.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The document after every `${NAME}` has been replaced. */
export interface Substituted {
  value: unknown;
  /** Places whose text holds something from the environment: never shown. */
  replaced: Path[];
  /** Variables that are not set, and where they were wanted. */
  unset: { path: Path; name: string }[];
}

/*
 * YAML reads the braces of an unquoted `[${NAME}]` as a mapping. Until the text is parsed they are therefore
 * written as two private characters, which keep every position; only in parsed texts does the reference turn
 * into its value, so that a value can never become YAML.
 */
const written = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const hidden = /\$\uE000([A-Za-z_][A-Za-z0-9_]*)\uE001/g;

export function hideReferences(yaml: string): string {
  return yaml.replaceAll(written, '$\uE000$1\uE001');
}

/** Replaces `${NAME}` in every text of a parsed document; an unset one becomes empty and is listed. */
export function substitute(document: unknown, env: Environment): Substituted {
  const replaced: Path[] = [];
  const unset: Substituted['unset'] = [];

  function lookUp(name: string, path: Path): string {
    const value = env[name];
    if (value === undefined) unset.push({ path, name });
    return value ?? '';
  }

  function visitText(text: string, path: Path): string {
    const result = text.replaceAll(hidden, (_, name: string) => lookUp(name, path));
    if (result !== text) replaced.push(path);
    return result;
  }

  function visit(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return visitText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [restore(key), visit(item, [...path, restore(key)])]),
    );
  }

  return { value: visit(document, []), replaced, unset };
}

/** Keys are taken as written. */
function restore(key: string): string {
  return key.replaceAll(hidden, '${$1}');
}
