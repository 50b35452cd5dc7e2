import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePatterns, PatternError } from '../../src/rule/pattern.ts';

/** Patterns, then texts that match and texts that do not. */
const cases: [string[], string[], string[]][] = [
  [['library/web'], ['library/web'], ['library/web2', 'library/we', 'x/library/web', 'library/web/x']],
  [['library/*'], ['library/web', 'library/.web'], ['library/a/b', 'library', 'Library/web']],
  [['library/**'], ['library/web', 'library/a/b/c'], ['library', 'library2/web', 'x/library/web']],
  [['**'], ['a', 'a/b', 'a/b/c', 'v1.2'], []],
  [['**/web'], ['web', 'a/web', 'a/b/web'], ['a/web/b', 'aweb']],
  [['a/**/z'], ['a/z', 'a/b/z', 'a/b/c/z'], ['a/b', 'az']],
  [['v*'], ['v', 'v1', 'v1.2-rc.1'], ['1v', 'v/1']],
  [['a**b'], ['ab', 'axb'], ['a/b']],
  [['v?'], ['v1'], ['v', 'v12']],
  [['v[0-9]'], ['v1'], ['va', 'v', 'v12']],
  [
    ['v[^0-9]', 'w[!0-9]'],
    ['va', 'wa'],
    ['v1', 'w1'],
  ],
  [['{dev,prod}/api'], ['dev/api', 'prod/api'], ['test/api', '{dev,prod}/api']],
  [['a{,-b}'], ['a', 'a-b'], ['a-']],
  [['{a,b{c,d}}x'], ['ax', 'bcx', 'bdx'], ['bx', 'cx']],
  [['{team/a,b}/**'], ['team/a/x', 'b/x'], ['team/b/x', 'a/x']],
  [['v{1..3}'], ['v1..3'], ['v1', 'v2']],
  [['v{1}'], ['v1'], ['v{1}']],
  [
    [String.raw`a\*b`, String.raw`\{x\}`],
    ['a*b', '{x}'],
    ['axb', 'x'],
  ],
  [
    ['+(a|b)', '#x', 'a@(b)'],
    ['+(a|b)', '#x', 'a@(b)'],
    ['a', 'b', 'ab'],
  ],
  [['/^team-[0-9]+\\/api$/'], ['team-12/api'], ['team-x/api', 'xteam-1/api', 'team-1/api2']],
  [
    ['+(a|b)*', '#x*'],
    ['+(a|b)c', '#xy'],
    ['ac', 'abab'],
  ],
  [
    ['a,b', '[xy]-{c,d},*'],
    ['a,b', 'x-c,e'],
    ['a', 'b', 'x-c'],
  ],
  [['*a[bc]long*'], ['xablongy', 'aclong'], ['xalong', 'bclong']],
  [['**/[!x]y?z'], ['a/byaz', 'byaz'], ['xyaz', 'a/by/z']],
  [['/rc/'], ['v1-rc2', 'rc'], ['v1']],
  [['/(?i)RELEASE/'], ['v1-Release'], ['v1']],
  [['v*', '!*-rc*'], ['v1'], ['v1-rc1', 'x']],
  [['!*-rc*', 'v*'], ['v1'], ['v1-rc1', 'x']],
  [
    ['!*-rc*', '!/beta/'],
    ['v1', 'anything'],
    ['v1-rc1', 'v1-beta'],
  ],
  [['a', '!a'], [], ['a']],
  [
    ['a*', '!a1', '!{a2,a3}'],
    ['a', 'a4'],
    ['a1', 'a2', 'a3'],
  ],
  [[], [], ['a', '']],
];

for (const [patterns, matching, others] of cases)
  test(`patterns: ${JSON.stringify(patterns)}`, () => {
    const compiled = compilePatterns(patterns);
    for (const text of matching) assert.equal(compiled.matches(text), true, `${text} should match`);
    for (const text of others) assert.equal(compiled.matches(text), false, `${text} should not match`);
  });

test('patterns: the deciding pattern is the one that keeps out, or else the one that lets in', () => {
  const patterns = compilePatterns(['lib/{a,b}', 'lib/*', '!lib/tmp-*', '!lib/b']);
  assert.equal(patterns.deciding('lib/a'), 'lib/{a,b}');
  assert.equal(patterns.deciding('lib/c'), 'lib/*');
  assert.equal(patterns.deciding('lib/b'), '!lib/b');
  assert.equal(patterns.deciding('lib/tmp-1'), '!lib/tmp-*');
  assert.equal(patterns.deciding('other'), undefined);
});

test('patterns: with exclusions only, nothing decides for what is let in', () => {
  const patterns = compilePatterns(['!tmp']);
  assert.equal(patterns.deciding('a'), undefined);
  assert.equal(patterns.matches('a'), true);
});

