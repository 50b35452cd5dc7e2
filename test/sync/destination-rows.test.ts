import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { Client } from '../support/client.ts';
import { run as runCommand } from '../integration/process.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { fileOf, lost, pushTags, refused, said, tagsAt, warned } from './rows.ts';
import { startEnds, sync, type SyncEnd, type SyncRun } from './stand.ts';

/* The rows of "Rules" about destinations: variables, defaults, what is none, and two rules that meet in one. */

const { source, destination, auth } = await startEnds({ after });
const R = `${source.host}/p/x`;
const tags = await pushTags(source.url, 'p/x', ['v1', 'v2']);
const [D, D2] = [tags.get('v1') ?? '', tags.get('v2') ?? ''];

const to = (repository: string): string => `${destination.host}/n/${repository}`;
const there = (repository: string): ReturnType<typeof tagsAt> => tagsAt(destination.url, `n/${repository}`);

function run(t: TestContext, images: unknown, given: Partial<SyncRun> = {}): Promise<SyncEnd> {
  const { flags = [], ...rest } = given;
  return sync(t, { files: { config: { auth, images } }, flags: ['--retries=0', ...flags], ...rest });
}

/** A source that counts requests: a run that is refused makes none, though another rule of its file is right. */
async function refusedWith(t: TestContext, images: Record<string, unknown>): Promise<string[]> {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const { host } = new URL(registry.url);
  await pushTags(registry.url, 'p/x', ['v1']);
  const before = registry.requests.length;
  const right = { [`${host}/p/x`]: to('refused') };
  const end = await sync(t, {
    files: { config: { auth: { ...auth, [host]: { insecure: true } }, images: { ...right, ...images } } },
  });
  assert.equal(end.code, 2);
  assert.equal(registry.requests.length, before);
  assert.deepEqual(await there('refused'), {});
  return refused(end);
}

test('row 21: variables in destinations are replaced, with --config and with --images', async (t) => {
  const env = { REG: destination.host, N: 'n' };
  for (const [index, files] of [
    { config: { auth, images: { [`${R}:v1`]: '${REG}/$N/row21-0' } } },
    { auth, images: { [`${R}:v1`]: ['${REG}/${N}/row21-1'] } },
  ].entries()) {
    assert.equal((await sync(t, { files, env })).code, 0);
    assert.deepEqual(await there(`row21-${index}`), { v1: D });
  }
});

test('row 21: a variable that is unset or empty fails its rule, and nothing goes to what is left of the name', async (t) => {
  const images = {
    [`${R}:v1`]: ['${REG}/n/x', to('row21-good'), `${destination.host}/n$EMPTY/row21`],
    [`${R}:v2`]: to('row21-good'),
  };
  const end = await run(t, images, { env: { EMPTY: '' } });
  assert.equal(end.code, 2);
  assert.deepEqual(lost(end), [
    `the environment variable REG is not set, or empty: the destination \${REG}/n/x of ${R}:v1 needs it`,
    `the environment variable EMPTY is not set, or empty: the destination ${destination.host}/n$EMPTY/row21 of ${R}:v1 needs it`,
  ]);
  assert.deepEqual(await there('row21-good'), { v1: D, v2: D2 });
  assert.deepEqual(await there('row21'), {});
});

test('row 22: an empty destination or source aborts the run before anything is asked', async (t) => {
  const empty = (name: string) =>
    `empty destination is not supported for source: r.io/p/${name}: name one, or give --registry (and --namespace)`;
  assert.deepEqual(
    await refusedWith(t, { 'r.io/p/a': '', 'r.io/p/b': [], 'r.io/p/c': [to('c'), ''], '': to('d') }),
    [
      ...['a', 'b', 'c'].map(empty),
      'source url should not be empty: name a repository',
      '4 mistakes; nothing has been copied',
    ],
  );
});

