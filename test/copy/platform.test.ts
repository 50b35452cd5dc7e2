import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fits, parsePlatforms, type PlatformFilter, reduceIndex } from '../../src/copy/platform.ts';

function wanted(os: string[], arch: string[]): PlatformFilter {
  return parsePlatforms({ os, arch }) ?? { os: [], arch: [] };
}

describe('row 47: the values of --os and --arch', () => {
  test('a comma splits, blanks go, and what is empty is dropped', () => {
    assert.deepEqual(parsePlatforms({ os: ['linux'], arch: ['amd64, arm64:v8', '', 'arm:v7,'] }), {
      os: [{ name: 'linux' }],
      arch: [{ name: 'amd64' }, { name: 'arm64', suffix: 'v8' }, { name: 'arm', suffix: 'v7' }],
    });
    assert.deepEqual(parsePlatforms({ os: ['windows:10.0.17763.1'], arch: [] }), {
      os: [{ name: 'windows', suffix: '10.0.17763.1' }],
      arch: [],
    });
  });

  test('nothing is asked for by empty values', () => {
    assert.equal(parsePlatforms({ os: [], arch: [] }), undefined);
    assert.equal(parsePlatforms({ os: [''], arch: [',', ' '] }), undefined);
  });

  for (const word of ['linux/amd64', 'arm64:', ':v8', 'arm:v7:v8', 'amd 64', '*', 'amd64"'])
    test(`${word} is refused`, () => {
      const got = {
        name: 'SyntaxError',
        message: new RegExp(`expected .*, got "${word.replace(/[*"]/g, '.+')}"$`),
      };
      assert.throws(() => wanted([word], []), got);
      assert.throws(() => wanted([], [word]), { ...got, message: /^--arch: expected an architecture/ });
    });
});

describe('row 46: a platform fits', () => {
  const linux = { os: 'linux', architecture: 'amd64' };
  const windows = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.1' };
  const arm = (variant?: string) => ({ os: 'linux', architecture: 'arm', variant });

  const rows: [what: string, os: string[], arch: string[], yes: object[], no: object[]][] = [
    ['when nothing is asked for', [], [], [linux, windows, arm('v7'), {}], []],
    ['by architecture', [], ['amd64'], [linux, windows], [arm('v7'), { architecture: 'amd' }]],
    ['by one of several', [], ['amd64', 'arm'], [linux, arm('v6')], [{ architecture: 's390x' }]],
    ['by system and architecture', ['linux'], ['amd64'], [linux], [windows, arm('v7')]],
    ['by variant', [], ['arm:v7'], [arm('v7')], [arm('v6'), linux]],
    ['by any variant', [], ['arm'], [arm('v7'), arm('v6'), arm()], [linux]],
    [
      'by the version of the system',
      ['windows:10.0.17763.1'],
      [],
      [windows],
      [{ ...windows, 'os.version': '10' }, linux],
    ],
    [
      'where a field is absent or empty',
      ['linux'],
      ['arm:v7'],
      [{}, arm(), arm(''), { os: '', architecture: '' }],
      [{ os: 'windows' }],
    ],
    ['unless it is unknown', ['linux'], [], [linux], [{ os: 'unknown', architecture: 'unknown' }]],
    ['as written', [], ['AMD64'], [], [linux]],
  ];
  for (const [what, os, arch, yes, no] of rows)
    test(what, () => {
      const filter = wanted(os, arch);
      for (const platform of yes) assert.ok(fits(platform, filter), JSON.stringify(platform));
      for (const platform of no) assert.ok(!fits(platform, filter), JSON.stringify(platform));
    });
});

describe('row 46: a reduced index', () => {
  const arm64 = {
    size: 2,
    digest: 'b',
    platform: { architecture: 'arm64', os: 'linux' },
    extra: [1, { a: null }],
  };
  const amd64 = { digest: 'a', size: 1, platform: { os: 'linux', architecture: 'amd64' } };
  const index = {
    manifests: [amd64, arm64],
    annotations: { z: '1', a: '2' },
    schemaVersion: 2,
    x: { y: [] },
  };
  const bytes = Buffer.from(JSON.stringify(index, null, 3));

  test('has every other member as it was, in its order', () => {
    const reduced = reduceIndex(bytes, wanted([], ['arm64']), new Map());
    assert.equal(
      Buffer.from(reduced ?? []).toString(),
      '{"manifests":[{"size":2,"digest":"b","platform":{"architecture":"arm64","os":"linux"},"extra":[1,{"a":null}]}],' +
        '"annotations":{"z":"1","a":"2"},"schemaVersion":2,"x":{"y":[]}}',
    );
  });

  test('is the index itself when all fit, and none when nothing does', () => {
    assert.equal(reduceIndex(bytes, wanted(['linux'], []), new Map()), bytes);
    assert.equal(reduceIndex(bytes, wanted(['windows'], []), new Map()), undefined);
    const empty = Buffer.from('{"manifests":[]}');
    assert.equal(reduceIndex(empty, wanted(['windows'], []), new Map()), empty);
  });

  test('names the index that an index within it has become, without what was embedded', () => {
    const inner = { digest: 'i', size: 3, data: 'e30=', annotations: { a: 'b' } };
    const outer = Buffer.from(JSON.stringify({ manifests: [inner] }));
    const reduced = reduceIndex(outer, wanted(['linux'], []), new Map([['i', { digest: 'j', size: 1 }]]));
    assert.equal(
      Buffer.from(reduced ?? []).toString(),
      '{"manifests":[{"digest":"j","size":1,"annotations":{"a":"b"}}]}',
    );
    assert.equal(reduceIndex(outer, wanted(['linux'], []), new Map([['i', undefined]])), undefined);
    assert.equal(
      reduceIndex(outer, wanted(['linux'], []), new Map([['i', { digest: 'i', size: 3 }]])),
      outer,
    );
  });
});
