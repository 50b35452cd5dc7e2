import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PairingError } from '../../src/imagesyncer/pairs.ts';
import { abortedBy, copies, copiesOf, load, loadConfig, mistakeOf } from './files.ts';

const D = `sha256:${'a'.repeat(64)}`;
const D2 = `sha512:${'b'.repeat(128)}`;
const notMatched = 'the number of tags of source and destination is not matched: ';

test('row 1: a tag keeps its name, or gets another', () => {
  const outcome = loadConfig({ 'r.io/p/x:v1': ['t.io/n/x', 't.io/n/x:y'] });
  assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/x v1', 'r.io/p/x v1 -> t.io/n/x y']);
  assert.deepEqual([outcome.mistakes, outcome.warnings], [[], []]);
});

test('row 2: without a tag, all tags of the source keep their names', () => {
  const outcome = loadConfig({ 'r.io/p/x': 't.io/n/x' });
  assert.equal(outcome.config?.rules[0]?.selection.kind, 'all');
  assert.deepEqual(copies(outcome, ['v1', 'v2']), [
    'r.io/p/x v1 -> t.io/n/x v1',
    'r.io/p/x v2 -> t.io/n/x v2',
  ]);
});

test('row 3: all tags fit one name when there is one tag', () => {
  const [rule] = loadConfig({ 'r.io/p/x': 't.io/n/x:y' }).config?.rules ?? [];
  assert.ok(rule);
  assert.deepEqual(copiesOf(rule, ['v1']), ['r.io/p/x v1 -> t.io/n/x y']);
  for (const tags of [[], ['v1', 'v2']])
    assert.throws(
      () => copiesOf(rule, tags),
      (error) => error instanceof PairingError && error.message.startsWith(notMatched),
    );
});

test('row 4: lists are paired from left to right', () => {
  const outcome = loadConfig({ 'r.io/p/x:v1,v2': ['t.io/n/x', 't.io/n/y:y1,y2'] });
  assert.deepEqual(copies(outcome), [
    'r.io/p/x v1 -> t.io/n/x v1',
    'r.io/p/x v2 -> t.io/n/x v2',
    'r.io/p/x v1 -> t.io/n/y y1',
    'r.io/p/x v2 -> t.io/n/y y2',
  ]);
});

test('row 5: two tags do not fit one name, which is known before anything is asked', () => {
  assert.equal(
    mistakeOf('r.io/p/x:v1,v2', 't.io/n/x:y'),
    `${notMatched}2 at the source, and 1 at the destination; name as many there, or none to keep their names (r.io/p/x:v1,v2 -> t.io/n/x:y)`,
  );
});

test('row 6: content goes by its digest, or gets a tag', () => {
  const outcome = loadConfig({ [`r.io/p/x@${D}`]: ['t.io/n/x', 't.io/n/x:y', `t.io/n/x@${D}`] });
  const same = `r.io/p/x ${D} -> t.io/n/x ${D}`;
  assert.deepEqual(copies(outcome), [same, `r.io/p/x ${D} -> t.io/n/x y`, same]);
});

test('row 7: content cannot get another digest', () => {
  assert.match(
    mistakeOf(`r.io/p/x@${D}`, `t.io/n/x@${D2}`),
    /^the digest of source and destination must match: leave the digest/,
  );
});

test('row 9: a tag beside a digest is dropped with a warning', () => {
  const outcome = loadConfig({ [`r.io/p/x:v1@${D}`]: `t.io/n/x:y@${D}` });
  assert.deepEqual(copies(outcome), [`r.io/p/x ${D} -> t.io/n/x ${D}`]);
  assert.match(
    outcome.warnings[0] ?? '',
    /^c\.json:8: the tag v1 of r\.io\/p\/x:v1@sha256:a+ means nothing beside a digest/,
  );
  assert.match(outcome.warnings[1] ?? '', /the tag y of t\.io/);
});

test('row 9: a tag is not copied to a digest, nor are all tags', () => {
  assert.match(mistakeOf('r.io/p/x:v1', `t.io/n/x@${D}`), /^a tag cannot be copied to a digest/);
  assert.match(mistakeOf('r.io/p/x', `t.io/n/x@${D}`), /^a tag cannot be copied to a digest/);
});

