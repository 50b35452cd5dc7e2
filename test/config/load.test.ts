import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { failure, load, mistakes, smallest } from './document.ts';

const harbor =
  'registries: { harbor: { url: "https://harbor.test" }, acr: { type: acr-ee, url: "https://acr.test" } }';
const rest = `
rules: [{ name: all, source: harbor, repositories: ["**"], destination: acr }]
webhook: { allowUnauthenticated: true }
`;

test('the smallest configuration has the defaults of the contract', () => {
  const { file: _, ...config } = load(smallest);
  const registry = {
    tokenHosts: [],
    insecureSkipVerify: false,
    concurrency: 8,
    requestsPerSecond: 0,
    bandwidth: 0,
    connectTimeout: 10_000,
    idleTimeout: 60_000,
    credential: undefined,
  };
  assert.deepEqual(config, {
    registries: [
      { ...registry, name: 'harbor', type: 'oci', url: 'https://harbor.test' },
      { ...registry, name: 'acr', type: 'acr-ee', url: 'https://acr.test' },
    ],
    rules: [
      {
        name: 'all',
        source: 'harbor',
        repositories: ['**'],
        tags: ['**'],
        destination: 'acr',
        destinationType: 'acr-ee',
        repository: '{project}/{flat}',
        tag: '{tag}',
        immutable: [],
      },
    ],
    webhook: { secrets: [], allowUnauthenticated: true, insecureSkipVerify: false, format: 'Default' },
    admin: { tokens: [] },
    server: { listen: { host: '0.0.0.0', port: 8080 }, shutdownGrace: 25_000 },
    dispatch: {
      concurrency: 8,
      attempts: 12,
      backoff: { first: 2_000, max: 600_000 },
      retention: 30 * 86_400_000,
    },
    sweep: { schedule: '17 * * * *', onStart: true, audit: 0.01 },
    database: './data/tagferry.db',
    log: { level: 'info', format: 'json' },
    secrets: [],
  });
});

test('the example of the contract loads as it is printed there', () => {
  const config = load(
    String.raw`
registries:
  harbor:
    type: harbor                      # harbor | acr-ee | oci (default)
    url: https://harbor.example.com   # http:// only when written so
    username: robot$mirror            # a dollar sign is literal
    password: ${'${HARBOR_PASSWORD}'}
    bandwidth: 50MiB
  acr: { type: acr-ee, url: "https://demo-registry.cn-shanghai.cr.aliyuncs.com" }
rules:
  - name: library
    source: harbor
    repositories: ["library/**", "!library/tmp-*", "/^team-[0-9]+\/api$/"]
    tags: ["v*", "!*-rc*"]            # default ["**"]
    destination: acr
    repository: image-syncer/{flat}
    tag: "{tag}"
webhook:
  secrets: [${'${HARBOR_WEBHOOK_SECRET}'}] # whole values of the Authorization header; two while rotating
admin:
  tokens: [${'${TAGFERRY_ADMIN_TOKEN}'}]   # without any, the admin API is off
`,
    { HARBOR_PASSWORD: 'pw', HARBOR_WEBHOOK_SECRET: 'Bearer hook', TAGFERRY_ADMIN_TOKEN: 'admin' },
  );
  assert.deepEqual(config.registries[0]?.credential, { username: 'robot$mirror', password: 'pw' });
  assert.equal(config.registries[0]?.bandwidth, 50 * 2 ** 20);
  assert.deepEqual(config.rules[0]?.repositories[2], '/^team-[0-9]+/api$/');
  assert.deepEqual(config.webhook.secrets, ['Bearer hook']);
  assert.deepEqual(config.admin.tokens, ['admin']);
});

test('all mistakes come at once, sorted by line, ready to be printed', () => {
  const { message } = failure(`
registries:
  harbor:
    url: ftp://harbor.test
    conurrency: 8
  acr: { url: 'https://acr.test', connectTimeout: 30 }
rules:
  - name: all
    source: harbur
    repositories: [a, 3, '[a']
    destination: acr
log: { level: loud }
webhook: { allowUnauthenticated: true }
dispatch: { attempts: 0 }
`);
  assert.deepEqual(
    message
      .split('\n')
      .slice(0, -1)
      .map((line) => line.replace(/^.*tagferry\.yaml:/, '')),
    [
      '4: registries.harbor.url: expected https://HOST[:PORT] (or http://) without path, user or query, got "ftp://harbor.test"',
      '5: registries.harbor.conurrency: expected a known key, got "conurrency"; did you mean "concurrency"?',
      '6: registries.acr.connectTimeout: expected a duration from 1ms to 24d, such as 500ms, 30s, 5m, 1h or 7d, got 30',
      '9: rules[0].source: expected the name of a registry, got "harbur"; did you mean "harbor"?',
      '10: rules[0].repositories[1]: expected a pattern such as "library/**", "!*-rc*" or "/^v[0-9]+$/", got 3',
      '10: rules[0].repositories[2]: expected a pattern, got pattern "[a": "[" without "]", or an empty class, or one with "/"',
      '12: log.level: expected "error" or "warn" or "info" or "debug", got "loud"',
      '14: dispatch.attempts: expected a whole number from 1 to 1000, got 0',
    ],
  );
  assert.match(message.split('\n').at(-1) ?? '', /^8 mistakes in .*tagferry\.yaml; docs\/configuration\.md/);
});