test('row 23: an empty destination is below the default registry and namespace, without the first part of the source', async (t) => {
  const sub = await pushTags(source.url, 'team/sub/app', ['v2']);
  const top = await pushTags(source.url, 'top', ['v3']);
  const images = {
    [`${source.host}/team/sub/app:v2`]: '',
    [`${source.host}/top`]: [''],
    [`${R}:/^v1$/`]: '',
    [`${R}@${D2}`]: '',
  };
  const env = { DEFAULT_REGISTRY: 'wrong.example:1', DEFAULT_NAMESPACE: 'wrong' };
  const flags = [`--registry=${destination.host}/`, '--namespace=n/row23'];
  const byFlags = await run(t, images, { flags, env });
  assert.equal(byFlags.code, 0, 'a flag beats its variable');
  const byVariables = await run(t, images, {
    env: { DEFAULT_REGISTRY: destination.host, DEFAULT_NAMESPACE: 'n/row23-env' },
  });
  assert.equal(byVariables.code, 0);
  const mixed = await run(t, images, {
    flags: ['--namespace=n/row23-both'],
    env: { ...env, DEFAULT_REGISTRY: destination.host },
  });
  assert.equal(mixed.code, 0);
  for (const namespace of ['row23', 'row23-env', 'row23-both']) {
    assert.deepEqual(await there(`${namespace}/sub/app`), Object.fromEntries(sub));
    assert.deepEqual(await there(`${namespace}/top`), Object.fromEntries(top));
    assert.deepEqual(await there(`${namespace}/x`), { v1: D });
  }
});

test('row 24: with a default registry alone, the whole path of the source is kept', async (t) => {
  const app = await pushTags(source.url, 'row24/sub/app', ['v2']);
  const images = { [`${source.host}/row24/sub/app`]: '' };
  const end = await run(t, images, { flags: [`--registry=${destination.host}`] });
  assert.equal(end.code, 0);
  assert.deepEqual(await tagsAt(destination.url, 'row24/sub/app'), Object.fromEntries(app));
  const alone = await run(t, images, { flags: ['--namespace=n'] });
  assert.equal(alone.code, 2);
  assert.match(alone.refusal, /^--namespace is nothing without --registry: /);
});

test('section 6: a default registry without a credential beside one for ACR Enterprise Edition stops before copying', async (t) => {
  const enterprise = 'demo-registry.cn-shanghai.cr.aliyuncs.com';
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const { host } = new URL(registry.url);
  const credentials = { [host]: { insecure: true }, [enterprise]: { username: 'u', password: 'hunter2' } };
  const files = { config: { auth: credentials, images: { [`${host}/p/x`]: '' } } };
  const flags = ['--registry=registry.cn-beijing.aliyuncs.com', '--namespace=image-syncer'];
  const end = await sync(t, { files, flags });
  assert.equal(end.code, 2);
  assert.equal(registry.requests.length, 0);
  assert.deepEqual(refused(end), [
    `the default registry registry.cn-beijing.aliyuncs.com has no credential in auth, but ${enterprise} (ACR Enterprise Edition) has one: give --registry=${enterprise} if it is meant, else add registry.cn-beijing.aliyuncs.com to auth`,
    '1 mistake; nothing has been copied',
  ]);
});

test('row 25: the whole command line of 2020 runs as it is written', async (t) => {
  const cwd = await temporaryFolder(t);
  const config = await fileOf(t, 'harbor-to-acr.json', JSON.stringify({ auth, images: { [R]: '' } }));
  const { code, stdout, stderr } = await runCommand(
    t,
    [
      'sync',
      '--proc=10',
      `--config=${config}`,
      `--registry=${destination.host}`,
      '--namespace=n/row25',
      '--retries=10',
      '--log=./log',
      '--records=./records',
    ],
    { cwd },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^copied 2, unchanged 0, skipped 0, failed 0; /);
  assert.equal(stderr, '');
  assert.deepEqual(await there('row25/x'), { v1: D, v2: D2 });
});

