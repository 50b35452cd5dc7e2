import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';

function rule(change: Partial<Rule> = {}): Rule {
  return {
    name: 'library',
    source: 'harbor',
    repositories: ['library/**'],
    tags: ['**'],
    destination: 'acr',
    destinationType: 'acr-ee',
    repository: '{project}/{flat}',
    tag: '{tag}',
    ...change,
  };
}

/** What a ruleset wants, as `rule: repository:tag`. */
function wants(rules: readonly Rule[], repository: string, tag: string, of?: readonly string[]): string[] {
  return new Ruleset(rules)
    .match(repository, tag, of)
    .map((wanted) => `${wanted.rule}: ${wanted.destinationRepository}:${wanted.destinationTag}`);
}

test('matching: a wanted copy names both ends', () => {
  assert.deepEqual(new Ruleset([rule()]).match('library/a/web', 'v1'), [
    {
      rule: 'library',
      source: 'harbor',
      sourceRepository: 'library/a/web',
      sourceTag: 'v1',
      destination: 'acr',
      destinationRepository: 'library/a-web',
      destinationTag: 'v1',
    },
  ]);
});

test('matching: repository and tag must both match', () => {
  const rules = [rule({ tags: ['v*', '!*-rc*'], tag: 'mirror-{tag}' })];
  assert.deepEqual(wants(rules, 'library/web', 'v1'), ['library: library/web:mirror-v1']);
  assert.deepEqual(wants(rules, 'library/web', 'v1-rc1'), []);
  assert.deepEqual(wants(rules, 'other/web', 'v1'), []);
});

test('matching: every rule applies, in order; equal destinations once', () => {
  const rules = [
    rule({ name: 'wide', repositories: ['**'] }),
    rule({ name: 'same', repositories: ['library/web'] }),
    rule({ name: 'flat', repository: 'mirror/{flat}' }),
    rule({ name: 'elsewhere', destination: 'acr2' }),
  ];
  assert.deepEqual(wants(rules, 'library/web', 'v1'), [
    'wide: library/web:v1',
    'flat: mirror/web:v1',
    'elsewhere: library/web:v1',
  ]);
});

test('matching: the same name from another source registry is another copy', () => {
  const rules = [rule(), rule({ name: 'second', source: 'harbor2' })];
  assert.deepEqual(
    new Ruleset(rules).match('library/web', 'v1').map(({ source }) => source),
    ['harbor', 'harbor2'],
  );
});

test('matching: a name that the destination cannot have is refused, with what to change', () => {
  const [long] = new Ruleset([rule({ repository: '{repository}' })]).match('library/a/web', 'v1');
  assert.ok(long && 'reason' in long);
  assert.equal(long.reason, 'name-invalid');
  assert.equal(long.destinationRepository, 'library/a/web');
  assert.equal(
    long.message,
    'acr cannot have the repository "library/a/web": expected NAMESPACE/REPOSITORY, got 3 parts; change `repository` of rule library',
  );
  const [tag] = new Ruleset([rule({ tag: '{repository}' })]).match('library/web', 'v1');
  assert.ok(tag && 'reason' in tag);
  assert.match(tag.message, /^acr cannot have the tag "library\/web": .*; change `tag` of rule library$/);
});

test('matching: the same question again has the same answer', () => {
  const ruleset = new Ruleset([rule()]);
  assert.deepEqual(ruleset.match('library/web', 'v1'), ruleset.match('library/web', 'v1'));
  assert.deepEqual(ruleset.match('library/web', 'v2').length, 1);
});

const signature = `sha256-${'0f'.repeat(32)}.sig`;
const signed = [rule({ tags: ['v*'], tag: 'mirror-{tag}' })];

test('cosign tags: go with their image under their own name', () => {
  assert.deepEqual(wants(signed, 'library/web', signature, ['latest', 'v1']), [
    `library: library/web:${signature}`,
  ]);
});

test('cosign tags: stay when their image stays, or is of a repository that stays', () => {
  assert.deepEqual(wants(signed, 'library/web', signature), []);
  assert.deepEqual(wants(signed, 'library/web', signature, ['latest']), []);
  assert.deepEqual(wants(signed, 'other/web', signature, ['v1']), []);
});

test('cosign tags: go by their own name too', () => {
  assert.deepEqual(wants([rule()], 'library/web', signature), [`library: library/web:${signature}`]);
});

test('cosign tags: an ordinary tag does not go with others', () => {
  assert.deepEqual(wants(signed, 'library/web', 'latest', ['v1']), []);
});

