import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { companionOf } from '../../src/oci/companion.ts';
import { algorithmOf, Digester, digestOf, isDigest } from '../../src/oci/digest.ts';
import { isRepository, isTag, parseRepositoryTag } from '../../src/oci/reference.ts';

const sha256 = `sha256:${'0f'.repeat(32)}`;
const sha512 = `sha512:${'0f'.repeat(64)}`;

test('digest: is an algorithm and exactly its number of lower-case digits', () => {
  assert.ok(isDigest(sha256));
  assert.ok(isDigest(sha512));
  for (const text of [
    '',
    'sha256:',
    sha256.toUpperCase(),
    sha256.slice(0, -1),
    `${sha256}0`,
    `${sha256}\n`,
    sha256.replace('0', 'g'),
    sha256.replace('sha256', 'sha512'),
    `md5:${'0'.repeat(32)}`,
    `x${sha256}`,
  ])
    assert.equal(isDigest(text), false, text);
});

test('digest: of bytes, whole or in pieces', () => {
  const bytes = Buffer.from('content');
  assert.equal(digestOf(bytes), `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  const digester = new Digester('sha512');
  for (const byte of bytes) digester.update(Uint8Array.of(byte));
  const digest = digester.digest();
  assert.equal(digest, digestOf(bytes, 'sha512'));
  assert.equal(algorithmOf(digest), 'sha512');
  assert.equal(algorithmOf(digestOf(bytes)), 'sha256');
});

test('repository and tag: names of repositories', () => {
  for (const name of ['a', 'library/web', 'a/b/c/d', 'a.b/c_d/e__f/g-h/i---j', '0/1', 'x'.repeat(255)])
    assert.ok(isRepository(name), name);
  for (const name of [
    '',
    'A',
    'a/',
    '/a',
    'a//b',
    'a..b',
    'a___b',
    'a._b',
    '-a',
    'a-',
    'a/../b',
    'a b',
    'a:b',
    'a\n',
    'ü',
    'x'.repeat(256),
  ])
    assert.equal(isRepository(name), false, name);
});

test('repository and tag: names of tags', () => {
  for (const tag of ['v1', '_', 'Release_2026.08-rc.1', 'x'.repeat(128)]) assert.ok(isTag(tag), tag);
  for (const tag of ['', '.a', '-a', 'a:b', 'a/b', 'a+b', 'a\n', sha256, 'x'.repeat(129)])
    assert.equal(isTag(tag), false, tag);
});

test('repository and tag: a long hostile name is judged at once', () => {
  assert.equal(isRepository(`${'a-'.repeat(500_000)}!`), false);
  assert.equal(isRepository(`${'a-'.repeat(126)}!`), false);
});

test('repository and tag: REPOSITORY[:TAG]', () => {
  assert.deepEqual(parseRepositoryTag('library/web'), { repository: 'library/web' });
  assert.deepEqual(parseRepositoryTag('library/web:v1'), { repository: 'library/web', tag: 'v1' });
  const wrong: [string, RegExp][] = [
    ['', /^repository: expected .* got ""$/],
    ['Library/web', /^repository: .*lower-case.*"Library\/web"/],
    ['localhost:5000/web:v1', /no registry in front, got "localhost:5000\/web"/],
    ['web:', /^tag: .* got ""$/],
    ['web:.x', /^tag: .* got "\.x"$/],
    ['web:a:b', /^tag: .* got "a:b"$/],
    [`web@${sha256}`, /got a digest/],
    ['x'.repeat(300), /at most 255 characters, got 300/],
  ];
  for (const [text, message] of wrong)
    assert.throws(() => parseRepositoryTag(text), { name: 'SyntaxError', message });
});

test('companion tags name the digest that they belong to', () => {
  const hex = '0f'.repeat(32);
  for (const kind of ['sig', 'att', 'sbom'])
    assert.equal(companionOf(`sha256-${hex}.${kind}`), `sha256:${hex}`);
  for (const tag of [
    'v1',
    `sha256-${hex}`,
    `sha256-${hex}.txt`,
    `sha256-${hex}.sig2`,
    `sha256-${hex.toUpperCase()}.sig`,
    `sha256-${hex}0.sig`,
    `xsha256-${hex}.sig`,
    `sha512-${hex}.sig`,
  ])
    assert.equal(companionOf(tag), undefined, tag);
});