test('patterns: texts that are spelled out', () => {
  const plain = compilePatterns(['a/b', 'c/{d,e}', '!c/e', 'a/b']);
  assert.deepEqual(plain.literals, ['a/b', 'c/d']);
  assert.equal(plain.onlyLiterals, true);
  for (const more of ['x/*', '/x/']) {
    const mixed = compilePatterns(['a/b', more]);
    assert.deepEqual(mixed.literals, ['a/b']);
    assert.equal(mixed.onlyLiterals, false);
  }
  assert.equal(compilePatterns(['!a']).onlyLiterals, false);
  assert.deepEqual(compilePatterns([String.raw`a\*b`, 'c,d']).literals, ['a*b', 'c,d']);
});

test('patterns: first parts, when all are spelled out', () => {
  assert.deepEqual(compilePatterns(['a/**', '{b,c}/x*', 'd/e', 'f', '!g/**']).firstParts, [
    'd',
    'f',
    'a',
    'b',
    'c',
  ]);
  for (const open of ['**', '*/a', 'a*/b', '[a]/b', '/^a/'])
    assert.equal(compilePatterns(['a/**', open]).firstParts, undefined, open);
  assert.equal(compilePatterns(['!a/**']).firstParts, undefined);
});

test('patterns: first parts never leave out what matches', () => {
  for (const [patterns, matching] of cases) {
    const { firstParts } = compilePatterns(patterns);
    for (const text of matching)
      if (firstParts)
        assert.ok(firstParts.includes(text.split('/', 1).join('')), `${patterns.join()}: ${text}`);
  }
});

test('patterns: which first parts may be reached, and which cannot', () => {
  const reaching: [patterns: string[], may: string[], cannot: string[]][] = [
    [['team/**'], ['team'], ['tea', 'teams']],
    [
      ['team-*/**', 'x/y'],
      ['team-', 'team-a', 'x'],
      ['team', 'y'],
    ],
    [
      ['**/app', '!tmp/**', '!old-*/**'],
      ['team', 'tm'],
      ['tmp', 'old-a'],
    ],
    [['*/app', '!tmp/*', '!all/app'], ['tmp', 'all'], []],
    [['!tmp/**'], ['team'], ['tmp']],
    [['**', '!**'], [], ['team']],
    [['/^team-[0-9]+\\/api$/'], ['team-1'], ['team-', 'team', 'steam-1']],
    [['/^a{2}b?\\d*\\/x/'], ['aa', 'aab7'], ['a', 'aaa']],
    // Of these it cannot be told.
    [['/team/'], ['steam', 'other'], []],
    [['/^team.*\\/x|^y/'], ['other'], []],
    [['/^te[^a]m\\/x/', '/^a\\/?b/', '/^(a|b)\\/x/', '/^te.m\\/x/'], ['te', 'ab', 'c'], []],
    [['/^x[--9]y\\/z/'], ['x'], []],
  ];
  for (const [patterns, may, cannot] of reaching) {
    const { mayReach } = compilePatterns(patterns);
    for (const part of may) assert.ok(mayReach(part), `${patterns.join()} may reach ${part}`);
    for (const part of cannot) assert.ok(!mayReach(part), `${patterns.join()} cannot reach ${part}`);
  }
});

test('patterns: no first part of what matches is out of reach', () => {
  for (const [patterns, matching] of cases) {
    const { mayReach } = compilePatterns(patterns);
    for (const text of matching)
      assert.ok(mayReach(text.split('/', 1).join('')), `${patterns.join()}: ${text}`);
  }
});

const wrong: [string, RegExp][] = [
  ['', /got nothing/],
  ['!', /got nothing/],
  ['!!a', /at most one "!"/],
  ['/', /between two "\/"/],
  ['//', /between two "\/"/],
  ['/abc', /between two "\/"/],
  ['/a(/', /missing closing/],
  ['/(?=a)/', /invalid or unsupported Perl syntax/],
  ['!/[/', /missing closing \]/],
  ['a[b', /"\[" without "\]"/],
  ['a[]', /"\[" without "\]", or an empty class/],
  ['a{b', /"{" without "}"/],
  ['a}b', /"}" without "{"/],
  ['a\\', /escapes nothing/],
  ['a//b', /empty/],
  ['a/', /empty/],
  ['a/../b', /never parts of a name/],
  ['{a,b}'.repeat(11), /more than 1000 alternatives/],
  ['x'.repeat(5000), /at most 4096 characters, got 5000/],
  ['{'.repeat(4096), /"{" without "}"/],
];

for (const [pattern, message] of wrong)
  test(`patterns that cannot be compiled: ${JSON.stringify(pattern.slice(0, 40))}`, () => {
    assert.throws(
      () => compilePatterns(['a', pattern]),
      (error) => {
        assert.ok(error instanceof PatternError);
        assert.equal(error.pattern, pattern);
        assert.ok(
          error.message.startsWith(`pattern ${JSON.stringify(pattern.slice(0, 80))}: `),
          error.message,
        );
        assert.match(error.message, message);
        return true;
      },
    );
  });
