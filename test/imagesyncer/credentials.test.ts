import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from '../../src/config.ts';
import { abortedBy, load, loadConfig, type Outcome } from './files.ts';

/** A file for `--auth`, beside one rule between `r.io/p/x` and `t.io/n/x`. */
function loadAuth(text: string, env: Environment = {}, name = 'a.json'): Outcome {
  return load({
    files: { [name]: text, 'i.json': '{"r.io/p/x:v1": "t.io/n/x"}' },
    flags: { auth: name, images: 'i.json' },
    env,
  });
}

/** The user names found for `REGISTRY/REPOSITORY` when each key's user name is the key. */
function found(keys: readonly string[], registry: string, repository: string): string | undefined {
  const auth = Object.fromEntries(keys.map((key) => [key, { username: key, password: 'p' }]));
  const { config } = loadConfig({}, { auth });
  assert.ok(config);
  return config.credentials.find(registry, repository)?.username;
}

test('row 32: the longest key wins, in whatever order', () => {
  for (const keys of [
    ['r.io', 'r.io/p', 'r.io/p/x'],
    ['r.io/p/x', 'r.io/p', 'r.io'],
  ]) {
    assert.equal(found(keys, 'r.io', 'p/x/y'), 'r.io/p/x');
    assert.equal(found(keys, 'r.io', 'p/y'), 'r.io/p');
    assert.equal(found(keys, 'r.io', 'q/x'), 'r.io');
  }
});

test('row 34: a key may be the whole repository', () => {
  assert.equal(found(['r.io/p/x'], 'r.io', 'p/x'), 'r.io/p/x');
});

test('row 32: a key ends where a part of the name ends, and a slash behind it means nothing', () => {
  assert.equal(found(['r.io/p'], 'r.io', 'prod/x'), undefined);
  assert.equal(found(['r.io'], 'r.io.example', 'p/x'), undefined);
  assert.equal(found(['r.io/p/'], 'r.io', 'p/x'), 'r.io/p/');
  assert.equal(found(['R.io/p'], 'r.io', 'p/x'), 'R.io/p');
});

test('row 32: the port belongs to the key', () => {
  assert.equal(found(['r.io'], 'r.io:5000', 'p/x'), undefined);
  assert.equal(found(['r.io:5000'], 'r.io', 'p/x'), undefined);
  assert.equal(found(['r.io:5000'], 'r.io:5000', 'p/x'), 'r.io:5000');
  const { warnings } = loadConfig({ 'r.io:5000/p/x': 'r.io:5000/n/x' }, { auth: { 'r.io': {} } });
  assert.deepEqual(warnings, [
    'auth has no key for r.io:5000/p/x: it is asked anonymously; r.io is another one, for the port belongs to the key',
  ]);
});

test('row 32: keys that can never match say so', () => {
  const auth = Object.fromEntries(
    ['https://r.io', '', 'library', 'r.io/p/x:v1', 'r.io', 'r.io/'].map((key) => [key, {}]),
  );
  const { warnings } = loadConfig({ 'r.io/p/x': 'r.io/n/x' }, { auth });
  assert.deepEqual(warnings, [
    'c.json:3: auth of "https://r.io" never matches, for it has a scheme: write HOST[:PORT], or that and a path',
    'c.json:4: auth of "" never matches: a key begins with HOST[:PORT], and Docker Hub is docker.io',
    'c.json:5: auth of "library" never matches: a key begins with HOST[:PORT], and Docker Hub is docker.io',
    'c.json:6: auth of "r.io/p/x:v1" never matches: a key ends with the repository, without a tag',
    'c.json:8: auth of "r.io/" means the same as another key: the last one counts',
  ]);
});

test('row 18: names of Docker Hub are looked up whole, with a tag and without', () => {
  const auth = {
    'docker.io': { username: 'u', password: 'p' },
    'docker.io/library': { username: 'l', password: 'p' },
  };
  const { config } = loadConfig(
    { 'bitnami/redis': 't.io/n/x', 'bitnami/redis:7': 't.io/n/x', nginx: 't.io/n/x' },
    { auth },
  );
  assert.deepEqual(
    config?.rules.map(({ from }) => config.credentials.find(from.registry, from.repository)?.username),
    ['u', 'u', 'l'],
  );
});

