import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRules } from '../../src/rule/compile.ts';
import { RuleIndex } from '../../src/rule/rule-index.ts';

/** An index of rules by name, each with its patterns of repositories. */
function indexOf(rules: [name: string, repositories: string[]][]): (repository: string) => string[] {
  const compiled = compileRules(
    rules.map(([name, repositories]) => ({
      name,
      source: 'harbor',
      repositories,
      tags: ['**'],
      destination: 'acr',
      destinationType: 'oci',
      repository: '{repository}',
      tag: '{tag}',
    })),
  );
  const index = new RuleIndex(compiled);
  return (repository) => index.candidates(repository).map(({ name }) => name);
}

test('a repository is tried with the rules that may match only, in their order', () => {
  const many = Array.from({ length: 10_000 }, (_, number): [string, string[]] => [
    `r${number}`,
    [number % 2 ? `p${number}/**` : `library/r${number}`],
  ]);
  const candidates = indexOf([...many, ['late', ['library/**']], ['any', ['/x$/']]]);
  assert.deepEqual(candidates('library/r42'), ['r42', 'late', 'any']);
  assert.deepEqual(candidates('p43/a/b'), ['r43', 'any']);
  assert.deepEqual(candidates('nobody/x'), ['any']);
});

test('a rule that spells out several names or first parts is a candidate for each, once', () => {
  const candidates = indexOf([
    ['names', ['a/b', 'a/c', 'a/b']],
    ['parts', ['a/**', 'b/*']],
    ['all but', ['!a/b']],
  ]);
  assert.deepEqual(candidates('a/b'), ['names', 'parts', 'all but']);
  assert.deepEqual(candidates('a/d'), ['parts', 'all but']);
  assert.deepEqual(candidates('b/d'), ['parts', 'all but']);
  assert.deepEqual(candidates('c'), ['all but']);
});
