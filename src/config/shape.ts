import type { z } from 'zod';
import type { Finding } from './finding.ts';
import { knownKeys } from './known.ts';
import { nearest } from './nearest.ts';
import type { Path } from './path.ts';
import { configSchema } from './schema.ts';

const words: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

export type Shape = z.output<typeof configSchema>;

/** The document as the schema sees it: the finished shape, or every way in which it differs. */
export function checkShape(value: unknown): { shape?: Shape; findings: Finding[] } {
  const parsed = configSchema.safeParse(value, { error: expectation });
  if (parsed.success) return { shape: parsed.data, findings: [] };
  return { findings: parsed.error.issues.flatMap(toFindings) };
}

/** Where the schema itself has no words. */
function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') return words[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map((each) => JSON.stringify(each)).join(' or ');
  return undefined;
}

function toFindings(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? step.toString() : step));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], key));
  if (issue.code === 'invalid_union') return ofUnion(issue, path);
  if (issue.code !== 'invalid_key') return [{ path, expected: issue.message }];
  return issue.issues.map(({ message }) => ({ path, expected: message, got: 'another key' }));
}

/** Of the alternative that was meant, if that can be told: something inside of it is wrong. */
function ofUnion({ errors, message }: z.core.$ZodIssueInvalidUnion, path: Path): Finding[] {
  const meant = errors.find((issues) => issues.some(({ path: inside }) => inside.length > 0));
  if (meant === undefined) return [{ path, expected: message }];
  return meant.flatMap((issue) => toFindings({ ...issue, path: [...path, ...issue.path] }));
}

function unknownKey(path: Path, key: string): Finding {
  const known = knownKeys(configSchema, path.slice(0, -1));
  return { path, expected: 'a known key', got: JSON.stringify(key), nearest: nearest(key, known) };
}
