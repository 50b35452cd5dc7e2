import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { openSyncLog } from '../../src/cli/sync-log.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { run as runCommand } from '../integration/process.ts';
import { logLines } from '../support/log-lines.ts';
import { multiPlatform } from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { fileOf, lost, pushTags, refused, said, tagsAt, tiny, warned } from './rows.ts';
import { startEnds, sync, type SyncEnd } from './stand.ts';

/* The rows of "Files and flags", and what sections 2 and 3 say about exit codes, streams and files. */

const { source, destination, auth } = await startEnds({ after });
const R = `${source.host}/p/x`;
const tags = await pushTags(source.url, 'p/x', ['v1', 'v2']);
const D = tags.get('v1') ?? '';

const to = (repository: string): string => `${destination.host}/n/${repository}`;
const there = (repository: string): ReturnType<typeof tagsAt> => tagsAt(destination.url, `n/${repository}`);

/** A file of that name and text, given by the flag `--config`. */
async function runText(t: TestContext, name: string, text: string): Promise<SyncEnd> {
  return sync(t, { files: {}, flags: [`--config=${await fileOf(t, name, text)}`, '--retries=0'] });
}

test('row 28: beside --config, --auth and --images are ignored and not even opened, with a warning', async (t) => {
  const files = { config: { auth, images: { [`${R}:v1`]: to('row28') } } };
  for (const flags of [
    ['--auth=/nowhere/auth.json'],
    ['--auth=/nowhere/auth.json', '--images=/nowhere/images.conf'],
  ]) {
    const end = await sync(t, { files, flags });
    assert.equal(end.code, 0);
    assert.deepEqual(warned(end), [
      '--auth and --images are ignored beside --config, as image-syncer does: give either it or them',
    ]);
  }
  assert.deepEqual(await there('row28'), { v1: D });
});

test('row 29: a file that is missing, empty, of another kind or no such text aborts the run with what to do', async (t) => {
  const format =
    'only one of yaml/yml/json format is supported: the name must end in .json, .yaml or .yml, in lower case';
  const cases: [string, string | undefined, RegExp][] = [
    ['a.conf', '{}', new RegExp(`^${format}$`)],
    ['a.JSON', '{}', new RegExp(`^${format}$`)],
    ['json', '{}', new RegExp(`^${format}$`)],
    ['a.json', undefined, /^the file cannot be read \(ENOENT\): /],
    ['a.json', '', /^there is nothing in the file, not even \{\}: EOF$/],
    ['a.yaml', '# a remark\n', /^there is nothing in the file, not even \{\}: EOF$/],
    [
      'a.json',
      '{"images": {"hunter2": "x",}}',
      /^not JSON: expected a key in double quotes, got something else$/,
    ],
    ['a.yml', 'images: [hunter2', /^not YAML: expected /],
    ['a.yaml', '- a\n', /^the file should be a mapping, got a list$/],
  ];
  for (const [name, text, expected] of cases) {
    const file = text === undefined ? join(await temporaryFolder(t), name) : await fileOf(t, name, text);
    for (const flag of ['config', 'images']) {
      const end = await sync(t, { files: {}, flags: [`--${flag}=${file}`] });
      assert.equal(end.code, 2);
      const [mistake = '', count] = refused(end);
      assert.match(mistake, expected);
      assert.equal(count, '1 mistake; nothing has been copied');
    }
  }
});

test('row 29: without --config and --images the usage is wrong, said on both streams', async (t) => {
  const neither =
    'neither config.json nor images.json is provided: give --config FILE, or --images FILE (and --auth FILE)';
  const { code, stdout, stderr } = await runCommand(t, ['sync', '--auth=/nowhere/auth.json', '--log=log'], {
    cwd: await temporaryFolder(t),
  });
  assert.equal(code, 2);
  assert.equal(stdout, `init sync client error: ${neither}`);
  assert.match(stderr, /^tagferry: neither config\.json nor images\.json is provided: /);
  assert.match(
    stderr,
    /\/nowhere\/auth\.json: the file cannot be read \(ENOENT\): .*\n2 mistakes; nothing has been copied$/,
  );
});

test('row 58: --log begins with an empty file and leaves nothing for standard error', async (t) => {
  const cwd = await temporaryFolder(t);
  const images = { [`${R}:v1`]: to('row58'), [`${R}:gone`]: to('row58') };
  await writeFile(join(cwd, 'c.json'), JSON.stringify({ auth, images }));
  await writeFile(join(cwd, 'log'), 'of yesterday\n');
  const { code, stdout, stderr } = await runCommand(t, ['sync', '--config=c.json', '--log=log'], { cwd });
  assert.equal(code, 1, 'something failed');
  assert.equal(stderr, '');
  assert.match(
    stdout,
    /^failed \S+\/p\/x:gone -> \S+  not-found: the source has no such tag\n.*\nfailed tasks exist$/,
  );
  const log = said({ log: (await readFile(join(cwd, 'log'), 'utf8')).trimEnd().split('\n') });
  assert.match(log[0] ?? '', /^info: Finish analyzing image rule for /);
  assert.match(log.at(-1) ?? '', /^info: Synchronization finished, 1 tasks failed, cost [\d.]+s\.$/);
});

