import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RegistryError } from '../../src/copy/error.ts';
import { parseChallenges } from '../../src/oci/challenge.ts';
import { covers, formatScope, parseScopes } from '../../src/oci/scope.ts';
import { nextLink } from '../../src/registry/list.ts';
import { parseRetryAfter } from '../../src/registry/retry-after.ts';
import { RealmPolicy } from '../../src/registry/token.ts';
import { follow, isInternal } from '../../src/registry/url.ts';
import { texts } from './corpus.ts';
import { headerText, runs, valueOrError } from './hostile.ts';

/** What a registry writes into its headers. The texts are not bounded here; an answer has 16 KiB of headers. */

const now = Date.UTC(2026, 10, 24, 12);
const outside = new URL('https://registry.example.com/v2/a/b/tags/list?n=1000');

test('challenge: a scheme is one word, parameters are texts of the header, and no more comes out than went in', () => {
  const header = headerText('Bearer', 'Basic', 'realm', 'scope', '=', '"', ',', '\\', 'https://h/t');
  fc.assert(
    fc.property(fc.array(header, { maxLength: 3 }), (headers) => {
      let length = 0;
      for (const { scheme, parameters } of parseChallenges(headers)) {
        assert.match(scheme, /^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        assert.equal(Object.getPrototypeOf(parameters), null);
        length += scheme.length + Object.entries(parameters).flat().join('').length;
      }
      assert.ok(length <= headers.join('').length);
    }),
    runs(500),
  );
});

test('scopes: whatever a challenge wants is held by itself, and what was formatted is read back', () => {
  const text = headerText('repository', 'registry', ':', ',', 'pull', '*', 'a/b');
  const name = fc.stringMatching(/^[a-z0-9]{1,9}(\/[a-z0-9]{1,9}){0,3}$/);
  fc.assert(
    fc.property(text, name, (challenged, repository) => {
      assert.equal(covers([challenged], challenged), true);
      assert.equal(
        covers([], challenged),
        parseScopes(challenged).every(({ actions }) => actions.length === 0),
      );
      const scope = formatScope({ repository, actions: ['pull', 'push'] });
      assert.deepEqual(parseScopes(scope), [
        { type: 'repository', name: repository, actions: ['pull', 'push'] },
      ]);
    }),
    runs(1_500),
  );
});

test('Link: the next page is between its brackets, or there is none', () => {
  const header = headerText('<', '>', ';', 'rel=', '"next"', 'next', ',', '?n=1', 'title="a, <b>"');
  fc.assert(
    fc.property(header, (text) => {
      const target = nextLink(text);
      if (target === undefined) return;
      assert.match(target, /^[^<>]{1,2000}$/);
      assert.ok(text.includes(`<${target}>`));
    }),
    runs(2_000),
  );
});

test('Link: of well written links the first next one is found, whatever stands around it', () => {
  const address = fc.stringMatching(/^[\w/?=&%.:,;-]{1,40}$/);
  const relation = fc.constantFrom('prev', 'last', 'nextpage', 'x-next');
  const parameter = fc.constantFrom('type="x"', 'title="a, b"', 'title="next"', 'n=1');
  const link = fc.tuple(address, fc.array(parameter, { maxLength: 2 }), relation);
  const written = ([target, parameters, rel]: readonly [string, string[], string]) =>
    [`<${target}>`, ...parameters, `rel="${rel}"`].join('; ');
  fc.assert(
    fc.property(
      fc.array(link, { maxLength: 3 }),
      link,
      fc.constantFrom('next', 'Next', 'prev next'),
      (before, [to, more], rel) => {
        const header = [...before, [to, more, rel] as const].map(written).join(', ');
        assert.equal(nextLink(header), to);
        assert.equal(nextLink(before.map(written).join(', ')), undefined);
      },
    ),
    runs(1_000),
  );
});

test('Location: to a web address, never to a weaker or internal one; an error quotes no query and no password', () => {
  const location = headerText(
    'https:',
    'http:',
    '//',
    'h.example',
    '127.0.0.1',
    '[::1]',
    ':',
    '@',
    '?',
    '/',
    '..',
    '\\',
  );
  fc.assert(
    fc.property(location, (text) => {
      const to = valueOrError(() => follow(outside, text, 'a redirect'), RegistryError, 1_500);
      if (to === undefined) return;
      assert.equal(to.protocol, 'https:');
      assert.equal(isInternal(to.hostname), false);
      // What is sent is one word each: no blank, no line break.
      assert.match(to.pathname + to.search, /^\/[\x21-\x7e]*$/);
      assert.match(to.host, /^[\x21-\x7e]+$/);
    }),
    runs(1_500),
  );
});

test('Location: what is no address is quoted without query and user', () => {
  for (const text of [
    'http://[/?Signature=s3cret',
    'https://u:s3cret@[/',
    'https://h:x/#s3cret',
    '//u:s3cret@:/',
  ])
    assert.throws(
      () => follow(outside, text, 'a redirect'),
      (error: Error) => error.name === 'RegistryError' && !error.message.includes('s3cret'),
      text,
    );
});

test('Location: an internal IPv4 address is one in every notation', () => {
  const first = fc.constantFrom([127], [0], [169, 254]);
  const octet = fc.nat(255);
  fc.assert(
    fc.property(first, fc.tuple(octet, octet, octet), (begin, rest) => {
      const [a = 0, b = 0, c = 0, d = 0] = [...begin, ...rest].slice(0, 4);
      const number = ((a * 256 + b) * 256 + c) * 256 + d;
      const hex = [a, b, c, d].map((part) => `0x${part.toString(16)}`).join('.');
      const octal = [a, b, c, d].map((part) => `0${part.toString(8)}`).join('.');
      const notations = [`${a}.${b}.${c}.${d}`, String(number), `0x${number.toString(16)}`, hex, octal];
      for (const host of [
        ...notations,
        `${a}.${b}.${c * 256 + d}`,
        `${a}.${b}.${c}.${d}.`,
        `[::ffff:${a}.${b}.${c}.${d}]`,
      ])
        assert.throws(() => follow(outside, `https://${host}/x`, 'a redirect'), RegistryError, host);
    }),
    runs(300),
  );
});

test('Retry-After: not before now and not after an hour, or nothing', () => {
  const header = headerText('Mon, ', '23 Nov 2026', '12:00:30', ' GMT', '-', '9', '.', 'e');
  fc.assert(
    fc.property(fc.oneof(header, fc.maxSafeInteger().map(String), fc.date().map(String)), (text) => {
      const time = parseRetryAfter(text, now);
      assert.ok(time === undefined || (time >= now && time <= now + 3_600_000), String(time));
    }),
    runs(2_000),
  );
});

test('realm: a credential goes to the registry itself or a listed host, by https', () => {
  const policy = new RealmPolicy(new URL('https://registry.example.com:8443'), ['auth.example.com'], true);
  const realm = headerText(
    'https://',
    'http://',
    'registry.example.com',
    ':8443',
    'auth.example.com',
    '@',
    '/auth',
    'dockerauth.cn-shanghai.aliyuncs.com',
    '.evil.example',
    '?x=',
  );
  fc.assert(
    fc.property(realm, (text) => {
      const url = valueOrError(() => policy.accept(text, true), RegistryError, 1_500);
      if (url === undefined) return;
      assert.equal(url.protocol, 'https:');
      const known = ['registry.example.com:8443', 'dockerauth.cn-shanghai.aliyuncs.com'].includes(url.host);
      assert.ok(known || url.hostname === 'auth.example.com', url.host);
    }),
    runs(2_000),
  );
});

test('headers: ten times as long as any answer can be, each is read to its end', () => {
  const repeated = [
    '<',
    '<a>;',
    '<a>;rel=',
    '<a> ;;; ',
    ' ',
    ';rel="',
    '"',
    '\\',
    ',',
    'a=',
    'a = ',
    'Mon, (',
    '(',
    '9',
    ':',
    'a:b ',
  ];
  for (const text of [
    ...Object.values(texts),
    ...repeated.map((part) => part.repeat(160_000 / part.length)),
  ]) {
    nextLink(text);
    nextLink(`<a>${text}; rel="next"`);
    parseChallenges(text);
    parseChallenges(`Bearer realm="${text}`);
    parseRetryAfter(text, now);
    parseRetryAfter(`Mon, ${text}`, now);
    covers([text], text);
    valueOrError(() => follow(outside, text, 'a redirect'), RegistryError, 1_500);
    valueOrError(() => follow(outside, `https://${text}/`, 'a redirect'), RegistryError, 1_500);
  }
});
