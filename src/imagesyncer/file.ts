import { nearest } from '../config/nearest.ts';
import { readFileSync } from 'node:fs';
import type { Findings } from './findings.ts';
import { readJson, repeated } from './json.ts';
import {
  fieldsOf,
  isNothing,
  typeOf,
  type Entry,
  type Mapping,
  type Reading,
  type Written,
} from './written.ts';
import { readYaml } from './yaml.ts';

/** By exact suffix in lower case, as image-syncer tells them. */
const formats: Record<string, (text: string) => Reading> = {
  json: readJson,
  yaml: readYaml,
  yml: readYaml,
};

/** A file that could be read: a mapping, or null, which is one without entries. */
export interface SyncFile {
  name: string;
  content: Mapping | undefined;
}

/** `undefined` when the file cannot be used, which aborts the run. */
export function readSyncFile(name: string, findings: Findings): SyncFile | undefined {
  const read = formats[/\.(json|yaml|yml)$/.exec(name)?.[1] ?? ''];
  if (read === undefined) {
    findings.abort(
      'only one of yaml/yml/json format is supported: the name must end in .json, .yaml or .yml, in lower case',
      name,
    );
    return undefined;
  }
  const text = readText(name, findings);
  return text === undefined ? undefined : contentOf(name, read(text), findings);
}

function readText(name: string, findings: Findings): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(name));
  } catch (error) {
    const got = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = got === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : got;
    findings.abort(`the file cannot be read (${why}): check its name and who may read it`, name);
    return undefined;
  }
}

function contentOf(
  name: string,
  { value, mistakes, warnings }: Reading,
  findings: Findings,
): SyncFile | undefined {
  for (const { line, message } of warnings) findings.warn(message, name, line);
  for (const { line, message } of mistakes) findings.abort(message, name, line);
  if (mistakes.length > 0) return undefined;
  if (value === undefined) {
    findings.abort('there is nothing in the file, not even {}: EOF', name);
    return undefined;
  }
  return { name, content: mappingOf(value, 'the file', name, findings) };
}

/** The mapping, `undefined` for null; anything else aborts the run. */
export function mappingOf(
  value: Written,
  what: string,
  file: string,
  findings: Findings,
): Mapping | undefined {
  if (value.kind === 'mapping') return value;
  if (!isNothing(value))
    findings.abort(`${what} should be a mapping, got ${typeOf(value)}`, file, value.line);
  return undefined;
}

/** The last of the fields with that name: JSON may write it again in other capitals. */
export function fieldOf(mapping: Mapping, name: string, file: string, findings: Findings): Entry | undefined {
  const [first, ...further] = fieldsOf(mapping, name);
  for (const { key, line } of further) findings.warn(repeated(line, key).message, file, line);
  return further.at(-1) ?? first;
}

/** Fields that nobody knows mean nothing, as in image-syncer; but one that looks like a known one was meant to. */
export function warnOfSlips(
  mapping: Mapping,
  known: readonly string[],
  file: string,
  findings: Findings,
): void {
  for (const { key, line } of mapping.entries.values()) {
    const name = mapping.anyCase ? key.toLowerCase() : key;
    const meant = known.includes(name) ? undefined : nearest(name, known);
    if (meant !== undefined)
      findings.warn(`the field ${JSON.stringify(key)} is ignored: is "${meant}" meant?`, file, line);
  }
}
