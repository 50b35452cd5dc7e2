import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abortedBy, copies, load } from './files.ts';

const images = '{"r.io/p/x:v1": "t.io/n/x"}';

function loadImages(name: string, text: string | Uint8Array) {
  return load({ files: { [name]: text }, flags: { images: name } });
}

test('row 28: --config alone counts, and the other files are not opened', () => {
  const outcome = load({
    files: { 'c.json': `{"images": ${images}, "auth": {"r.io": {}, "t.io": {}}}` },
    flags: { config: 'c.json', auth: 'no-such-file.json', images: 'neither.conf' },
  });
  assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/x v1']);
  assert.deepEqual(outcome.warnings, [
    '--auth and --images are ignored beside --config, as image-syncer does: give either it or them',
  ]);
});

test('row 29: one of the files must be named', () => {
  const expected =
    'neither config.json nor images.json is provided: give --config FILE, or --images FILE (and --auth FILE)';
  assert.deepEqual(abortedBy(load({ flags: {} })), [expected]);
  assert.deepEqual(abortedBy(load({ flags: { config: '', images: '' } })), [expected]);
  assert.deepEqual(abortedBy(load({ files: { 'a.json': '{"r.io": 5}' }, flags: { auth: 'a.json' } })), [
    expected,
    'auth of "r.io": should be a mapping, got a number',
  ]);
});

test('row 29: the format is told by the suffix in lower case', () => {
  for (const name of ['i.conf', 'i.JSON', 'json', 'i.json.txt'])
    assert.match(
      loadImages(name, images).mistakes[0] ?? '',
      /: only one of yaml\/yml\/json format is supported: the name must end in/,
    );
  for (const name of ['i.json', 'i.yaml', 'i.yml'])
    assert.deepEqual(copies(loadImages(name, images)), ['r.io/p/x v1 -> t.io/n/x v1']);
});

test('row 29: a file that is missing, empty or no text aborts the run', () => {
  assert.match(
    abortedBy(load({ flags: { images: 'i.json' } }))[0] ?? '',
    /^the file cannot be read \(ENOENT\)/,
  );
  const latin = Uint8Array.of(0x22, 0xe4, 0x22);
  assert.match(
    abortedBy(loadImages('i.yaml', latin))[0] ?? '',
    /^the file cannot be read \(it is not UTF-8\)/,
  );
  for (const text of ['', ' \n', '\uFEFF'])
    for (const name of ['i.json', 'i.yaml'])
      assert.deepEqual(abortedBy(loadImages(name, text)), ['there is nothing in the file, not even {}: EOF']);
  assert.deepEqual(abortedBy(loadImages('i.yaml', '# nothing\n')), [
    'there is nothing in the file, not even {}: EOF',
  ]);
});

test('row 29: what is not JSON says where, and quotes nothing', () => {
  const cases: [string, string][] = [
    ['{\n"a": hunter2}', 'i.json:2: not JSON: expected a JSON value, got something else'],
    ['{\n"a": "b"\n"hunter2": 1}', 'i.json:3: not JSON: expected "," or "}", got something else'],
    ['{"a" "hunter2"}', 'i.json:1: not JSON: expected ":" behind a key, got something else'],
    ['{hunter2: 1}', 'i.json:1: not JSON: expected a key in double quotes, got something else'],
    ['["a",\n]', 'i.json:2: not JSON: expected a JSON value, got something else'],
    ['{"a":', 'i.json:1: not JSON: expected a JSON value, got the end'],
    [
      '{"a": "hunter2\n"}',
      'i.json:1: not JSON: expected a text in double quotes, got one that does not end in its line, or an escape that JSON does not know',
    ],
    ['{"a": 01}', 'i.json:1: not JSON: expected "," or "}", got something else'],
  ];
  for (const [text, expected] of cases) assert.deepEqual(loadImages('i.json', text).mistakes, [expected]);
});

test('row 29: what is not YAML says where, and quotes nothing', () => {
  const { mistakes } = loadImages('i.yaml', 'a: b\nc: "hunter2\nd: hunter2: x\n');
  assert.ok(mistakes.length > 0);
  for (const mistake of mistakes) assert.match(mistake, /^i\.yaml:\d: not YAML: expected (?!.*hunter2)/);
  assert.deepEqual(loadImages('i.yaml', 'a: *b\n').mistakes, [
    'i.yaml:1: not YAML for image-syncer: expected a text in quotes when it begins with *, got an alias without an anchor',
  ]);
});

