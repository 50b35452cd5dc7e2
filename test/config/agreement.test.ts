import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, mistakes, smallest } from './document.ts';

const [rule] = smallest.rules;

function withHarbor(keys: object): object {
  return {
    ...smallest,
    registries: { ...smallest.registries, harbor: { url: 'https://harbor.test', ...keys } },
  };
}

/** The mistakes without their lines. */
function wrong(document: object): string[] {
  return mistakes(document).map((mistake) => mistake.replace(/^\d+ /, ''));
}

test('a user name wants one password, and a password a user name', () => {
  const password = '/etc/hostname';
  assert.deepEqual(wrong(withHarbor({ username: 'u', password: 'p', passwordFile: password })), [
    'registries.harbor.passwordFile: expected password or passwordFile, got both',
  ]);
  assert.deepEqual(wrong(withHarbor({ username: 'u' })), [
    'registries.harbor: expected password or passwordFile beside username, got neither',
  ]);
  assert.deepEqual(wrong(withHarbor({ password: 'p' })), [
    'registries.harbor: expected username beside the password, got nothing',
  ]);
});

test('contradictions are found although the same mapping has other mistakes', () => {
  assert.deepEqual(wrong(withHarbor({ username: 'u', concurrency: 0 })), [
    'registries.harbor: expected password or passwordFile beside username, got neither',
    'registries.harbor.concurrency: expected a whole number from 1 to 1000, got 0',
  ]);
});

test('a rule copies from one registry to another one', () => {
  assert.deepEqual(wrong({ ...smallest, rules: [{ ...rule, destination: 'harbor' }] }), [
    'rules[0].destination: expected another registry than the source (for the same one, add a second entry with the same url), got "harbor"',
  ]);
});

test('two rules of one name', () => {
  assert.deepEqual(wrong({ ...smallest, rules: [rule, { ...rule, name: 'other' }, rule] }), [
    'rules[2].name: expected another name than that of rules[0], got "all"',
  ]);
});

test('the webhook is closed by a secret or open on purpose', () => {
  const expected =
    'webhook: expected secrets, or allowUnauthenticated: true to let anybody send events, got ';
  assert.deepEqual(wrong({ ...smallest, webhook: {} }), [`${expected}neither`]);
  assert.deepEqual(wrong({ ...smallest, webhook: { secrets: ['s'], allowUnauthenticated: true } }), [
    `${expected}both`,
  ]);
});

test('the longest wait is not shorter than the first', () => {
  assert.deepEqual(wrong({ ...smallest, dispatch: { backoff: { first: '1h' } } }), [
    'dispatch.backoff.max: expected a longest wait that is not shorter than the first, got 10m, the default',
  ]);
});

test('source repositories that would meet, and names that the destination cannot have', () => {
  assert.deepEqual(wrong({ ...smallest, rules: [{ ...rule, repositories: ['team/a/b', 'team/a-b'] }] }), [
    'rules: expected one source repository in each destination repository, got harbor/team/a/b (rule all) and harbor/team/a-b (rule all) would both become acr/team/a-b; give one of them another `repository`',
  ]);
  assert.deepEqual(wrong({ ...smallest, rules: [{ ...rule, repositories: ['nginx'] }] }), [
    'rules[0].repository: expected a name that acr can have, got "/nginx" from "nginx": expected a namespace of 2 to 120 characters, got 0',
  ]);
});

test('templates know their placeholders', () => {
  const [found] = wrong({ ...smallest, rules: [{ ...rule, tag: '{tga}' }] });
  assert.match(found ?? '', /^rules\[0\]\.tag: expected a template, got .*\{tag\}, got "\{tga\}"$/);
});

test('a registry may stand unused', () => {
  const spare = { url: 'http://spare.test:5000' };
  const config = load({ ...smallest, registries: { ...smallest.registries, spare } });
  assert.equal(config.registries[2]?.url, 'http://spare.test:5000');
});

test('several tags do not meet under one name', () => {
  const renamed = (tags: string[], tag: string): object => ({ ...smallest, rules: [{ ...rule, tags, tag }] });
  assert.equal(load(renamed(['v1'], 'stable')).rules.length, 1);
  assert.equal(load(renamed(['v*'], 'from-{tag}')).rules.length, 1);
  const expected =
    'rules[0].tag: expected a template with {tag}, or a single plain tag in tags, got "stable"';
  assert.deepEqual(wrong(renamed(['v*'], 'stable')), [expected]);
  assert.deepEqual(wrong(renamed(['v1', 'v2'], 'stable')), [expected]);
});
