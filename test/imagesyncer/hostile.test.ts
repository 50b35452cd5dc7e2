import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJson } from '../../src/imagesyncer/json.ts';
import { checkPairing, pairsOf, PairingError } from '../../src/imagesyncer/pairs.ts';
import { parseReference } from '../../src/imagesyncer/reference.ts';
import { copies, load, loadConfig, type Outcome } from './files.ts';

/** `load` lets nothing through but `SyncConfigError`. */
function read(name: string, text: string): Outcome {
  return load({
    files: { [name]: text },
    flags: { config: name },
    defaults: { registry: 't.io' },
    env: { A: 'a' },
  });
}

const word = fc.constantFrom(
  'r.io',
  'p',
  'x',
  'v1',
  '/',
  ':',
  ':/',
  '@',
  ',',
  '',
  ' ',
  '$A',
  '${',
  '}',
  'sha256:',
  '(',
  '[',
  '*',
  '\n',
  '\u0000',
  '\ud800',
  'P',
  '__proto__',
  'constructor',
);
const url = fc.array(word, { maxLength: 8 }).map((words) => words.join(''));
const anything = fc.oneof(url, fc.string({ unit: 'binary', maxLength: 20 }), fc.jsonValue({ maxDepth: 3 }));
const credential = fc.record(
  { username: anything, password: anything, insecure: anything },
  { requiredKeys: [] },
);
const document = fc.record(
  {
    auth: fc.oneof(fc.dictionary(url, fc.oneof(credential, anything)), anything),
    images: fc.oneof(fc.dictionary(url, fc.oneof(url, fc.array(url, { maxLength: 3 }), anything)), anything),
  },
  { requiredKeys: [] },
);

test('whatever the values are, there are rules or mistakes', () => {
  fc.assert(
    fc.property(document, (value) => {
      for (const name of ['c.json', 'c.yaml']) {
        const { config, mistakes } = read(name, JSON.stringify(value));
        assert.ok(config !== undefined || mistakes.length > 0);
        for (const rule of config?.rules ?? []) checkPairing(rule);
        for (const line of mistakes) assert.doesNotMatch(line, /[\n\0]/);
      }
    }),
    { numRuns: 300 },
  );
});

test('whatever the text is, there are rules or mistakes', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    ',',
    '"',
    "'",
    '\n',
    '\n  ',
    '- ',
    '&a ',
    '*a',
    '<<: ',
    '!!omap ',
    '!!set ',
    '? ',
    '|',
    '---\n',
    '%YAML 1.2\n',
    '# ',
    'auth',
    'images',
    'r.io/p/x',
    'null',
    '1',
    '\\',
    '\t',
    '~',
  );
  const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (value) => {
      for (const name of ['c.json', 'c.yaml']) read(name, value);
    }),
    { numRuns: 500 },
  );
});

test('JSON is what JSON.parse takes', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"a"',
    '"',
    '1',
    '-',
    '0',
    '.5',
    'e1',
    'null',
    'true',
    ' ',
    '\\u00',
    '\\n',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('');
      const { value, warnings } = readJson(text);
      const isRead = value !== undefined && !warnings.some(({ message }) => message.includes('is ignored'));
      const isValid = (() => {
        try {
          JSON.parse(text);
          return true;
        } catch {
          return false;
        }
      })();
      assert.equal(isRead, isValid, text);
    }),
    { numRuns: 500 },
  );
});

test('a reference that is understood is understood again as its parts', () => {
  fc.assert(
    fc.property(url, (text) => {
      try {
        const { place } = parseReference(text);
        assert.deepEqual(parseReference(`${place.registry}/${place.repository}`).place, place);
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('whatever tags a source has, each copy is there once, or the numbers do not match', () => {
  const tag = fc.constantFrom('v1', 'v2', 'w', 'latest');
  const source = fc.constantFrom('', ':v1', ':v1,v2', ':v1,v1', ':/^v/');
  const destination = fc.constantFrom('', ':a', ':a,b', ':a,a');
  fc.assert(
    fc.property(fc.array(tag), source, destination, (tags, from, to) => {
      for (const rule of loadConfig({ [`r.io/p/x${from}`]: `t.io/n/x${to}` }).config?.rules ?? []) {
        try {
          const pairs = pairsOf(rule, tags).map((pair) => JSON.stringify(pair));
          assert.equal(new Set(pairs).size, pairs.length);
        } catch (error) {
          assert.ok(error instanceof PairingError);
        }
      }
    }),
    { numRuns: 200 },
  );
});

/** Files that would take minutes or gigabytes if anything about them were quadratic or worse. */
const hostile: Record<string, () => string> = {
  'deep.json': () => '['.repeat(1_000_000),
  'deep.yaml': () => '['.repeat(20_000),
  'indented.yaml': () => Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  'bomb.yaml': () => bomb(40),
  'self.yaml': () => 'images: &a\n  r.io/p/x: [*a]\n',
  'merged.yaml': () =>
    `x: &x {${Array.from({ length: 2_000 }, (_, index) => `k${index}: 1`).join(', ')}}\ny:\n${'  - <<: *x\n'.repeat(2_000)}`,
  'shared.yaml': () =>
    `x: &x [${Array.from({ length: 2_000 }, (_, index) => `t.io/n/x${index}`).join(', ')}]\nimages:\n${Array.from(
      { length: 2_000 },
      (_, index) => `  r.io/p/x${index}: *x\n`,
    ).join('')}`,
};

function bomb(levels: number): string {
  const lines = Array.from(
    { length: levels },
    (_, level) => `x${level + 1}: &x${level + 1} [*x${level}, *x${level}]`,
  );
  return ['x0: &x0 [a, a]', ...lines, `images: { r.io/p/x: *x${levels} }`].join('\n');
}

for (const [name, text] of Object.entries(hostile))
  test(`${name} made to fill the memory or the time is a mistake`, () => {
    const { config, mistakes } = read(name, text());
    assert.equal(config, undefined);
    assert.match(
      mistakes[0] ?? '',
      /expected (?:at most 100 levels|a document of sensible (?:depth|size)|a text in quotes)/,
    );
  });

test('many tags, rules and destinations are no hostility', () => {
  const tags = Array.from({ length: 20_000 }, (_, index) => `v${index}`);
  const images = Object.fromEntries(
    tags.slice(0, 5_000).map((tag) => [`r.io/p/${tag}`, ['t.io/n/x', 't.io/n/y']]),
  );
  assert.equal(loadConfig(images).config?.rules.length, 10_000);
  assert.equal(copies(loadConfig({ [`r.io/p/x:${tags.join(',')}`]: 't.io/n/x' })).length, 20_000);
  assert.equal(copies(loadConfig({ 'r.io/p/x:/(v[0-9]*)*$/': 't.io/n/x' }), tags).length, 20_000);
});