test('row 10: a regular expression selects tags, and is not anchored', () => {
  const tags = ['v1', 'v1.0-rc', 'V1', 'w2'];
  const selected = (expression: string) =>
    copies(loadConfig({ [`r.io/p/x:/${expression}/`]: 't.io/n/x' }), tags).map((copy) => copy.split(' ')[1]);
  assert.deepEqual(selected('^v'), ['v1', 'v1.0-rc']);
  assert.deepEqual(selected('v1'), ['v1', 'v1.0-rc']);
  assert.deepEqual(selected('(?i)^v1$'), ['v1', 'V1']);
  assert.deepEqual(selected('^[vw][0-9]{1,2}$'), ['v1', 'w2']);
  assert.deepEqual(selected('[^/:]+2'), ['w2']);
  assert.deepEqual(selected(''), tags);
  assert.deepEqual(selected('none'), []);
});

test('row 10: an expression after a port, and one that selects one tag for one name', () => {
  const outcome = loadConfig({ 'localhost:5000/a/b/c:/^v1$/': 't.io:443/n/x:y' });
  assert.deepEqual(copies(outcome, ['v1', 'v12']), ['localhost:5000/a/b/c v1 -> t.io:443/n/x y']);
  assert.deepEqual(copies(outcome, []), []);
});

test('row 12: an expression is complete and understood', () => {
  const format = (url: string) => `invalid tag regex url format ${url}, regex must start and end with "/"`;
  assert.match(
    mistakeOf('r.io/p/x:/(/'),
    /^invalid tag regex of r\.io\/p\/x:\/\(\/: pattern "\(": .*missing closing \)/,
  );
  assert.match(mistakeOf('r.io/p/x:/(?=a)/'), /^invalid tag regex/);
  assert.equal(mistakeOf('r.io/p/x:/v1'), format('r.io/p/x:/v1'));
  assert.equal(mistakeOf('r.io/p/x:/'), format('r.io/p/x:/'));
});

test('row 12: one expression a source, none at a destination', () => {
  assert.match(mistakeOf('r.io/p/x:/^v/,/^w/'), /only one regex is possible/);
  assert.match(mistakeOf('r.io/p/x:/^v/:/^w/'), /only one regex is possible/);
  assert.match(
    mistakeOf('r.io/p/x', 't.io/n/x:/^v/'),
    /^a regex selects nothing at a destination: write t\.io\/n\/x, /,
  );
  assert.match(mistakeOf('r.io/p/x:v1:/^v/'), /^failed to parse first tag with url r\.io\/p\/x:v1:\/\^v\/: /);
});

test('row 14: spaces beside the commas of a list mean nothing, empty elements are mistakes', () => {
  const outcome = loadConfig({ [`r.io/p/x:v1 , v2,${D}`]: 't.io/n/x' });
  assert.deepEqual(
    copies(outcome),
    ['v1', 'v2', D].map((each) => `r.io/p/x ${each} -> t.io/n/x ${each}`),
  );
  for (const source of ['r.io/p/x:v1,', 'r.io/p/x:v1, ,v2'])
    assert.equal(
      mistakeOf(source),
      `failed to parese canonical url ${source}: a tag of the list is empty; take its comma away`,
    );
  assert.match(
    mistakeOf('r.io/p/x:v1', 't.io/n/x:,y'),
    /^failed to parse first tag with url t\.io\/n\/x:,y: no tag stands/,
  );
  assert.match(mistakeOf('r.io/p/x:v1,v 2'), /^failed to parese canonical url .*: a tag is at most 128/);
});

test('a repeated tag is copied once; under two names it is copied twice', () => {
  assert.deepEqual(copies(loadConfig({ 'r.io/p/x:v1,v1': 't.io/n/x' })), ['r.io/p/x v1 -> t.io/n/x v1']);
  assert.deepEqual(copies(loadConfig({ 'r.io/p/x:v1,v1': 't.io/n/x:a,b' })), [
    'r.io/p/x v1 -> t.io/n/x a',
    'r.io/p/x v1 -> t.io/n/x b',
  ]);
});

test('row 15: a list begins with a repository and a tag', () => {
  for (const source of ['r.io/p/x,v1', `r.io/p/x@${D},${D2}`]) {
    const mistake = mistakeOf(source);
    assert.ok(
      mistake.startsWith(`failed to parse first tag with url ${source.slice(0, 200)}: a list begins with`),
      mistake,
    );
  }
});

