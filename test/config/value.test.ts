import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, mistakes, smallest } from './document.ts';

function withHarbor(keys: object): object {
  return {
    ...smallest,
    registries: { ...smallest.registries, harbor: { url: 'https://harbor.test', ...keys } },
  };
}

/** What a value becomes, or `wrong` when it is the one mistake at that path. */
function outcome<T>(
  path: string,
  document: object,
  pick: (config: ReturnType<typeof load>) => T,
): T | 'wrong' {
  try {
    return pick(load(document));
  } catch {
    assert.deepEqual(
      mistakes(document).map((mistake) => mistake.replace(/^\d+ ([^:]*): .*$/, '$1')),
      [path],
    );
    return 'wrong';
  }
}

test('durations', () => {
  const read = (connectTimeout: unknown) =>
    outcome(
      'registries.harbor.connectTimeout',
      withHarbor({ connectTimeout }),
      (config) => config.registries[0]?.connectTimeout,
    );
  assert.deepEqual(
    ['500ms', '30s', '5m', '1h', '7d'].map(read),
    [500, 30_000, 300_000, 3_600_000, 604_800_000],
  );
  for (const value of [30, '30', '30 s', '1.5h', '-1s', '0s', '25d', '1w', 's', '', null]) {
    assert.equal(read(value), 'wrong', String(value));
  }
});

test('sizes', () => {
  const read = (bandwidth: unknown) =>
    outcome(
      'registries.harbor.bandwidth',
      withHarbor({ bandwidth }),
      (config) => config.registries[0]?.bandwidth,
    );
  assert.deepEqual(['64KiB', '10MiB', '1GiB', '1500', 1500, 0].map(read), [
    65_536,
    10_485_760,
    2 ** 30,
    1500,
    1500,
    0,
  ]);
  for (const value of ['64kb', '1 MiB', -1, 1.5, '99999999GiB', true, '', null]) {
    assert.equal(read(value), 'wrong', String(value));
  }
});

test('the address of a registry is an origin', () => {
  const read = (url: unknown) =>
    outcome('registries.harbor.url', withHarbor({ url }), (config) => config.registries[0]?.url);
  assert.equal(read('https://Harbor.test:443/'), 'https://harbor.test');
  assert.equal(read('http://127.0.0.1:5000'), 'http://127.0.0.1:5000');
  assert.equal(read('https://[::1]:5000'), 'https://[::1]:5000');
  const refused = [
    'harbor.test',
    'https:harbor.test',
    'https://a/b',
    'https://a?b',
    'https://a#b',
    'https://u:p@a',
  ];
  for (const value of [...refused, 'ftp://a', 'https://', 'https://a:99999', 'https://a b']) {
    assert.equal(read(value), 'wrong', value);
  }
});

test('the address to listen at', () => {
  const read = (listen: unknown) =>
    outcome('server.listen', { ...smallest, server: { listen } }, (config) => config.server.listen);
  assert.deepEqual(read('127.0.0.1:0'), { host: '127.0.0.1', port: 0 });
  assert.deepEqual(read('[::]:8080'), { host: '::', port: 8080 });
  assert.deepEqual(read('localhost:65535'), { host: 'localhost', port: 65_535 });
  for (const value of [8080, ':8080', 'localhost', '::1:80', 'a:65536', 'a:-1', 'http://a:80']) {
    assert.equal(read(value), 'wrong', String(value));
  }
});

test('the database has a name', () => {
  const read = (database: string) =>
    outcome('database', { ...smallest, database }, (config) => config.database);
  assert.equal(read('./data/other.db'), './data/other.db');
  for (const value of ['', ' ', '\t']) assert.equal(read(value), 'wrong', JSON.stringify(value));
});

test('the schedule is cron or "off"', () => {
  const read = (schedule: unknown) =>
    outcome('sweep.schedule', { ...smallest, sweep: { schedule } }, (config) => config.sweep.schedule);
  for (const value of ['off', '17 * * * *', '*/5 2 * * MON']) assert.equal(read(value), value);
  for (const value of ['hourly', '61 * * * *', '* * *', '0 0 31 2 *', false]) {
    assert.equal(read(value), 'wrong', String(value));
  }
});

test('names of registries', () => {
  const rules = [{ ...smallest.rules[0], source: 'a b' }];
  const registries = { 'a b': { url: 'https://harbor.test' }, acr: { url: 'https://acr.test' } };
  assert.deepEqual(mistakes({ ...smallest, registries, rules }), [
    '2 registries["a b"]: expected a name of letters, digits, ".", "_" and "-" that begins with a letter or digit, got another key',
  ]);
});
