import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseChallenges } from '../../src/oci/challenge.ts';

/** Challenges as plain arrays: parameters have no prototype, so that they are never equal to a literal. */
function parse(header: string | readonly string[] | undefined) {
  return parseChallenges(header).map(
    ({ scheme, parameters }) => [scheme, Object.entries(parameters)] as const,
  );
}

const cases: [string, string | readonly string[] | undefined, ReturnType<typeof parse>][] = [
  ['no header', undefined, []],
  ['an empty header (Harbor, missing project)', '', []],
  ['a scheme alone', 'Negotiate', [['negotiate', []]]],
  [
    'a quoted comma in the scope',
    'Bearer realm="https://h/token",service="s",scope="repository:a/b:pull,push"',
    [
      [
        'bearer',
        [
          ['realm', 'https://h/token'],
          ['service', 's'],
          ['scope', 'repository:a/b:pull,push'],
        ],
      ],
    ],
  ],
  [
    'two challenges in one header',
    'Basic realm="x", Bearer realm="y", service=z',
    [
      ['basic', [['realm', 'x']]],
      [
        'bearer',
        [
          ['realm', 'y'],
          ['service', 'z'],
        ],
      ],
    ],
  ],
  [
    'several headers',
    ['Basic realm="x"', '', 'Bearer realm="y"'],
    [
      ['basic', [['realm', 'x']]],
      ['bearer', [['realm', 'y']]],
    ],
  ],
  [
    'a scheme without parameters before another',
    'Negotiate, Basic realm=x',
    [
      ['negotiate', []],
      ['basic', [['realm', 'x']]],
    ],
  ],
  [
    'token68',
    'Negotiate YII+/a=, NTLM abc, Basic realm="x"',
    [
      ['negotiate', []],
      ['ntlm', []],
      ['basic', [['realm', 'x']]],
    ],
  ],
  ['names in any case', 'BEARER ReAlM="X"', [['bearer', [['realm', 'X']]]]],
  [
    'spaces around "="',
    'Bearer realm = "x" , service\t=y',
    [
      [
        'bearer',
        [
          ['realm', 'x'],
          ['service', 'y'],
        ],
      ],
    ],
  ],
  [
    'escapes',
    String.raw`Basic realm="a\"b\\c, Bearer realm=d"`,
    [['basic', [['realm', String.raw`a"b\c, Bearer realm=d`]]]],
  ],
  [
    'an unquoted URL',
    'Bearer realm=https://h:443/t?a=b,service=s',
    [
      [
        'bearer',
        [
          ['realm', 'https://h:443/t?a=b'],
          ['service', 's'],
        ],
      ],
    ],
  ],
  ['a relative realm', 'Bearer realm="/token"', [['bearer', [['realm', '/token']]]]],
  ['empty elements', ', ,Bearer ,, realm="x",,', [['bearer', [['realm', 'x']]]]],
  [
    'an empty value',
    'Bearer realm="",service="s"',
    [
      [
        'bearer',
        [
          ['realm', ''],
          ['service', 's'],
        ],
      ],
    ],
  ],
  ['a value given twice', 'Bearer realm="first",realm="second"', [['bearer', [['realm', 'first']]]]],
  [
    'an open quotation',
    ['Bearer realm="x', 'Basic realm="y"'],
    [
      ['bearer', [['realm', 'x']]],
      ['basic', [['realm', 'y']]],
    ],
  ],
  ['an escape at the end', 'Bearer realm="x\\', [['bearer', [['realm', 'x']]]]],
  ['parameters of nothing', 'realm="x", Bearer service=s', [['bearer', [['service', 's']]]]],
  ['garbage', '\u0000"";=@(Bearer realm="x")', [['bearer', [['realm', 'x']]]]],
];

for (const [name, header, expected] of cases) test(name, () => assert.deepEqual(parse(header), expected));

test('WWW-Authenticate: names of the prototype are ordinary names', () => {
  const [challenge] = parseChallenges('Bearer __proto__="x", constructor="y"');
  assert.ok(challenge);
  assert.equal(challenge.parameters['__proto__'], 'x');
  assert.equal(challenge.parameters['toString'], undefined);
  assert.equal(Object.getPrototypeOf(challenge.parameters), null);
  assert.equal('x' in {}, false);
});

test('WWW-Authenticate: of an endless header only the beginning is read', () => {
  assert.equal(parseChallenges('a,'.repeat(1_000_000)).length, 8_192);
  assert.equal(parseChallenges([' '.repeat(16_384), 'Basic realm="x"']).length, 0);
});

test('WWW-Authenticate: whatever a registry sends, there is an answer', () => {
  const part = fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'realm', 'a', '\t', '/', '\u0000');
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(part).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(fc.array(text), (headers) => {
      for (const { scheme } of parseChallenges(headers)) assert.match(scheme, /^[^\s,="\\/]+$/);
    }),
  );
});

test('WWW-Authenticate: what is written well is read back', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
  const value = fc.string({ unit: 'grapheme-ascii' });
  const challenge = fc.record({
    scheme: name,
    parameters: fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, minLength: 1 }),
  });
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
      const header = challenges
        .map(
          ({ scheme, parameters }) =>
            `${scheme} ${parameters.map(([key, text]) => `${key}="${text.replace(/["\\]/g, '\\$&')}"`).join(', ')}`,
        )
        .join(', ');
      fc.pre(header.length <= 16_384);
      assert.deepEqual(
        parse(header),
        challenges.map(({ scheme, parameters }) => [scheme, parameters]),
      );
    }),
  );
});