test('row 35: without a key a registry is asked anonymously, and that is said once', () => {
  const { warnings, config } = loadConfig(
    { 'r.io/p/x': 't.io/n/x', 'r.io/p/y': 't.io/n/y' },
    { auth: { 't.io': { insecure: true } } },
  );
  assert.deepEqual(warnings, ['auth has no key for r.io/p/x: it is asked anonymously']);
  assert.deepEqual(config?.credentials.find('t.io', 'n/x'), { insecure: true });
});

test('row 35: a user name without a password counts as none, and the other way round', () => {
  const { warnings, config } = loadAuth(
    '{"r.io": {"username": "u", "password": "", "insecure": true}, "t.io": {"password": "hunter2"}}',
  );
  assert.deepEqual(warnings, [
    'a.json:1: auth of "r.io" has a username without a password: it is used without both, anonymously',
    'a.json:1: auth of "t.io" has a password without a username: it is used without both, anonymously',
  ]);
  assert.deepEqual(config?.credentials.find('r.io', 'p/x'), { insecure: true });
});

test('row 36: variables are replaced in --auth where they are certainly meant', () => {
  const env = { USER: 'u', PW: 'p$x', EMPTY: '' };
  const found = (password: string) => {
    const { config } = loadAuth(JSON.stringify({ 'r.io': { username: '$USER', password } }), env);
    return config?.credentials.find('r.io', 'p/x');
  };
  for (const [written, expected] of Object.entries({
    $PW: 'p$x',
    '${PW}': 'p$x',
    'a${PW}b': 'ap$xb',
    a$PW: 'a$PW',
    $PW$PW: '$PW$PW',
    pa$$word: 'pa$$word',
    $1: '$1',
    a$: 'a$',
    '${': '${',
  }))
    assert.deepEqual(found(written), { username: 'u', password: expected, insecure: false });
  assert.deepEqual(found('$EMPTY'), { insecure: false });
});

test('row 36: in --config a dollar sign is one', () => {
  const auth = { 'r.io': { username: '$USER', password: '${PW}' } };
  const { config } = loadConfig({}, { auth, env: { USER: 'u', PW: 'p' } });
  assert.deepEqual(config?.credentials.find('r.io', 'p/x'), { ...auth['r.io'], insecure: false });
});

test('row 38: an unset variable leaves the text, with a warning that does not show it', () => {
  const { warnings, config } = loadAuth(
    '{"r.io": {"username": "$oauthtoken",\n"password": "$hunter2"}, "t.io": {"username": "u", "password": "x${hunter2}y"}}',
  );
  const said = 'refers to an environment variable that is not set: it is used as it is written';
  assert.deepEqual(warnings, [
    `a.json:1: auth of "r.io": username ${said}`,
    `a.json:2: auth of "r.io": password ${said}`,
    `a.json:2: auth of "t.io": password ${said}`,
  ]);
  assert.deepEqual(config?.credentials.find('r.io', 'p/x'), {
    username: '$oauthtoken',
    password: '$hunter2',
    insecure: false,
  });
});

test('in YAML, user name and password are what is written, whatever YAML makes of it', () => {
  for (const [written, expected] of [
    ['007', '007'],
    ['yes', 'yes'],
    ['1e3', '1e3'],
    ['null', 'null'],
    ['2026-11-24', '2026-11-24'],
    ["'a''b'", "a'b"],
    ['"a\\tb"', 'a\tb'],
    ['!!str 12', '12'],
    ['|-\n    a b', 'a b'],
  ] as const) {
    const { config } = loadAuth(`r.io:\n  username: u\n  password: ${written}\n`, {}, 'a.yaml');
    assert.equal(config?.credentials.find('r.io', 'p/x')?.password, expected);
  }
});

