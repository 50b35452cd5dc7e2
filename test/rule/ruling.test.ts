import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';

const library: Rule = {
  name: 'library',
  source: 'harbor',
  repositories: ['library/**', '!library/tmp-*'],
  tags: ['v*', '!*-rc*'],
  destination: 'acr',
  destinationType: 'oci',
  repository: '{repository}',
  tag: '{tag}',
};

function rulingsOf(rules: Partial<Rule>[], repository: string, tag: string, of?: string[]) {
  const ruleset = new Ruleset(rules.map((rule) => ({ ...library, ...rule })));
  return ruleset.rulings(repository, tag, of);
}

test('each decision names the list and the pattern, in words too', () => {
  const rows: [repository: string, tag: string, expected: object][] = [
    [
      'library/app',
      'v1',
      {
        taken: true,
        repositories: { matches: true, pattern: 'library/**' },
        tags: { matches: true, pattern: 'v*' },
        words: 'rule library takes repository library/app by "library/**" and tag v1 by "v*"',
      },
    ],
    [
      'library/app',
      'v1-rc1',
      {
        taken: false,
        repositories: { matches: true, pattern: 'library/**' },
        tags: { matches: false, pattern: '!*-rc*' },
        words: 'rule library leaves out tag v1-rc1 by "!*-rc*"',
      },
    ],
    [
      'library/app',
      'latest',
      {
        taken: false,
        repositories: { matches: true, pattern: 'library/**' },
        tags: { matches: false },
        words: 'rule library does not take tag latest: none of its tags fits ("v*", "!*-rc*")',
      },
    ],
    [
      'library/tmp-app',
      'v1',
      {
        taken: false,
        repositories: { matches: false, pattern: '!library/tmp-*' },
        words: 'rule library leaves out repository library/tmp-app by "!library/tmp-*"',
      },
    ],
  ];
  for (const [repository, tag, expected] of rows) {
    const facts = { rule: 'library', source: 'harbor', destination: 'acr' };
    assert.deepEqual(rulingsOf([{}], repository, tag), [{ ...facts, ...expected }]);
  }
});

test('a list that only excludes takes the rest, and says so', () => {
  const [ruling] = rulingsOf([{ repositories: ['!tmp/**'], tags: ['!*-rc*'] }], 'library/app', 'v1');
  assert.deepEqual(ruling?.repositories, { matches: true });
  assert.equal(
    ruling?.words,
    'rule library takes repository library/app because no pattern excludes it and tag v1 because no pattern excludes it',
  );
});

test('told are the rules that decide, and those for neighbours of the repository; no others', () => {
  const names = rulingsOf(
    [
      { name: 'takes' },
      { name: 'elsewhere', repositories: ['team/**'] },
      { name: 'neighbour', repositories: ['library/api'] },
      { name: 'excluded', repositories: ['library/{app,api}', '!library/app'] },
      { name: 'anywhere', repositories: ['**/api'] },
    ],
    'library/app',
    'v1',
  ).map(({ rule, taken }) => [rule, taken]);
  assert.deepEqual(names, [
    ['takes', true],
    ['neighbour', false],
    ['excluded', false],
    ['anywhere', false],
  ]);
});

test('of a long list the first five patterns are shown', () => {
  const tags = Array.from({ length: 7 }, (_, number) => `v${number}`);
  const [ruling] = rulingsOf([{ tags }], 'library/app', 'latest');
  assert.match(ruling?.words ?? '', /none of its tags fits \("v0", "v1", "v2", "v3", "v4", and 2 more\)$/);
});

test('a signature is taken by a tag of its image, which is named', () => {
  const signature = `sha256-${'1'.repeat(64)}.sig`;
  const [taken] = rulingsOf([{}], 'library/app', signature, ['latest', 'v1']);
  assert.deepEqual(taken?.tags, { matches: true, pattern: 'v*' });
  assert.match(taken?.words ?? '', new RegExp(`and tag ${signature}, as v1 of its image, by "v\\*"$`));
  const [left] = rulingsOf([{}], 'library/app', signature, ['latest', 'v1-rc1']);
  assert.deepEqual(left?.tags, { matches: false, pattern: '!*-rc*' });
  assert.match(left?.words ?? '', /leaves out tag .*, as v1-rc1 of its image, by "!\*-rc\*"$/);
});