test('a file holds a mapping, and so do auth and images', () => {
  assert.deepEqual(abortedBy(loadImages('i.json', '[]')), ['the file should be a mapping, got a list']);
  assert.deepEqual(abortedBy(loadImages('i.yaml', 'text')), ['the file should be a mapping, got a text']);
  const both = load({ files: { 'c.json': '{"auth": "x", "images": 5}' }, flags: { config: 'c.json' } });
  assert.deepEqual(abortedBy(both), [
    'auth should be a mapping, got a text',
    'images should be a mapping, got a number',
  ]);
});

test('only the first JSON value counts, with a warning', () => {
  const outcome = loadImages('i.json', `${images}\n\n {"no json`);
  assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/x v1']);
  assert.equal(outcome.warnings[0], 'i.json:3: what stands behind the first JSON value is ignored');
});

test('only the first YAML document counts, with a warning', () => {
  const outcome = loadImages('i.yaml', `${images}\n---\n"no yaml`);
  assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/x v1']);
  assert.match(outcome.warnings[0] ?? '', /^i\.yaml:2: only the first YAML document counts/);
});

test('of a repeated key the last value counts, with a warning', () => {
  const repeated = '{"r.io/p/x:v1": "t.io/n/x",\n"r.io/p/x:v1": "t.io/n/y"}';
  for (const name of ['i.json', 'i.yaml']) {
    const outcome = loadImages(name, repeated);
    assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/y v1']);
    assert.equal(
      outcome.warnings[0],
      `${name}:2: the key "r.io/p/x:v1" stands here again: its last value counts`,
    );
  }
});

test('field names match regardless of case in JSON, exactly in YAML; unknown ones are ignored', () => {
  const text = `{"Images": ${images}, "AUTH": {"r.io": {"UserName": "u", "PASSWORD": "p", "Insecure": true, "x": 1}}, "x": []}`;
  const json = load({ files: { 'c.json': text }, flags: { config: 'c.json' } });
  assert.equal(json.config?.rules.length, 1);
  assert.deepEqual(json.config?.credentials.find('r.io', 'p/x'), {
    username: 'u',
    password: 'p',
    insecure: true,
  });
  const yaml = load({ files: { 'c.yaml': text }, flags: { config: 'c.yaml' } });
  assert.equal(yaml.config?.rules.length, 0);
});

test('anchors, aliases and merged mappings are read', () => {
  const text = `
x-login: &login { username: u, password: p }
x-to: &to [t.io/n/x, t.io/n/y]
auth:
  r.io: { <<: *login, insecure: yes }
  t.io: { password: other, <<: [*login, { username: unused }] }
images:
  r.io/p/x:v1: *to
  r.io/p/y:v1: *to
`;
  const { config } = load({ files: { 'c.yaml': text }, flags: { config: 'c.yaml' } });
  assert.equal(config?.rules.length, 4);
  assert.deepEqual(config?.credentials.find('r.io', 'x'), { username: 'u', password: 'p', insecure: true });
  assert.deepEqual(config?.credentials.find('t.io', 'x'), {
    username: 'u',
    password: 'other',
    insecure: false,
  });
});

test('an escaped key and a line end of Windows are read as they are meant', () => {
  const outcome = loadImages('i.json', '{\r\n"r.io\\/p/x:v\\u0031":\r\n5}');
  assert.deepEqual(
    outcome.mistakes.map((each) => each.slice(0, 60)),
    ['i.json:2: invalid destination 5 for source "r.io/p/x:v1", de'],
  );
});

test('an escaped quote does not end a text', () => {
  const text = String.raw`{"auth": {"r.io": {"username": "u", "password": "a\"b\\"}}, "images": {}}`;
  const { config } = load({ files: { 'c.json': text }, flags: { config: 'c.json' } });
  assert.equal(config?.credentials.find('r.io', 'p/x')?.password, 'a"b\\');
});

test('mistakes of one file are told in the order of its lines', () => {
  const text = '{"images": {"r.io/p/x": 5},\n"auth": {"r.io": 5}}';
  const { mistakes } = load({ files: { 'c.json': text }, flags: { config: 'c.json' } });
  assert.deepEqual(
    mistakes.map((mistake) => mistake.slice(0, 17)),
    ['c.json:1: invalid', 'c.json:2: auth of'],
  );
});