test('row 16: what is no reference says why', () => {
  const scheme = mistakeOf('https://r.io/p/x:v1');
  assert.equal(
    scheme,
    'invalid tag regex url format https://r.io/p/x:v1, regex must start and end with "/"; if it is none, leave out "https://"',
  );
  const reasons: Record<string, string> = {
    'r.io/P/x:v1': 'the name of a repository has no capital letters',
    'r.io/p/x/': 'it ends in "/"; take that away',
    'r.io/p/x:': 'no tag stands behind the last ":"',
    'r.io/p x:v1': 'there is a space in it; take it away',
    ' r.io/p/x:v1': 'there is a space at one of its ends; take it away',
    'r.io/': 'no repository is named',
    'r_i.o/p': 'the registry is not HOST or HOST:PORT',
    'r.io:99999/p': 'the registry is not HOST or HOST:PORT',
    'r.io/p//x':
      'a repository is lower-case words joined by ".", "_", "__" or "-", with one "/" between its parts',
    [`r.io/${'p'.repeat(256)}`]: 'the name of a repository has at most 255 characters',
    'r.io/p@sha256:abc': 'a digest is sha256: and 64, or sha512: and 128 lower-case hexadecimal digits',
  };
  for (const [source, reason] of Object.entries(reasons))
    assert.equal(mistakeOf(source), `failed to parse first tag with url ${source.slice(0, 200)}: ${reason}`);
});

test('row 16: a password in a URL is not shown', () => {
  for (const source of ['https://admin:hunter2@r.io/p/x:v1', 'admin:hunter2@r.io/p/x:v1'])
    assert.doesNotMatch(mistakeOf(source), /hunter2/);
});

test('row 17: short names are those of Docker Hub, with a warning unless they say so', () => {
  const outcome = loadConfig({
    'nginx:1': 't.io/n/x',
    'bitnami/redis:7': 't.io/n/x',
    'docker.io/a': 'index.docker.io/b/c',
  });
  assert.deepEqual(copies(outcome, ['v1']), [
    'docker.io/library/nginx 1 -> t.io/n/x 1',
    'docker.io/bitnami/redis 7 -> t.io/n/x 7',
    'docker.io/library/a v1 -> docker.io/b/c v1',
  ]);
  assert.deepEqual(outcome.warnings, [
    'c.json:8: nginx:1 names no registry, so that it is docker.io/library/nginx of Docker Hub: write that if it is meant',
    'c.json:9: bitnami/redis:7 names no registry, so that it is docker.io/bitnami/redis of Docker Hub: write that if it is meant',
  ]);
});

test('a registry has a dot, a port or the name localhost; repositories have any depth', () => {
  const outcome = loadConfig({
    'localhost/a:v': 'LocalHost:5000/a/b/c/d',
    'Harbor.Example.com/a_b/c-d.e:v': '[::1]:5000/x',
  });
  assert.deepEqual(copies(outcome), [
    'localhost/a v -> localhost:5000/a/b/c/d v',
    'harbor.example.com/a_b/c-d.e v -> [::1]:5000/x v',
  ]);
});

test('row 20: a destination that is listed twice is one', () => {
  const outcome = loadConfig(
    { 'r.io/p/x:v1': ['t.io/n/x', 't.io/n/y', 't.io/n/x', '${T}/n/x'] },
    { env: { T: 't.io' } },
  );
  assert.deepEqual(
    outcome.config?.rules.map(({ destination }) => destination),
    ['t.io/n/x', 't.io/n/y'],
  );
});

test('row 21: variables in destinations are replaced, in one file and in two', () => {
  const given = { env: { REG: 't.io', N: 'n' }, files: { 'i.yaml': 'r.io/p/x:v1: ["${REG}/$N/x"]\n' } };
  for (const outcome of [
    loadConfig({ 'r.io/p/x:v1': '${REG}/$N/x' }, given),
    load({ ...given, flags: { images: 'i.yaml' } }),
  ])
    assert.equal(outcome.config?.rules[0]?.destination, 't.io/n/x');
});

test('row 21: a variable that is unset or empty costs its rule', () => {
  const images = { 'r.io/p/x:v1': ['${REG}/n/x', '$EMPTY/n/x', 't.io/n/y'] };
  const outcome = loadConfig(images, { env: { EMPTY: '' } });
  assert.deepEqual(outcome.mistakes, [
    'c.json:9: the environment variable REG is not set, or empty: the destination ${REG}/n/x of r.io/p/x:v1 needs it',
    'c.json:10: the environment variable EMPTY is not set, or empty: the destination $EMPTY/n/x of r.io/p/x:v1 needs it',
  ]);
  assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/y v1']);
});

test('row 21: sources are taken as they are written', () => {
  assert.match(mistakeOf('$REG/p/x'), /^failed to parse first tag with url \$REG\/p\/x: /);
});

