import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';
import { mistakes } from '../config/document.ts';
import { bytes, texts } from './corpus.ts';
import { anyText, assertLine, damaged, replaced, runs } from './hostile.ts';

/** The configuration parser: a configuration that can be used, or a `ConfigError` of lines that can be printed. */

const folder = mkdtempSync(join(tmpdir(), 'tagferry-hostile-'));
after(() => rmSync(folder, { recursive: true }));

const valid = {
  registries: {
    harbor: { type: 'harbor', url: 'https://harbor.test', username: 'u', password: 'geheim' },
    acr: { type: 'acr-ee', url: 'https://acr.test', concurrency: 3, idleTimeout: '9s', bandwidth: '1MiB' },
  },
  rules: [
    { name: 'all', source: 'harbor', repositories: ['a/**', '!a/b'], tags: ['v*'], destination: 'acr' },
  ],
  webhook: { secrets: ['Bearer geheim'] },
  sweep: { schedule: '17 * * * *' },
};
const minimal = JSON.stringify(valid);

/** Members as lines, so that more can follow. */
function minimalOf(document: object): string {
  return Object.entries(document)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join('\n');
}

function load(document: string | Uint8Array): Config | ConfigError {
  const file = join(folder, 'tagferry.yaml');
  writeFileSync(file, document);
  try {
    return loadConfig(file, { HOME: 'geheim' });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function check(document: string | Uint8Array): void {
  const result = load(document);
  assert.equal(Object.keys({}.constructor.prototype).length, 0, 'the prototype of everything is as it was');
  if (!(result instanceof ConfigError)) {
    for (const { url, name } of result.registries) assertLine(name + url, 1_000);
    for (const { repositories, source } of result.rules) {
      assert.ok(repositories.length > 0);
      assert.ok(result.registries.some(({ name }) => name === source));
    }
    return;
  }
  const lines = result.message.split('\n');
  assert.equal(lines.length, result.mistakes.length + 1, 'one line a mistake, and the last one');
  for (const line of lines) assertLine(line, 2_000);
}

const bombs: Record<string, string> = {
  'a billion laughs': Array.from(
    { length: 12 },
    (_, level) =>
      `a${level}: &a${level} [${Array(10)
        .fill(level ? `*a${level - 1}` : 'x')
        .join()}]`,
  ).join('\n'),
  'a chain of aliases': Array.from(
    { length: 5_000 },
    (_, level) => `a${level}: &a${level} [${level ? `*a${level - 1}` : 1}]`,
  ).join('\n'),
  'a chain of merges': Array.from(
    { length: 40 },
    (_, level) =>
      `a${level}: &a${level} {<<: ${level ? `*a${level - 1}` : '{}'}, x: ${level ? `*a${level - 1}` : '1'}, y: ${level ? `*a${level - 1}` : '1'}}`,
  ).join('\n'),
  'an alias within itself': 'a: &a {b: *a}',
  'a long list, hundreds of times': `a: &a [${Array(10_000).fill('x').join()}]\nb: [${Array(300).fill('*a').join()}]`,
  'more than twenty thousand aliases': `a: &a x\nb: [${Array(20_001).fill('*a ').join()}]`,
  'a thousand aliases in an anchor': `a: &a x\nb: &b [${Array(1_000).fill('*a ').join()}]\nc: *b`,
  'a merge of a number': '<<: 5',
  'a merge of a list of numbers': 'a: &a 5\n<<: [*a, 6]',
  'a merge of nothing': '<<:\n',
  'deep lists': '['.repeat(10_000),
  'lists just too deep': `x: ${'['.repeat(250)}${']'.repeat(250)}`,
  'deep mappings': '{a: '.repeat(5_000),
  'deep blocks': Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  'deep dashes': '- '.repeat(5_000),
  'deep questions': '? '.repeat(5_000),
  'deep tags': '!!seq '.repeat(5_000),
  'five thousand keys': Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`).join('\n'),
  'one key five thousand times': 'k: 1\n'.repeat(5_000),
  'a key of a hundred thousand letters': `${'k'.repeat(100_000)}: 1`,
  'a quoted key of a hundred thousand letters': `? "${'k'.repeat(100_000)}"\n: 1`,
  'an anchor of a hundred thousand letters': `a: &${'k'.repeat(100_000)} 1`,
  'a comment of a hundred thousand letters': `# ${'k'.repeat(100_000)}\n${minimal}`,
  'a mapping as a key': '? {a: geheim}\n: b\n? [\u001b[31m]\n: d',
  'keys of every kind': '1: a\n~: b\ntrue: c\n1.5: d\n.nan: e\n"": f\n',
  'control characters': '"\\e[2J\\x9b\\u202e\\u2028key": 1\nx\u009b\u202e: "\\0"\nregistries: "\\e]0;x\\a"',
  'names of the prototype':
    '__proto__: {a: 1}\nconstructor: {prototype: {a: 1}}\nregistries: {__proto__: {url: x}, constructor: 1}\nrules: [{__proto__: 1}]',
  'YAML 1.1': `%YAML 1.1\n---\n${minimal}`,
  'another directive': `%TAG ! tag:evil.example,2000:\n---\n!x ${minimal}`,
  'two documents': `${minimal}\n---\n${minimal}`,
  'tags of types':
    'x: !!binary AA==\ny: !!set {a}\nz: !!omap [a: 1]\nw: !!timestamp 2001-01-01\nv: !!js/function "x"\nu: !!float x',
  'quotes without end': 'x: "'.repeat(1_000),
  'tabs and at signs': '\t- @\n'.repeat(1_000),
};

for (const [name, document] of Object.entries(bombs))
  test(`configuration: ${name}`, () => {
    check(document);
    check(`${minimal.slice(0, -1)},"x":\n${document}`);
  });

const sizes = /expected (a document of sensible size, got aliases of aliases|at most 100 levels, got more)/;

for (const name of [
  'a billion laughs',
  'a chain of aliases',
  'a chain of merges',
  'a long list, hundreds of times',
  'more than twenty thousand aliases',
  'a thousand aliases in an anchor',
  'lists just too deep',
  'deep blocks',
])
  test(`configuration: ${name} is refused for its size, before its values are looked at`, () => {
    const result = load(bombs[name] ?? '');
    assert.ok(result instanceof ConfigError);
    assert.match(result.message, sizes);
    assert.equal(result.mistakes.length, 1);
  });

test('configuration: hundreds of rules may share one list', () => {
  const rules = Array.from(
    { length: 300 },
    (_, index) =>
      `- {name: r${index}, source: harbor, destination: acr, repositories: [team/r${index}], tags: *t}`,
  );
  const { rules: _, ...rest } = valid;
  const text = `${minimalOf(rest)}\nrules:\n- {name: first, source: harbor, destination: acr, repositories: [team/first], tags: &t [v1, v2]}\n${rules.join('\n')}`;
  const result = load(text);
  if (result instanceof ConfigError) throw result;
  assert.equal(result.rules.length, 301);
});

test('configuration: the YAML parser writes no warning of its own, which would quote the file', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => void warnings.push(warning);
  process.on('warning', listen);
  load('? {password: geheim}\n: b');
  await new Promise(setImmediate);
  process.off('warning', listen);
  assert.deepEqual(warnings, []);
});

test('configuration: every nasty text in every member, and as the whole file', () => {
  for (const [number, text] of Object.values(texts).entries()) {
    check(text);
    const odd = replaced(valid, text).map((document) => JSON.stringify(document));
    // Each in a third of the places, for time's sake, the next one in the next third; long ones in three.
    const some = odd.filter((_, place) => place % 3 === number % 3);
    for (const document of text.length > 1_000 ? some.slice(0, 3) : some) check(document);
  }
});

test('configuration: nasty bytes', () => {
  for (const document of Object.values(bytes)) check(document);
});

test('configuration: what is not UTF-8 is said, not read as another text', () => {
  const result = load(Buffer.from(minimal.replaceAll('geheim', 'gehÄim'), 'latin1'));
  assert.ok(result instanceof ConfigError);
  assert.match(result.message, /expected a configuration file, got one that is not UTF-8/);
});

test('configuration: a registry named like the prototype is refused, not passed over', () => {
  const text = minimal.replace('"registries":{', '"registries":{"__proto__":{"url":"https://x.test"},');
  assert.deepEqual(mistakes(text), ['1 registries.__proto__: expected another name, got this one']);
});

test('configuration: a merge of what is no mapping has its line', () => {
  const merge = 'registries: 1\n<<: 5';
  assert.ok(
    mistakes(merge).includes('2 : expected a mapping behind <<, or a list of them, got something else'),
  );
});

test('configuration: a valid file, damaged, or with any value or text somewhere', () => {
  const value = fc.oneof(anyText('a', '{tag}', '${HOME}', '**'), fc.jsonValue(), fc.double());
  const odd = fc.tuple(value, fc.nat()).map(
    ([value, which]) =>
      replaced(valid, value)
        .map((each) => JSON.stringify(each))
        .at(which % 20) ?? '',
  );
  const document = fc.oneof(damaged(Buffer.from(minimal)), odd);
  fc.assert(fc.property(document, check), runs(200));
});

test('configuration: any YAML', () => {
  const piece = fc.constantFrom(
    'a',
    'b',
    ': ',
    '- ',
    '\n',
    '\n  ',
    '{',
    '}',
    '[',
    ']',
    ', ',
    '&a ',
    '*a',
    '<<: ',
    '!!str ',
    '! ',
    '? ',
    '| ',
    '> ',
    '"',
    "'",
    '#',
    '---\n',
    '...\n',
    '%YAML 1.2\n',
    '\t',
    '~',
    '1',
    '\\',
    '@',
    'registries',
    'rules',
    '\u0000',
    '\u2028',
    '\r',
    '\ufeff',
  );
  const yaml = fc.array(
    fc.oneof(
      piece,
      anyText().map((text) => text.slice(0, 50)),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(yaml, (parts) => check(parts.join(''))),
    runs(400),
  );
});
