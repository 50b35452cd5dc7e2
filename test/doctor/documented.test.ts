import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/doctor.md', root), 'utf8');
const files = globSync('src/doctor/**/*.ts', { cwd: root.pathname });
const sources = files.map((file) => readFileSync(new URL(file, root), 'utf8')).join('\n');

function allOf(pattern: RegExp): string[] {
  return [...new Set([...sources.matchAll(pattern)].flatMap(([, found]) => found ?? []))];
}

test('every check stands in the docs', () => {
  const ids = allOf(/^ {2}id: '([a-z-]+)'/gm);
  assert.ok(ids.length >= 19);
  assert.deepEqual(
    ids.filter((id) => !page.includes(`\`${id}\``)),
    [],
  );
});

/** What checks find, by the stable word for it. */
const codes = [
  ...allOf(/\b(?:error|warn)\(\s*'([a-z-]+)'/g),
  ...allOf(/\bcode: '([a-z-]+)'/g),
  ...allOf(/\b(?:error|warn)\(\w+ \? '([a-z-]+)'/g),
  ...allOf(/\b(?:error|warn)\(\w+ \? '[a-z-]+' : '([a-z-]+)'/g),
].filter((code) => code !== 'no-answer');

test('every finding stands in the docs', () => {
  assert.ok(codes.length >= 40);
  assert.deepEqual(
    codes.filter((code) => !page.includes(`\`${code}\``)),
    [],
  );
});

test('every finding is met by a test', () => {
  const tests = globSync('test/doctor/*.test.ts', { cwd: root.pathname });
  const met = tests.map((file) => readFileSync(new URL(file, root), 'utf8')).join('\n');
  assert.deepEqual(
    codes.filter((code) => !new RegExp(`${code}(?![a-z-])`).test(met)),
    [],
  );
});