test('a file that cannot be read is one mistake without a line', () => {
  assert.throws(() => loadConfig('/nonexistent/tagferry.yaml', {}), {
    name: 'ConfigError',
    message:
      /^\/nonexistent\/tagferry\.yaml: expected a configuration file, got one that cannot be read \(ENOENT\)/,
  });
});

test('a file beyond any sense is refused before it is read', async (t) => {
  const file = join(await temporaryFolder(t), 'tagferry.yaml');
  await writeFile(file, '');
  await truncate(file, 100_000_000_000);
  const message = /: expected a configuration file of at most 8388608 bytes, got one of 100000000000 bytes\n/;
  assert.throws(() => loadConfig(file, {}), { name: 'ConfigError', message });
});

test('what is no YAML is reported with its line and never quoted', () => {
  for (const [text, expected] of [
    ['a: "hunter2', '1 : expected the end of a quoted text, list or mapping, got something else'],
    ['a: 1\n\tb: hunter2', '2 : expected spaces as indentation, got a tab'],
    ['a: b\nb: hunter2: 3', '2 : expected one key per line, got a second ": "; quote a text that holds one'],
    ['a: @hunter2', '1 : expected a text, got a character that none may begin with; quote the text'],
    ['---\na: 1\n---\nb: hunter2', '3 : expected one document, got a second one after ---'],
    ['a: *hunter2', '1 : expected a text in quotes when it begins with *, got an alias without an anchor'],
    ['a: &b [*b]', '1 : expected a text in quotes when it begins with *, got an alias inside its own anchor'],
  ] as const) {
    assert.deepEqual(mistakes(text), [expected]);
    assert.doesNotMatch(failure(text).message, /hunter2/);
  }
});

test('an unquoted "!" and a key written twice do not hide the other mistakes', () => {
  assert.deepEqual(
    mistakes(`${harbor}
rules: [{ name: all, source: harbor, repositories: [!tmp], destination: acr }]
log: { level: info, level: loud }
`),
    [
      '1 webhook: expected secrets, or allowUnauthenticated: true to let anybody send events, got neither',
      '2 : expected a text in quotes when it begins with !, got a YAML tag',
      '2 rules[0].repositories[0]: expected a pattern such as "library/**", "!*-rc*" or "/^v[0-9]+$/", got ""',
      '3 : expected a key once, got the same key again',
      '3 log.level: expected "error" or "warn" or "info" or "debug", got "loud"',
    ],
  );
});

test('a document that is no mapping, or is empty', () => {
  const all = '1 : expected a mapping, got ';
  const hook =
    '1 webhook: expected secrets, or allowUnauthenticated: true to let anybody send events, got neither';
  assert.deepEqual(mistakes(''), [`${all}nothing`, hook]);
  assert.deepEqual(mistakes('[1]'), [`${all}a list`, hook]);
});

test('keys named like the parts of every object are unknown keys', () => {
  assert.deepEqual(mistakes(`${harbor}${rest}constructor: 1\n__proto__: { a: 1 }\n`), [
    '4 constructor: expected a known key, got "constructor"',
    '5 __proto__: expected a known key, got "__proto__"',
  ]);
  assert.deepEqual(mistakes(`${harbor}${rest.replace('source: harbor', 'source: toString')}`), [
    '2 rules[0].source: expected the name of a registry, got "toString"',
  ]);
});

test('anchors, aliases and merge keys work, and mistakes behind them have a line', () => {
  const text = `
registries:
  harbor: &common { url: 'https://harbor.test', concurrency: 3 }
  acr: { <<: *common, url: 'https://acr.test' }
rules:
  - { name: one, source: harbor, repositories: ['a/**'], destination: acr, tags: &tags ['v*'] }
  - { name: two, source: harbor, repositories: ['b/**'], destination: acr, tags: *tags }
webhook: { allowUnauthenticated: true }
`;
  const { registries, rules } = load(text);
  assert.deepEqual(
    registries.map(({ concurrency }) => concurrency),
    [3, 3],
  );
  assert.deepEqual(rules[1]?.tags, ['v*']);
  assert.deepEqual(
    mistakes(text.replace("'v*'", '5')).map((mistake) => mistake.split(': ')[0]),
    ['6 rules[0].tags[0]', '6 rules[1].tags[0]'],
  );
});

test('aliases of aliases cannot fill the memory', () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const item = level === 0 ? 'x' : `*a${level - 1}`;
    return `a${level}: &a${level} [${Array(10).fill(item).join(', ')}]`;
  });
  assert.deepEqual(mistakes(levels.join('\n')), [
    '12 : expected a document of sensible size, got aliases of aliases',
  ]);
});
