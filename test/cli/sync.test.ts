import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { codeOf } from '../../src/cli/sync.ts';
import { openSyncLog } from '../../src/cli/sync-log.ts';
import { summaryOf } from '../../src/cli/sync-summary.ts';
import { json, type Misbehaviour } from '../../src/demo/registry/call.ts';
import { formatSuccessList } from '../../src/imagesyncer/success-list.ts';
import { successList } from '../../src/sync/report.ts';
import { run } from '../integration/process.ts';
import { ends, environment, writeExample } from '../integration/mirror.ts';
import { logLines } from '../support/log-lines.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { begin, hostOf, startRegistry, writeConfig } from '../sync/embedded.ts';

const line = /^time="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" level=(info|warning|error) msg="/;

test('row 58: everything is in the log file and nothing on standard error; each outcome is told, in order', async (t) => {
  const [name, password] = ['robot$mirror', 'correct-horse-battery'];
  // What one registry was told another one repeats: it cannot know that it is a secret.
  const misbehave: Misbehaviour = (call, next) =>
    call.method === 'PUT' && call.path.endsWith('/n/denied/manifests/v1')
      ? Promise.resolve(json(403, { errors: [{ code: 'DENIED', message: `not ${password}` }] }))
      : next();
  const source = await startRegistry(t, {
    auth: {
      kind: 'basic',
      users: [{ name, password, grants: [{ repositories: /.*/, actions: ['pull', 'push'] }] }],
    },
  });
  const destination = await startRegistry(t, { misbehave });
  const [from, to] = [hostOf(source), hostOf(destination)];
  const image = ociImage('one');
  for (const repository of ['p/x', 'p/denied'])
    await push(source.url, repository, 'v1', image, { name, password });
  const folder = await temporaryFolder(t);
  const config = await writeConfig(t, {
    folder,
    images: {
      [`${from}/p/none`]: `${to}/n/none`,
      [`${from}/p/x:v1`]: [`${to}/n/x`, `${to}/n/x:other`],
      [`${from}/p/denied:v1`]: `${to}/n/denied`,
      [`${from}/p/UPPER:v1`]: `${to}/n/upper`,
    },
    auth: { [from]: { insecure: true, username: name, password } },
    registries: [destination],
  });
  const file = (name: string) => join(folder, name);
  await writeFile(file('log'), 'of yesterday\n');
  const args = [
    'sync',
    `--config=${config}`,
    `--log=${file('log')}`,
    '--retries=0',
    `--report=${file('report')}`,
  ];
  const list = [`--output-success-images=${file('list')}`, '--output-images-format=json'];
  const { code, stdout, stderr } = await run(t, [...args, ...list], {
    env: { CLICOLOR_FORCE: '1', FORCE_COLOR: '1' },
  });
  assert.deepEqual([code, stderr], [1, '']);
  const texts = await Promise.all(['log', 'report', 'list'].map((name) => readFile(file(name), 'utf8')));
  const [log = '', report = '', success = ''] = texts;
  for (const text of [...texts, stdout]) {
    assert.ok(!text.includes(password), text);
    assert.ok(!text.includes('\u001B'), text);
  }
  const lines = log.trimEnd().split('\n');
  for (const one of lines) assert.match(one, line);
  for (const expected of [
    `msg="Finish analyzing image rule for ${from}/p/x:v1 -> ${to}/n/x: 1 tags. Now `,
    `msg="Finish synchronizing manifest from ${from}/p/x:v1 to ${to}/n/x:v1`,
    `level=error msg="Failed to executed synchronizing manifest from ${from}/p/denied:v1 to ${to}/n/denied:v1: destination-denied: `,
    `level=error msg="Failed to executed analyzing image rule for ${from}/p/none -> ${to}/n/none: not-found: `,
    `level=error msg="Failed to executed analyzing image rule for ${from}/p/UPPER:v1: `,
    ' tasks have been processed."',
  ])
    assert.ok(log.includes(expected), `${expected}\n${log}`);
  assert.match(
    lines.at(-1) ?? '',
    /level=info msg="Synchronization finished, 3 tasks failed, cost [\d.]+s\."$/,
  );
  assert.match(lines.at(-2) ?? '', /Now (\d+)\/\1 tasks have been processed\."$/);
  const { tags, rules, counts } = JSON.parse(report);
  assert.deepEqual(counts, { copied: 2, unchanged: 0, skipped: 0, failed: 1, rulesFailed: 2 });
  assert.deepEqual(
    tags.map(({ destination, outcome }: { destination: string; outcome: string }) => [destination, outcome]),
    [
      [`${to}/n/x:v1`, 'copied'],
      [`${to}/n/x:other`, 'copied'],
      [`${to}/n/denied:v1`, 'failed'],
    ],
  );
  assert.deepEqual(
    rules.map(({ reason }: { reason: string }) => reason),
    ['configuration', 'not-found'],
  );
  assert.deepEqual(JSON.parse(success), { [`${from}/p/x:v1`]: [`${to}/n/x:v1`, `${to}/n/x:other`] });
  const told = stdout.split('\n').map((one) => one.replace(/ {2}.*/, ''));
  assert.deepEqual(told.slice(0, 2), [
    `failed ${from}/p/denied:v1 -> ${to}/n/denied:v1`,
    `failed rule ${from}/p/UPPER:v1`,
  ]);
  assert.match(told[3] ?? '', /^copied 2, unchanged 0, skipped 0, failed 3; [\d.]+ KiB in [\d.]+ s$/);
  assert.equal(told[4], 'failed tasks exist');
});

test('a log that breaks off is no reason not to copy, and is told', async () => {
  const { lines, stream } = logLines();
  const { log, close } = openSyncLog('/dev/full', [], { stream, level: 'info' });
  log.info('a line');
  log.info('another line');
  await close();
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines[0] ?? '', /level=warning msg="--log: ENOSPC: .*; the lines from here on are lost"/);
});

