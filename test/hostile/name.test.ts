import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isDigest } from '../../src/oci/digest.ts';
import { isRepository, isTag, parseRepositoryTag } from '../../src/oci/reference.ts';
import { Ruleset } from '../../src/rule/match.ts';
import { compilePatterns, PatternError } from '../../src/rule/pattern.ts';
import type { Rule } from '../../src/rule/rule.ts';
import { compileRepositoryTemplate, compileTagTemplate, TemplateError } from '../../src/rule/template.ts';
import { texts } from './corpus.ts';
import { anyText, runs, valueOrError } from './hostile.ts';

/** Names, and the patterns and templates that decide about them. */

const component = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,2}$/);
const repositoryName = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const tagName = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);

const anyName = fc.oneof(
  anyText('/', '..', '.', '%2f', '\\', '?', '#', ':', 'a', 'sha256:'),
  repositoryName,
  tagName,
);

/** The grammars, written once more without their code. */
const inRepository = /^[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(\/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*$/;

test('names: what passes is its own path at a registry: no step up, no query, no fragment, no escape', () => {
  const origin = 'https://registry.example.com';
  fc.assert(
    fc.property(anyName, anyName, (repository, reference) => {
      if (!isRepository(repository)) return;
      assert.ok(repository.length <= 255 && inRepository.test(repository), repository);
      const known = isTag(reference) || isDigest(reference);
      const path = `/v2/${repository}/manifests/${known ? reference : 'v1'}`;
      assert.equal(new URL(path, origin).href, `${origin}${path}`);
    }),
    runs(5_000),
  );
});

test('names: a command line’s is a name, or one line says what is wrong with it', () => {
  fc.assert(
    fc.property(anyName, (text) => {
      const parsed = valueOrError(() => parseRepositoryTag(text), SyntaxError, 700);
      if (parsed === undefined) return;
      assert.ok(isRepository(parsed.repository));
      assert.ok(parsed.tag === undefined || isTag(parsed.tag));
    }),
    runs(2_000),
  );
});

const pieces = [
  '*',
  '**',
  '/',
  '?',
  '[',
  ']',
  '[!a-c]',
  '{',
  '}',
  ',',
  '\\',
  '!',
  'a',
  'b',
  '-',
  '(',
  ')',
  '+',
  '|',
  '.',
  '^',
  '$',
  '\\p{L}',
  '{2,9}',
];
const anyPattern = fc.oneof(
  anyText(...pieces),
  anyText(...pieces).map((text) => `/${text}/`),
  anyText(...pieces).map((text) => `!${text}`),
);

test('patterns: a pattern decides every name, or one line says why it is none', () => {
  fc.assert(
    fc.property(fc.array(anyPattern, { minLength: 1, maxLength: 3 }), anyName, (patterns, name) => {
      const compiled = valueOrError(() => compilePatterns(patterns), PatternError, 600);
      if (compiled === undefined) return;
      const deciding = compiled.deciding(name);
      const matches = compiled.matches(name);
      if (deciding !== undefined) {
        assert.ok(patterns.includes(deciding));
        assert.equal(matches, !deciding.startsWith('!'));
      }
      for (const literal of compiled.literals) assert.equal(compiled.matches(literal), true, literal);
      if (matches && compiled.onlyLiterals) assert.ok(compiled.literals.includes(name));
      if (matches) assert.ok(compiled.mayReach(name.split('/', 1).join('')));
      if (matches && compiled.firstParts)
        assert.ok(compiled.firstParts.includes(name.split('/', 1).join('')));
    }),
    runs(3_000),
  );
});

test('patterns: made to be tried in every way, they are decided at once', () => {
  const many = 60;
  const patterns = [
    '*a'.repeat(many) + '*[bc]',
    '*-'.repeat(many) + '*[0-9]',
    '**/'.repeat(many) + '*[0-9]',
    '**/a/'.repeat(many) + '**/[b]',
    '**/*/'.repeat(many) + '[b]',
    '*?'.repeat(many) + '[b]',
    '{a,b}*'.repeat(9) + '*a'.repeat(20) + '[c]',
    '?'.repeat(4_000),
    '['.repeat(4_000),
    `[${'a-'.repeat(2_000)}]`,
    '{,'.repeat(1_300) + '}'.repeat(1_300),
    '/(a*)*(a*)*(a*)*b/',
    '/(a|a|aa)+$b/',
    `/${'a?'.repeat(many)}${'a'.repeat(many)}[bc]/`,
    `/${'('.repeat(2_000)}${')*'.repeat(2_000)}/`,
    '/((a{100}){100}){100}/',
  ];
  const names = [
    'a'.repeat(255),
    '-'.repeat(255),
    'a/'.repeat(127) + 'a',
    'a-'.repeat(127),
    'aac'.repeat(85),
  ];
  for (const pattern of patterns) {
    const compiled = valueOrError(() => compilePatterns([pattern]), PatternError, 600);
    for (const name of names) compiled?.matches(name);
  }
});

const template = fc
  .array(
    fc.oneof(
      fc.constantFrom('{repository}', '{project}', '{path}', '{flat}', '{base}', '/', '-', 'a'),
      fc.constantFrom(...Object.values(texts).filter((text) => text.length < 60)),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(''));

test('templates: a destination’s name is one that a registry can have, or the copy is refused and said', () => {
  fc.assert(
    fc.property(
      template,
      template,
      repositoryName,
      tagName,
      fc.constantFrom('harbor', 'acr-ee', 'oci'),
      (repository, tag, name, sourceTag, destinationType) => {
        if (valueOrError(() => compileRepositoryTemplate(repository), TemplateError, 700) === undefined)
          return;
        if (valueOrError(() => compileTagTemplate(tag), TemplateError, 700) === undefined) return;
        const rule: Rule = {
          name: 'all',
          source: 'harbor',
          repositories: ['**'],
          tags: ['**'],
          destination: 'acr',
          destinationType,
          repository,
          tag,
        };
        for (const wanted of new Ruleset([rule]).match(name, sourceTag)) {
          if ('reason' in wanted) assert.equal(wanted.reason, 'name-invalid');
          else assert.ok(isRepository(wanted.destinationRepository) && isTag(wanted.destinationTag));
        }
      },
    ),
    runs(2_000),
  );
});