test('row 58: without --log the lines go to standard error, without colour and with none about the log', async (t) => {
  const config = await fileOf(
    t,
    'c.json',
    JSON.stringify({ auth, images: { [`${R}:v1`]: to('row58-none') } }),
  );
  const { code, stdout, stderr } = await runCommand(t, ['sync', `--config=${config}`], {
    env: { FORCE_COLOR: '1' },
  });
  assert.equal(code, 0);
  assert.match(stdout, /^copied 1, unchanged 0, skipped 0, failed 0; [^\n]*$/);
  const log = said({ log: stderr.split('\n') });
  assert.equal(log.length, 3);
  assert.match(
    log[0] ?? '',
    /^info: Finish analyzing image rule for .*: 1 tags\. Now 1\/1 tasks have been processed\.$/,
  );
  assert.match(
    log[1] ?? '',
    /^info: Finish synchronizing manifest from .*\. Now 2\/2 tasks have been processed\.$/,
  );
  assert.match(log[2] ?? '', /^info: Synchronization finished, 0 tasks failed, cost /);
});

test('row 58: a log that cannot be written is said once, where the log then goes, and its folder is not made', async (t) => {
  const { stream, lines } = logLines();
  const folder = join(await temporaryFolder(t), 'logs');
  const { log, close } = openSyncLog(join(folder, 'log'), [], { stream, level: 'info' });
  log.info('a line');
  await close();
  const [first = '', ...more] = said({ log: lines });
  assert.match(first, /^warning: --log: ENOENT: .*\/logs\/log'; the log goes to standard error$/);
  assert.deepEqual(more, ['info: a line']);
  assert.ok(!existsSync(folder), 'the folder is not made');
});

test('row 47: a list with commas behind --arch is taken as one', async (t) => {
  const image = multiPlatform('row 47');
  await push(source.url, 'p/multi', 'v1', image);
  const config = { auth, images: { [`${source.host}/p/multi:v1`]: to('row47') } };
  const end = await sync(t, { files: { config }, flags: ['--arch=amd64,arm64', '--os=linux, windows,'] });
  assert.equal(end.code, 0);
  assert.equal(end.report.counts.copied, 1);
  const [, ...kept] = await contentsOf(destination.url, 'n/row47', 'v1');
  const [, ...wanted] = await contentsOf(source.url, 'p/multi', 'v1');
  assert.deepEqual(kept, wanted.slice(0, kept.length), 'both platforms, whole');
  assert.deepEqual(
    kept.filter((line) => line.includes('image.manifest')).length,
    2,
    'and nothing that is attested of them',
  );
});

test('section 2: wrong flags are wrong usage, all told at once and before any file is opened', async (t) => {
  const flags = ['--config=/nowhere/c.json', '--proc=0', '--output-images-format=xml'];
  await assert.rejects(sync(t, { files: {}, flags }), {
    name: 'UsageError',
    message:
      '--proc: expected a whole number from 1 on, got "0"\n--output-images-format: expected json or yaml, got "xml"',
  });
});

test('section 3: names of fields are those of JSON whatever their case, and exact in YAML', async (t) => {
  const written = { AUTH: { [source.host]: { Insecure: true }, [destination.host]: { INSECURE: true } } };
  const images = { [`${R}:v1`]: to('case') };
  const json = await runText(t, 'c.json', JSON.stringify({ ...written, Images: images, remark: 'mine' }));
  assert.equal(json.code, 0);
  assert.deepEqual(await there('case'), { v1: D });
  const yaml = await runText(t, 'c.yml', JSON.stringify({ ...written, Images: { [`${R}:v2`]: to('case') } }));
  assert.equal(yaml.code, 0);
  assert.deepEqual(warned(yaml), [
    'the field "AUTH" is ignored: is "auth" meant?',
    'the field "Images" is ignored: is "images" meant?',
    'there is no rule: nothing is to do',
    'no credentials are given (auth): all registries are asked anonymously',
  ]);
  assert.deepEqual(await there('case'), { v1: D });
});

test('section 3: the first value of a file counts, and the last of a repeated key, with a warning each', async (t) => {
  const again = (key: string) => `the key "${key}" stands here again: its last value counts`;
  const wrong = '{"a.example/x": "b.example/y"}';
  const right = (name: string) => `{"${R}:v1": "${to(name)}"}`;
  const texts: [string, string, string[]][] = [
    [
      'json',
      `{"auth": ${JSON.stringify(auth)},\n"images": ${wrong}, "images": ${wrong}, "Images": ${right('first-json')}} {"images": {}}`,
      ['what stands behind the first JSON value is ignored', again('images'), again('Images')],
    ],
    [
      'yaml',
      `auth: ${JSON.stringify(auth)}\nimages: ${wrong}\nimages: ${right('first-yaml')}\n---\nimages: {}\n`,
      [again('images'), 'only the first YAML document counts; this one and what follows is ignored'],
    ],
  ];
  for (const [format, text, messages] of texts) {
    const end = await runText(t, `c.${format}`, text);
    assert.equal(end.code, 0, end.refusal);
    assert.deepEqual(await there(`first-${format}`), { v1: D });
    assert.deepEqual(warned(end).toSorted(), messages.toSorted());
  }
});

test("section 3: insecure takes YAML 1.1's words and no text; a user name is the source text of any scalar, but not in JSON", async (t) => {
  const user = {
    name: '007',
    password: '1e3',
    grants: [{ repositories: /.*/, actions: ['pull', 'push'] as const }],
  };
  const registry = await EmbeddedRegistry.start({ auth: { kind: 'basic', users: [user] } });
  t.after(() => registry.close());
  const { host } = new URL(registry.url);
  const digest = await push(registry.url, 'p/x', 'v1', tiny('scalars'), user);
  const rule = `images: {"${host}/p/x:v1": "${to('words')}"}\n`;
  const text = (insecure: string) =>
    `auth:\n  "${host}": {username: 007, password: 1e3, insecure: ${insecure}}\n  "${destination.host}": {insecure: on}\n${rule}`;
  for (const word of ['yes', 'On', 'y', 'TRUE']) {
    const end = await runText(t, 'c.yaml', text(word));
    assert.equal(end.code, 0, said(end).join('\n'));
  }
  assert.deepEqual(await there('words'), { v1: digest });
  const quoted = await runText(t, 'c.yaml', text('"true"'));
  assert.deepEqual(refused(quoted), [
    `auth of "${host}": insecure should be true or false, without quotes, got a text`,
    '1 mistake; nothing has been copied',
  ]);
  const number = await runText(
    t,
    'c.json',
    JSON.stringify({ auth: { 'r.io': { username: 7, password: 'x' } }, images: {} }),
  );
  assert.deepEqual(refused(number)[0], 'auth of "r.io": username should be a text in quotes, got a number');
});

test('section 5: mistakes that cost their rules are all told before the first registry is asked, and the others run', async (t) => {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const { host } = new URL(registry.url);
  const pushed = await pushTags(registry.url, 'p/x', ['v1']);
  const images = {
    [`${host}/p/x`]: [to('mistakes'), to('mistakes:a,b ,')],
    [`${host}/P/x`]: to('mistakes'),
    [`${host}/p/x:v1`]: to('mistakes:/v/'),
  };
  const end = await sync(t, { files: { config: { auth: { ...auth, [host]: { insecure: true } }, images } } });
  assert.equal(end.code, 2);
  assert.equal(lost(end).length, 3);
  const kinds = said(end).map((line) => /^\w+: (Failed to executed analyzing|Finish \w+)/.exec(line)?.[1]);
  assert.deepEqual(kinds, [
    ...Array<string>(3).fill('Failed to executed analyzing'),
    'Finish analyzing',
    'Finish synchronizing',
    undefined,
  ]);
  assert.deepEqual(await there('mistakes'), Object.fromEntries(pushed));
});

test('section 5: one mistake that aborts the run tells all others with it, of every file, and nothing is asked', async (t) => {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const { host } = new URL(registry.url);
  const files = {
    auth: { [host]: { insecure: 'true' }, 'r.io': { username: 5, password: 'hunter2' } },
    images: {
      [`${host}/p/x`]: to('aborted'),
      'r.io/P/x': 't.io/x',
      'r.io/p/x:v1,v2': 't.io/x:v1',
      'r.io/p/y': '',
    },
  };
  const end = await sync(t, { files });
  assert.equal(end.code, 2);
  assert.deepEqual(
    refused(end).map((mistake) => mistake.replace(host, 'HOST').slice(0, 48)),
    [
      'auth of "HOST": insecure should be true or false',
      'auth of "r.io": username should be a text in quo',
      'failed to parse first tag with url r.io/P/x: the',
      'the number of tags of source and destination is ',
      'empty destination is not supported for source: r',
      '5 mistakes; nothing has been copied',
    ],
  );
  assert.equal(registry.requests.length, 0);
  assert.doesNotMatch(end.refusal, /hunter2/);
});