test('row 26: a destination that is no text aborts the run before anything is asked', async (t) => {
  const invalid = (shown: string, name: string) =>
    `invalid destination ${shown} for source "r.io/p/${name}", destination should only be string or []string: write a text in quotes, or a list of such`;
  assert.deepEqual(await refusedWith(t, { 'r.io/p/a': 5, 'r.io/p/b': null, 'r.io/p/c': ['a', 5] }), [
    invalid('5', 'a'),
    invalid('<nil>', 'b'),
    invalid('[a 5]', 'c'),
    '3 mistakes; nothing has been copied',
  ]);
});

test('row 27: no rules are no mistake, and a run that has nothing to do', async (t) => {
  for (const files of [
    { config: { auth, images: {} } },
    { config: { auth, images: null } },
    { images: 'null\n' },
  ]) {
    const end = await sync(t, { files });
    assert.equal(end.code, 0);
    assert.deepEqual(end.report.counts, { copied: 0, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 });
    assert.match(said(end).at(-1) ?? '', /^info: Synchronization finished, 0 tasks failed, cost /);
    assert.ok(warned(end).includes('there is no rule: nothing is to do'));
  }
});

test('row 60b: of two source tags for one destination tag the lower line of the file has it, each time, and it is said', async (t) => {
  const lines: [string, string][] = [
    [`${R}:v1`, to('row60b:x')],
    [`${R}:v2`, to('row60b:x')],
    [`${R}:/^v1$/`, to('row60b:y')],
  ];
  const message = (winner: string) =>
    `${R}:${winner} goes to ${to('row60b:x')} as well, and stands further down`;
  const orders: [typeof lines, string, string, string][] = [
    [lines, 'v1', 'v2', D2],
    [lines.toReversed(), 'v2', 'v1', D],
    [lines.toReversed(), 'v2', 'v1', D],
  ];
  for (const [order, loser, winner, digest] of orders) {
    const end = await run(t, Object.fromEntries(order));
    assert.equal(end.code, 0);
    assert.deepEqual(await there('row60b'), { x: digest, y: D });
    assert.equal(end.report.counts.skipped, 1);
    assert.deepEqual(
      end.report.tags.flatMap((tag) =>
        tag.outcome === 'skipped' ? [[tag.source, tag.reason, tag.message]] : [],
      ),
      [[`${R}:${loser}`, 'name-collision', message(winner)]],
    );
    assert.deepEqual(warned(end), [`${R}:${loser} is not copied to ${to('row60b:x')}: ${message(winner)}`]);
  }
});

test('row 60b: a copy that several rules want is one, and so is one that gives way', async (t) => {
  const overlapping = await run(t, {
    [`${R}:v1`]: to('row60b-once'),
    [R]: to('row60b-once'),
    [`${R}:/1$/`]: to('row60b-once'),
  });
  assert.equal(overlapping.code, 0);
  assert.deepEqual(warned(overlapping), []);
  assert.equal(overlapping.report.tags.length, 2);
  const copied = said(overlapping).filter((line) => line.startsWith('info: Finish synchronizing manifest '));
  assert.equal(copied.length, 2);
  const target = to('row60b-loser:x');
  const twice = await run(t, { [`${R}:v1`]: target, [`${R}:/^v1$/`]: target, [`${R}:v2`]: target });
  assert.deepEqual(await there('row60b-loser'), { x: D2 });
  assert.deepEqual(
    twice.report.tags.map((tag) => `${tag.outcome} ${tag.source}`),
    [`copied ${R}:v2`, `skipped ${R}:v1`],
  );
});

test('row 60b: a tag that was deleted at the source stays at the destination', async (t) => {
  const pushed = await pushTags(source.url, 'p/deleted', ['v1', 'v2']);
  const images = { [`${source.host}/p/deleted`]: to('row60b-deleted') };
  assert.equal((await run(t, images)).code, 0);
  await new Client(source.url).expect(202, `/v2/p/deleted/manifests/${pushed.get('v2')}`, {
    method: 'DELETE',
  });
  const end = await run(t, images);
  assert.equal(end.code, 0);
  assert.equal(end.report.counts.unchanged, 1);
  assert.deepEqual(await there('row60b-deleted'), Object.fromEntries(pushed));
});