test('a report that cannot be written is said before anything is asked: exit 2', async (t) => {
  const registry = await startRegistry(t);
  const images = { [`${hostOf(registry)}/p/x`]: `${hostOf(registry)}/n/x` };
  const config = await writeConfig(t, { images, registries: [registry] });
  const { code, stdout, stderr } = await run(t, [
    'sync',
    `--config=${config}`,
    '--report=/nowhere/report.json',
  ]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^tagferry: nothing was copied: cannot write \/nowhere\/report\.json: ENOENT/m);
  assert.deepEqual(registry.requests, []);
});

test('a report that cannot be written in the end: all else is said, and exit 1', async (t) => {
  const registry = await startRegistry(t);
  await push(registry.url, 'p/x', 'v1', ociImage('one'));
  const images = { [`${hostOf(registry)}/p/x`]: `${hostOf(registry)}/n/x` };
  const config = await writeConfig(t, { images, registries: [registry] });
  const { code, stdout, stderr } = await run(t, ['sync', `--config=${config}`, '--report=/dev/full']);
  assert.equal(code, 1);
  assert.match(stderr, /^tagferry: cannot write \/dev\/full: ENOSPC/m);
  assert.match(stdout, /^copied 1, /m);
});

test('nothing wrong but mistakes in the files: exit 2, although the other rules ran', async (t) => {
  const registry = await startRegistry(t);
  const host = hostOf(registry);
  await push(registry.url, 'p/x', 'v1', ociImage('one'));
  const images = { [`${host}/p/x:/(/`]: `${host}/n/y`, [`${host}/p/x`]: `${host}/n/x` };
  const report = await (await begin(t, { images, registries: [registry] })).report;
  assert.equal(report.counts.copied, 1);
  assert.equal(codeOf(report), 2);
  assert.equal(summaryOf(report, { columns: false }).at(-1), 'failed tasks exist');
});

test('nothing is to do: exit 0, said so, and an empty success list', async (t) => {
  const registry = await startRegistry(t);
  const host = hostOf(registry);
  await push(registry.url, 'p/x', 'v1', ociImage('one'));
  const given = { images: { [`${host}/p/x`]: `${host}/n/x` }, registries: [registry] };
  const first = await (await begin(t, given)).report;
  assert.equal(formatSuccessList(successList(first), 'yaml'), `${host}/p/x:v1:\n  - ${host}/n/x:v1\n`);
  const second = await (await begin(t, given)).report;
  assert.equal(codeOf(second), 0);
  assert.match(
    summaryOf(second, { columns: false }).join('\n'),
    /^copied 0, unchanged 1, .*; nothing to do$/,
  );
  assert.deepEqual(successList(second), {});
});