test('insecure takes the words of YAML 1.1, and no quotes', () => {
  const insecure = (word: string) => loadAuth(`r.io: { insecure: ${word} }\n`, {}, 'a.yaml');
  for (const word of ['true', 'yes', 'on', 'y', 'True', 'ON'])
    assert.equal(insecure(word).config?.credentials.find('r.io', 'p/x')?.insecure, true, word);
  for (const word of ['false', 'no', 'off', 'N', '~', ''])
    assert.equal(insecure(word).config?.credentials.find('r.io', 'p/x')?.insecure, false, word);
  for (const word of ['"true"', "'yes'", 'maybe', '1'])
    assert.match(
      abortedBy(insecure(word))[0] ?? '',
      /^auth of "r\.io": insecure should be true or false, without quotes, got a/,
    );
});

test('a wrong type in auth aborts the run, and shows no value', () => {
  const cases: Record<string, string> = {
    '{"r.io": {"username": "u", "password": 4711}}':
      'auth of "r.io": password should be a text in quotes, got a number',
    '{"r.io": {"username": ["hunter2"]}}': 'auth of "r.io": username should be a text in quotes, got a list',
    '{"r.io": "hunter2"}': 'auth of "r.io": should be a mapping, got a text',
    '{"r.io": {"insecure": "hunter2"}}':
      'auth of "r.io": insecure should be true or false, without quotes, got a text',
  };
  for (const [text, expected] of Object.entries(cases))
    assert.deepEqual(abortedBy(loadAuth(text)), [expected]);
});

test('null is nothing given', () => {
  const { config, mistakes } = loadAuth(
    '{"r.io": null, "t.io": {"username": null, "password": null, "insecure": null}}',
  );
  assert.deepEqual(mistakes, []);
  assert.equal(config?.credentials.find('r.io', 'p/x'), undefined);
  assert.deepEqual(config?.credentials.find('t.io', 'n/x'), { insecure: false });
});

test('without auth there is one warning', () => {
  const outcome = load({ files: { 'i.json': '{"r.io/p/x:v1": "t.io/n/x"}' }, flags: { images: 'i.json' } });
  assert.deepEqual(outcome.warnings, [
    'no credentials are given (auth): all registries are asked anonymously',
  ]);
});

test("Google's registries get a key as they take it themselves", () => {
  const auth = {
    'eu.gcr.io': { username: '_oauth2_', password: 'e30=' },
    'r.io': { username: '_oauth2_', password: 'p' },
  };
  const { config } = loadConfig({}, { auth });
  assert.equal(config?.credentials.find('eu.gcr.io', 'p/x')?.username, '_json_key_base64');
  assert.equal(config?.credentials.find('r.io', 'p/x')?.username, '_oauth2_');
});

test('the log is told passwords, and what they look like in a header', () => {
  const { config } = loadAuth(
    '{"r.io": {"username": "u", "password": "${PW}"}, "t.io": {"password": "unused"}}',
    {
      PW: 'hunter2',
    },
  );
  assert.deepEqual(config?.secrets, ['hunter2', Buffer.from('u:hunter2').toString('base64')]);
});

test('a field that nobody knows is ignored, and one that looks like a known one is told', () => {
  const { config } = loadAuth('{"r.io": {"username": "u", "pasword": "x", "insecur": true, "note": "ours"}}');
  const told = config?.warnings.filter((line) => line.includes('is ignored')) ?? [];
  assert.equal(told.length, 2, told.join('\n'));
  assert.match(told[0] ?? '', /the field "pasword" is ignored: is "password" meant\?/);
  assert.match(told[1] ?? '', /the field "insecur" is ignored: is "insecure" meant\?/);
  const whole = load({ files: { 'c.json': '{"auths": {}, "images": {}}' }, flags: { config: 'c.json' } });
  assert.ok(
    whole.config?.warnings.some((line) => line.includes('the field "auths" is ignored: is "auth" meant?')),
  );
});