const rules = [
  rule(),
  rule({ name: 'named', repositories: ['team/api', 'team/{a,b}', '!team/b'], repository: 'ns/{flat}' }),
  rule({ name: 'mixed', source: 'harbor2', repositories: ['x/y', 'x/z-*'], destination: 'acr2' }),
];
const ruleset = new Ruleset(rules);

test('questions about rules: who owns a destination repository', () => {
  assert.equal(ruleset.owns('harbor', 'library/web', 'acr', 'library/web'), true);
  assert.equal(ruleset.owns('harbor', 'team/a', 'acr', 'ns/a'), true);
  assert.equal(ruleset.owns('harbor', 'team/b', 'acr', 'ns/b'), false);
  assert.equal(ruleset.owns('harbor2', 'library/web', 'acr', 'library/web'), false);
  assert.equal(ruleset.owns('harbor', 'library/web', 'acr2', 'library/web'), false);
  assert.equal(ruleset.owns('harbor', 'library/web', 'acr', 'library/web2'), false);
});

test('questions about rules: where a sweep has to look', () => {
  const harbor = { source: 'harbor' };
  assert.deepEqual(ruleset.sources(), [
    { rule: 'library', ...harbor, destination: 'acr', repositories: [], needsList: true },
    { rule: 'named', ...harbor, destination: 'acr', repositories: ['team/api', 'team/a'], needsList: false },
    { rule: 'mixed', source: 'harbor2', destination: 'acr2', repositories: ['x/y'], needsList: true },
  ]);
  assert.deepEqual(
    ruleset.sources('mixed').map((source) => source.rule),
    ['mixed'],
  );
  assert.deepEqual(ruleset.sources('nobody'), []);
});

test('questions about rules: whether one rule matches a repository', () => {
  assert.equal(ruleset.matchesRepository('named', 'team/a'), true);
  assert.equal(ruleset.matchesRepository('library', 'team/a'), false);
  assert.equal(ruleset.matchesRepository('nobody', 'team/a'), false);
});

test('questions about rules: how each rule decides', () => {
  const [library, named] = new Ruleset([
    rule({ repositories: ['**', '!library/tmp-*'], tags: ['v*', '!*-rc*'], repository: '{repository}' }),
    rule({ name: 'named', repositories: ['team/api'] }),
  ]).explain('a/b/c', ['v1', 'v1-rc1', 'x']);
  assert.deepEqual(library, {
    rule: 'library',
    source: 'harbor',
    destination: 'acr',
    repository: { matches: true, pattern: '**' },
    destinationRepository: 'a/b/c',
    problem: 'expected NAMESPACE/REPOSITORY, got 3 parts',
    tags: [
      { tag: 'v1', matches: true, pattern: 'v*', destinationTag: 'v1' },
      { tag: 'v1-rc1', matches: false, pattern: '!*-rc*' },
      { tag: 'x', matches: false },
    ],
  });
  assert.deepEqual(named?.repository, { matches: false });
  assert.equal(named?.destinationRepository, undefined);
  assert.deepEqual(named?.tags[0], { tag: 'v1', matches: true, pattern: '**' });
});

test('collisions: two repositories spelled out that would meet are named both, once', () => {
  const rules = [
    rule({ name: 'one', repositories: ['a/b-c', 'a/b/c'] }),
    rule({ name: 'again', repositories: ['a/**'] }),
  ];
  assert.deepEqual(new Ruleset(rules).collisions(), [
    'harbor/a/b-c (rule one) and harbor/a/b/c (rule one) would both become acr/a/b-c; give one of them another `repository`',
  ]);
});

test('collisions: a repository of one source and its namesake of another', () => {
  const rules = [
    rule({ name: 'one', repositories: ['a/b'] }),
    rule({ name: 'two', source: 'harbor2', repositories: ['a/**'] }),
  ];
  assert.match(
    new Ruleset(rules).collisions().join(),
    /^harbor\/a\/b \(rule one\) and harbor2\/a\/b \(rule two\)/,
  );
});

test('collisions: nothing meets at different destinations, or by the same source', () => {
  const rules = [
    rule({ name: 'one', repositories: ['a/b', 'a/c'] }),
    rule({ name: 'again', repositories: ['a/b'], tags: ['v*'] }),
    rule({ name: 'elsewhere', source: 'harbor2', repositories: ['a/b'], destination: 'acr2' }),
  ];
  assert.deepEqual(new Ruleset(rules).collisions(), []);
});