test('outcomes stand in the order of the file, however the copies end', async (t) => {
  const registry = await startRegistry(t, {
    misbehave: async (call, next) => {
      // The first ones are the last to end.
      const turns = call.path.includes('/n/r0') ? 50 : 0;
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      return next();
    },
  });
  const host = hostOf(registry);
  const names = ['r0', 'r3', 'r1', 'r2'];
  for (const name of names) await push(registry.url, `p/${name}`, 'v1', ociImage(name));
  const images = Object.fromEntries(names.map((name) => [`${host}/p/${name}`, `${host}/n/${name}`]));
  const { report, lines } = await begin(t, { images, registries: [registry] }, { proc: 4 });
  const { tags } = await report;
  assert.deepEqual(
    tags.map(({ source }) => source),
    names.map((name) => `${host}/p/${name}:v1`),
  );
  const ended = lines.filter((line) => line.includes('Finish synchronizing'));
  assert.ok(!(ended[0] ?? '').includes('/p/r0:v1'), 'they did end in another order');
});

test('a proxy that is none is a wrong configuration, of sync and of serve: exit 2', async (t) => {
  const registry = await startRegistry(t);
  const config = await writeConfig(t, { images: {}, registries: [registry] });
  const folder = await temporaryFolder(t);
  const example = await writeExample(folder, ends(registry, registry));
  for (const args of [
    ['sync', `--config=${config}`],
    ['serve', `--config=${example}`],
  ]) {
    const { code, stderr } = await run(t, args, {
      env: { ...environment, HTTPS_PROXY: 'ftp://user:hidden@proxy' },
    });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^tagferry: HTTPS_PROXY: expected http:\/\/HOST:PORT/m);
    assert.doesNotMatch(stderr, /hidden/);
  }
});

test('row 25: called by a link of image-syncer’s name it takes image-syncer’s command line', async (t) => {
  const registry = await startRegistry(t);
  const host = hostOf(registry);
  const image = ociImage('one');
  await push(registry.url, 'library/nginx', '1', image);
  const folder = await temporaryFolder(t);
  const config = await writeConfig(t, {
    folder,
    images: { [`${host}/library/nginx`]: '' },
    registries: [registry],
  });
  const link = join(folder, 'image-syncer');
  await symlink(fileURLToPath(new URL('../../src/cli/tagferry.ts', import.meta.url)), link);
  const args = [
    '--proc=10',
    `--config=${config}`,
    `--registry=${host}`,
    '--namespace=mirror',
    '--retries=10',
    `--log=${folder}/log`,
  ];
  const { code, stdout, stderr } = await run(t, args, { program: link });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^copied 1, /);
  assert.equal(await digestOfTag(registry.url, 'mirror/nginx', '1'), image.descriptor.digest);
});

test('what goes to standard output by its name stands behind what its file has', async (t) => {
  const folder = await temporaryFolder(t);
  const config = await writeConfig(t, { folder, images: { 'localhost:1/p/x:v1': 'localhost:1/n/x' } });
  const file = join(folder, 'out');
  await writeFile(file, 'of yesterday\n');
  const program = fileURLToPath(new URL('../../src/cli/tagferry.ts', import.meta.url));
  const outputs = ['--log=/dev/stdout', '--report=/dev/stdout', '--output-success-images=/dev/stdout'];
  const args = [process.execPath, program, 'sync', `--config=${config}`, '--retries=0', ...outputs];
  const ended = promisify(execFile)('sh', ['-c', `"$@" >> '${file}'`, 'sh', ...args]);
  await assert.rejects(ended, { code: 1 });
  const text = await readFile(file, 'utf8');
  assert.match(
    text,
    /^of yesterday\ntime=.*Synchronization finished[^\n]*\n\{\n  "dryRun".*\n\}\n\{\}\nfailed localhost.*\nfailed tasks exist\n$/s,
  );
});