test('row 22: an empty destination or source aborts the run', () => {
  const empty =
    'empty destination is not supported for source: r.io/p/x: name one, or give --registry (and --namespace)';
  for (const destination of ['', [], ['t.io/n/x', '']])
    assert.deepEqual(abortedBy(loadConfig({ 'r.io/p/x': destination })), [empty]);
  assert.deepEqual(abortedBy(loadConfig({ '': 't.io/n/x' })), [
    'source url should not be empty: name a repository',
  ]);
});

test('row 26: a destination of another type aborts the run', () => {
  const shown: [unknown, string][] = [
    [5, '5'],
    [null, '<nil>'],
    [true, 'true'],
    [['a', 5], '[a 5]'],
    [{ a: 'b' }, 'map[…]'],
    [[['a']], '[[…]]'],
  ];
  for (const [destination, text] of shown)
    assert.deepEqual(abortedBy(loadConfig({ 'r.io/p/x': destination })), [
      `invalid destination ${text} for source "r.io/p/x", destination should only be string or []string: write a text in quotes, or a list of such`,
    ]);
});

test('row 26: what YAML 1.1 reads as something else is no text', () => {
  for (const destination of ['yes', '007', '1e3', '~', '']) {
    const outcome = load({ files: { 'i.yml': `r.io/p/x: ${destination}\n` }, flags: { images: 'i.yml' } });
    assert.match(abortedBy(outcome)[0] ?? '', /^invalid destination .* for source "r\.io\/p\/x"/);
  }
});

test('row 27: no rules are no mistake', () => {
  for (const text of ['{}', 'null', '{"images": {}}', '{"images": null, "auth": null}']) {
    const outcome = load({ files: { 'c.json': text }, flags: { config: 'c.json' } });
    assert.deepEqual(outcome.config?.rules, []);
    assert.deepEqual(outcome.warnings, [
      'c.json: there is no rule: nothing is to do',
      'no credentials are given (auth): all registries are asked anonymously',
    ]);
  }
  for (const text of ['{}', 'null', '~'])
    assert.deepEqual(load({ files: { 'i.yaml': text }, flags: { images: 'i.yaml' } }).config?.rules, []);
});

test('a mistake knows its rule, and costs only that', () => {
  const outcome = loadConfig({ 'r.io/P/x': 't.io/n/x', 'r.io/p/x:v1': ['t.io/n/x:a,b', 't.io/n/y'] });
  assert.deepEqual(
    outcome.config?.mistakes.map(({ line, source, destination }) => ({ line, source, destination })),
    [
      { line: 8, source: 'r.io/P/x', destination: undefined },
      { line: 10, source: 'r.io/p/x:v1', destination: 't.io/n/x:a,b' },
    ],
  );
  assert.deepEqual(copies(outcome), ['r.io/p/x v1 -> t.io/n/y v1']);
});

test('a password in front of a name is not repeated with the mistake', () => {
  const password = 'sw@rdfish';
  const name = (host: string) => `https://me:${password}@${host}/p/x:v1`;
  const { config } = loadConfig({
    [name('r.io')]: 't.io/n/x',
    'r.io/p/x': [name('t.io'), name('$NONE')],
  });
  assert.equal(config?.mistakes.length, 3);
  assert.ok(!/sw|rdfish/.test(JSON.stringify(config?.mistakes)), JSON.stringify(config?.mistakes));
  const aborted = abortedBy(loadConfig({ 'r.io/p/x': [name('t.io'), 5] }));
  assert.ok(!/sw|rdfish/.test(JSON.stringify(aborted)), JSON.stringify(aborted));
});

test('all mistakes are told at once when one of them aborts the run', () => {
  const outcome = load({
    files: {
      'a.json': '{"r.io": {"username": 5},\n"t.io": {"insecure": "true"}}',
      'i.yaml': 'r.io/P/x: t.io/n/x\nr.io/p/x: ""\nr.io/p/y:v1,v2: t.io/n/y:v1\n',
    },
    flags: { auth: 'a.json', images: 'i.yaml' },
  });
  assert.equal(outcome.config, undefined);
  assert.deepEqual(
    outcome.mistakes.map((mistake) => mistake.slice(0, 60)),
    [
      'a.json:1: auth of "r.io": username should be a text in quote',
      'a.json:2: auth of "t.io": insecure should be true or false, ',
      'i.yaml:1: failed to parse first tag with url r.io/P/x: the n',
      'i.yaml:2: empty destination is not supported for source: r.i',
      'i.yaml:3: the number of tags of source and destination is no',
    ],
  );
});