const many = Array.from({ length: 10_000 }, (_, number) =>
  rule({ name: `r${number}`, repositories: [number % 2 ? `p${number}/**` : `library/r${number}`] }),
);

test('many rules: a repository is matched by those that want it', () => {
  const ruleset = new Ruleset([...many, rule({ name: 'late' })]);
  assert.deepEqual(
    ruleset.match('library/x', 'v1').map(({ rule: name }) => name),
    ['late'],
  );
});

/** Nanoseconds for matching the tags of some repositories against the rules, which want each once. */
function measure(ruleset: Ruleset, repositories: readonly string[], tags: readonly string[]): number {
  const start = process.hrtime.bigint();
  for (const repository of repositories)
    for (const tag of tags) assert.equal(ruleset.match(repository, tag).length, 1);
  return Number(process.hrtime.bigint() - start);
}

test('many rules: an event does not notice them', () => {
  const shared = rule({ name: 'shared', repositories: ['shared/**'] });
  const repositories = Array.from({ length: 2_000 }, (_, number) => `shared/web-${number}`);
  const [few, all, warm] = [many.slice(0, 10), many, many.slice(0, 10)].map(
    (rules) => new Ruleset([...rules, shared]),
  );
  assert.ok(few && all && warm);
  measure(warm, repositories, ['v1']);
  const ratio = measure(all, repositories, ['v1']) / measure(few, repositories, ['v1']);
  assert.ok(ratio < 30, `10,000 rules took ${ratio} times as long as 10; trying them all takes about 1,000`);
});

test('many rules: a repository seen before is not tried again, even if all rules may match anything', () => {
  const open = many.map(({ name }) => rule({ name, repositories: [`/^x-${name}$/`] }));
  const tags = Array.from({ length: 5_000 }, (_, number) => `v${number}`);
  const [few, all] = [open.slice(0, 10), open.slice(0, 2_000)].map(
    (rules) => new Ruleset([...rules, rule()]),
  );
  assert.ok(few && all);
  for (const ruleset of [few, all]) measure(ruleset, ['library/web'], ['v1']);
  const ratio = measure(all, ['library/web'], tags) / measure(few, ['library/web'], tags);
  assert.ok(ratio < 30, `2,000 rules took ${ratio} times as long as 10; trying them all takes about 200`);
});

test('immutable: a rule that wants the very copy, by its source tag, and never a signature', () => {
  const rules = new Ruleset([
    rule({ tags: ['v*', 'edge'], immutable: ['v*', 'x*', '!*-rc'] }),
    rule({ name: 'backup', destination: 'backup', immutable: ['edge'] }),
  ]);
  const immutable = (tag: string) =>
    rules.match('library/web', tag, ['v1']).map((copy) => `${copy.destination} ${rules.isImmutable(copy)}`);
  assert.deepEqual(immutable('v1'), ['acr true', 'backup false']);
  assert.deepEqual(immutable('v1-rc'), ['acr false', 'backup false']);
  assert.deepEqual(immutable('edge'), ['acr false', 'backup true']);
  assert.deepEqual(immutable('x1'), ['backup false'], 'the rule with x* does not take it');
  assert.deepEqual(immutable(`sha256-${'a'.repeat(64)}.sig`), ['acr false', 'backup false']);
  const everything = new Ruleset([rule({ tags: ['sha256-*'], immutable: ['**'] })]);
  const [signature] = everything.match('library/web', `sha256-${'a'.repeat(64)}.sig`);
  assert.equal(signature && everything.isImmutable(signature), false);
});

test('immutable: no patterns are none, and only "!" are all others', () => {
  const set = (immutable?: string[]) => new Ruleset([rule(immutable && { immutable })]);
  const [copy] = set().match('library/web', 'v1');
  assert.ok(copy);
  assert.deepEqual(
    [set(), set([]), set(['!latest']), set(['!v1'])].map((one) => one.isImmutable(copy)),
    [false, false, true, false],
  );
  assert.deepEqual(
    [set().hasImmutable, set([]).hasImmutable, set(['v*']).hasImmutable],
    [false, false, true],
  );
});

test('immutable: the test of rules shows it', () => {
  const [explained] = new Ruleset([rule({ immutable: ['v*'] })]).explain('library/web', ['v1', 'latest']);
  assert.deepEqual(
    explained?.tags.map(({ tag, immutable }) => [tag, immutable]),
    [
      ['v1', true],
      ['latest', undefined],
    ],
  );
});
