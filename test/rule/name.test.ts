import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repositoryProblem, tagProblem } from '../../src/rule/name.ts';
import {
  compileRepositoryTemplate,
  compileTagTemplate,
  defaultRepository,
  TemplateError,
} from '../../src/rule/template.ts';

test('templates: placeholders', () => {
  const expected: [string, string][] = [
    ['{repository}', 'team/a/svc'],
    ['{project}', 'team'],
    ['{path}', 'a/svc'],
    ['{flat}', 'a-svc'],
    ['{base}', 'svc'],
    ['mirror/{project}-{flat}', 'mirror/team-a-svc'],
    ['fixed/name', 'fixed/name'],
    ['{base}/{base}', 'svc/svc'],
  ];
  for (const [template, name] of expected)
    assert.equal(compileRepositoryTemplate(template)('team/a/svc', 'v1'), name, template);
  assert.equal(compileRepositoryTemplate('{flat}')('team/a/b/c', 'v1'), 'a-b-c');
  assert.equal(compileTagTemplate('{project}-{tag}')('team/a/svc', 'v1'), 'team-v1');
});

test('templates: a repository of one part has no project', () => {
  const expected: [string, string][] = [
    ['{repository}', 'nginx'],
    ['{project}', ''],
    ['mirror/{path}', 'mirror/nginx'],
    ['mirror/{flat}', 'mirror/nginx'],
    ['{base}', 'nginx'],
  ];
  for (const [template, name] of expected)
    assert.equal(compileRepositoryTemplate(template)('nginx', 'v1'), name, template);
});

test('templates: names are put in as they are', () => {
  assert.equal(compileTagTemplate('{tag}')('a/b', '$&{project}'), '$&{project}');
});

test('templates: defaults', () => {
  assert.equal(defaultRepository('acr-ee'), '{project}/{flat}');
  assert.equal(defaultRepository('harbor'), '{repository}');
  assert.equal(defaultRepository('oci'), '{repository}');
});

test('templates: mistakes name what is known', () => {
  const mistakes: [string, RegExp][] = [
    ['', /got nothing/],
    ['{name}', /expected \{repository\}, .*\{base\}, got "\{name\}"/],
    ['{}', /got "\{\}"/],
    ['{constructor}', /got "\{constructor\}"/],
    ['a{b', /without its partner/],
    ['a}b', /without its partner/],
    ['x/{tag}', /expected \{repository\}.*got "\{tag\}"/],
  ];
  for (const [template, message] of mistakes)
    assert.throws(
      () => compileRepositoryTemplate(template),
      (error) => error instanceof TemplateError && message.test(error.message),
      template,
    );
  assert.throws(() => compileTagTemplate('{Tag}'), /expected .*\{tag\}, got "\{Tag\}"/);
});

test('names that a destination takes: any registry: the grammar of the specification', () => {
  for (const type of ['oci', 'harbor'] as const) {
    for (const name of ['a', 'a/b/c', 'x'.repeat(255)])
      assert.equal(repositoryProblem(type, name), undefined);
    for (const name of ['', '/a', 'A/b', 'a//b', 'a/b ', 'x'.repeat(256)])
      assert.match(repositoryProblem(type, name) ?? '', /^expected at most 255 characters/, name);
  }
});

test('names that a destination takes: ACR EE: two parts of 2 to 120 characters', () => {
  const takes = ['ab/cd', 'ns/a.b_c-d', `${'n'.repeat(120)}/${'r'.repeat(120)}`];
  for (const name of takes) assert.equal(repositoryProblem('acr-ee', name), undefined, name);
  const refuses: [string, RegExp][] = [
    ['nginx', /NAMESPACE\/REPOSITORY, got one part/],
    ['a/b/c', /NAMESPACE\/REPOSITORY, got 3 parts/],
    ['/nginx', /namespace of 2 to 120 characters, got 0/],
    ['n/cd', /namespace of 2 to 120 characters, got 1/],
    ['ns/a', /repository of 2 to 120 characters, got 1/],
    [`ns/${'r'.repeat(121)}`, /repository of 2 to 120 characters, got 121/],
    ['ns/Web', /lower-case/],
    ['ns/-web', /lower-case/],
    ['ns/web.', /lower-case/],
  ];
  for (const [name, problem] of refuses) assert.match(repositoryProblem('acr-ee', name) ?? '', problem, name);
});

test('names that a destination takes: tags', () => {
  assert.equal(tagProblem('v1'), undefined);
  for (const tag of ['', '.v1', 'a/b', 'x'.repeat(129)])
    assert.match(tagProblem(tag) ?? '', /^expected at most 128/);
});
