import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '../../src/clock.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import type { Call, Misbehaviour } from '../../src/demo/registry/call.ts';
import type { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { DatabaseError } from '../../src/main/sync.ts';
import { openState } from '../../src/state/state.ts';
import { run, start } from '../integration/process.ts';
import { FakeClock } from '../support/clock.ts';
import { type Image, multiPlatform, ociImage, ociImageOf } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { begin, type Given, hostOf, startRegistry, writeConfig } from '../sync/embedded.ts';

/** Two registries, of which the destination can be made to hang, and a state file. */
async function stand(t: TestContext) {
  let which: ((call: Call) => boolean) | undefined;
  let hangs = Promise.withResolvers<void>();
  let release = Promise.withResolvers<void>();
  const misbehave: Misbehaviour = async (call, next) => {
    if (which?.(call) !== true) return next();
    hangs.resolve();
    await release.promise;
    return next();
  };
  const source = await startRegistry(t);
  const destination = await startRegistry(t, { misbehave });
  const state = join(await temporaryFolder(t), 'state.db');
  const given: Given = {
    images: { [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x` },
    registries: [source, destination],
  };
  return {
    source,
    destination,
    state,
    given,
    /** Resolves when such a request has come, which is answered after `release`, if ever. */
    hang(next: (call: Call) => boolean): Promise<void> {
      which = next;
      hangs = Promise.withResolvers();
      release = Promise.withResolvers();
      return hangs.promise;
    },
    /** What hangs goes on hanging; nothing else does. */
    ease(): void {
      which = undefined;
    },
    release(): void {
      which = undefined;
      release.resolve();
    },
  };
}

type Stand = Awaited<ReturnType<typeof stand>>;

/** Three tags, of which only the first can be written. */
async function threeTags({ source, hang }: Stand): Promise<{ images: Image[]; hangs: Promise<void> }> {
  const images = ['one', 'two', 'three'].map((seed) => ociImage(seed));
  for (const [index, image] of images.entries()) await push(source.url, 'p/x', `v${index + 1}`, image);
  return { images, hangs: hang(isLaterTag) };
}

function isLaterTag({ method, path }: Call): boolean {
  return method === 'PUT' && /\/manifests\/v[23]$/.test(path);
}

/** Resolves when the first tag is told as copied, and another one hangs. */
async function middle(
  hangs: Promise<void>,
  running: { onLine(listener: (line: string) => void): void },
): Promise<void> {
  const { promise: copied, resolve } = Promise.withResolvers<void>();
  running.onLine((line) => /Finish synchronizing manifest from \S+:v1 to/.test(line) && resolve());
  await Promise.all([copied, hangs]);
}

/** Runs to the end in this process; `requests`: what both ends were asked, as `METHOD path`. */
async function whole(
  t: TestContext,
  { source, destination, state, given }: Stand,
  other: Partial<Given> = {},
  clock: Clock = systemClock,
) {
  const before = [source, destination].map(({ requests }) => requests.length);
  const { report, lines } = await begin(t, { ...given, ...other }, { state, proc: 1 }, clock);
  const asked = ({ requests }: EmbeddedRegistry, from: number) =>
    requests.slice(from).map(({ method, path }) => `${method} ${path}`);
  return {
    report: await report,
    lines,
    atSource: asked(source, before[0] ?? 0),
    atDestination: asked(destination, before[1] ?? 0),
  };
}

const outcomes = (report: { tags: { outcome: string }[] }) => report.tags.map(({ outcome }) => outcome);

/** What is there costs one request at the source, and at the destination one for the whole repository. */
function assertGoesOn({ report, atSource, atDestination }: Awaited<ReturnType<typeof whole>>): void {
  assert.deepEqual(outcomes(report), ['unchanged', 'copied', 'copied']);
  assert.deepEqual(
    atSource.filter((request) => request.includes('/manifests/v1')),
    ['HEAD /v2/p/x/manifests/v1'],
  );
  assert.deepEqual(
    atDestination.filter((request) => /\/v1|list/.test(request)),
    ['GET /v2/n/x/tags/list'],
  );
}

test('a run that was stopped goes on where it was', async (t) => {
  const all = await stand(t);
  const { hangs } = await threeTags(all);
  const first = await begin(t, all.given, { state: all.state, proc: 3 });
  await middle(hangs, first);
  first.stop();
  assert.deepEqual(outcomes(await first.report), ['copied', 'skipped', 'skipped']);
  all.ease();
  assertGoesOn(await whole(t, all));
});

test('a run that was killed goes on where it was', async (t) => {
  const all = await stand(t);
  const { hangs } = await threeTags(all);
  const config = await writeConfig(t, all.given);
  const running = start(t, ['sync', `--config=${config}`, `--state=${all.state}`, '--proc=3']);
  await middle(hangs, running);
  running.kill('SIGKILL');
  await running.ended;
  all.ease();
  assertGoesOn(await whole(t, all));
});

test('a repository that has gone since the last run comes back', async (t) => {
  const all = await stand(t);
  const image = ociImage('one');
  await push(all.source.url, 'p/x', 'v1', image);
  assert.deepEqual(outcomes((await whole(t, all)).report), ['copied']);
  const port = Number(new URL(all.destination.url).port);
  await all.destination.close();
  const destination = await startRegistry(t, { port });
  const given = { ...all.given, registries: [all.source, destination] };
  const { report } = await whole(t, { ...all, destination, given });
  assert.deepEqual(outcomes(report), ['copied']);
  assert.equal(await digestOfTag(destination.url, 'n/x', 'v1'), image.descriptor.digest);
});

const hour = 60 * 60_000;

test('what a run has seen is believed for a day from when it was seen, however often it is believed', async (t) => {
  const all = await stand(t);
  const clock = new FakeClock();
  for (const tag of ['v1', 'v2', 'v3']) await push(all.source.url, 'p/x', tag, ociImage(tag));
  assert.deepEqual(outcomes((await whole(t, all, {}, clock)).report), ['copied', 'copied', 'copied']);
  const asked: number[] = [];
  for (let passed = 0; passed < 30; passed += 10) {
    clock.advance(10 * hour);
    const { report, atDestination } = await whole(t, all, {}, clock);
    assert.deepEqual(outcomes(report), ['unchanged', 'unchanged', 'unchanged']);
    asked.push(atDestination.filter((request) => request.includes('/manifests/')).length);
  }
  assert.deepEqual(asked, [0, 0, 3]);
});

test('a tag that somebody has deleted at the destination is copied again by the next run', async (t) => {
  const all = await stand(t);
  for (const tag of ['v1', 'v2', 'v3']) await push(all.source.url, 'p/x', tag, ociImage(tag));
  await whole(t, all);
  const { given } = all;
  const port = Number(new URL(all.destination.url).port);
  await all.destination.close();
  const destination = await startRegistry(t, { port });
  for (const tag of ['v1', 'v3']) await push(destination.url, 'n/x', tag, ociImage(tag));
  const anew = { ...all, destination, given: { ...given, registries: [all.source, destination] } };
  assert.deepEqual(outcomes((await whole(t, anew)).report), ['unchanged', 'copied', 'unchanged']);
  assert.equal(await digestOfTag(destination.url, 'n/x', 'v2'), ociImage('v2').descriptor.digest);
});

test('a tag that somebody has overwritten at the destination is seen a day later', async (t) => {
  const all = await stand(t);
  const clock = new FakeClock();
  for (const tag of ['v1', 'v2', 'v3']) await push(all.source.url, 'p/x', tag, ociImage(tag));
  await whole(t, all, {}, clock);
  await push(all.destination.url, 'n/x', 'v2', ociImage('somebody else'));
  clock.advance(23 * hour);
  const soon = await whole(t, all, {}, clock);
  assert.deepEqual(outcomes(soon.report), ['unchanged', 'unchanged', 'unchanged']);
  clock.advance(2 * hour);
  const later = await whole(t, all, {}, clock);
  assert.deepEqual(outcomes(later.report), ['unchanged', 'copied', 'unchanged']);
  assert.equal(await digestOfTag(all.destination.url, 'n/x', 'v2'), ociImage('v2').descriptor.digest);
});

test('what the source has changed is copied, and believed from then on', async (t) => {
  const all = await stand(t);
  for (const tag of ['v1', 'v2', 'v3']) await push(all.source.url, 'p/x', tag, ociImage(tag));
  await whole(t, all);
  await push(all.source.url, 'p/x', 'v2', ociImage('again'));
  assert.deepEqual(outcomes((await whole(t, all)).report), ['unchanged', 'copied', 'unchanged']);
  const { report, atDestination } = await whole(t, all);
  assert.deepEqual(outcomes(report), ['unchanged', 'unchanged', 'unchanged']);
  assert.deepEqual(
    atDestination.filter((request) => request !== 'GET /v2/'),
    ['GET /v2/n/x/tags/list'],
  );
});

test('of a tag whose write was cut an earlier run is not believed: nobody knows what it names', async (t) => {
  const all = await stand(t);
  const { url } = all.source;
  for (const tag of ['v1', 'v2', 'v3']) await push(url, 'p/x', tag, ociImage(tag));
  await whole(t, all);
  await push(url, 'p/x', 'v2', ociImage('again'));
  const hangs = all.hang(isLaterTag);
  const cut = await begin(t, all.given, { state: all.state });
  await hangs;
  cut.stop();
  await cut.report;
  // It arrives all the same, and the source goes back to what was there.
  all.release();
  await push(all.destination.url, 'n/x', 'v2', ociImage('again'));
  await push(url, 'p/x', 'v2', ociImage('v2'));
  const { report } = await whole(t, all);
  assert.deepEqual(outcomes(report), ['unchanged', 'copied', 'unchanged']);
  assert.equal(await digestOfTag(all.destination.url, 'n/x', 'v2'), ociImage('v2').descriptor.digest);
});

test('with --force what was seen is not believed', async (t) => {
  const all = await stand(t);
  for (const tag of ['v1', 'v2']) await push(all.source.url, 'p/x', tag, ociImage(tag));
  await whole(t, all);
  const { report } = await begin(t, all.given, { state: all.state, force: true });
  assert.deepEqual(outcomes(await report), ['copied', 'copied']);
});

test('a clock that was set back does not make a record believed for longer', async (t) => {
  const all = await stand(t);
  for (const tag of ['v1', 'v2', 'v3']) await push(all.source.url, 'p/x', tag, ociImage(tag));
  const now = Date.UTC(2026, 10, 23, 12);
  await whole(t, all, {}, new FakeClock(now));
  const { atDestination } = await whole(t, all, {}, new FakeClock(now - 100 * hour));
  assert.equal(atDestination.filter((request) => request.startsWith('HEAD')).length, 3);
});

test('what is known of the destination’s blobs spares the next run its questions', async (t) => {
  const all = await stand(t);
  const first = ociImage('one');
  const [config, ...layers] = first.blobs;
  assert.ok(config);
  await push(all.source.url, 'p/x', 'v1', first);
  await whole(t, all);
  await push(all.source.url, 'p/x', 'v2', ociImageOf(config, layers, { annotations: { version: '2' } }));
  const { report, atDestination } = await whole(t, all);
  assert.deepEqual(outcomes(report), ['unchanged', 'copied']);
  assert.deepEqual(
    atDestination.filter((request) => request.includes('/blobs/')),
    [],
  );
});

test('a big blob that was cut goes on in its upload session', async (t) => {
  const all = await stand(t);
  const size = 65 * 1024 * 1024;
  await push(all.source.url, 'p/x', 'v1', ociImage('big', { layers: [size] }));
  let pieces = 0;
  const hangs = all.hang(({ method }) => method === 'PATCH' && ++pieces === 5);
  const first = await begin(t, all.given, { state: all.state });
  await hangs;
  first.stop();
  await first.report;
  all.ease();
  const before = all.destination.requests.length;
  assert.deepEqual(outcomes((await whole(t, all)).report), ['copied']);
  const sent = all.destination.requests.slice(before).reduce((sum, { bytesIn }) => sum + bytesIn, 0);
  assert.ok(sent < size - 30 * 1024 * 1024, `${sent} bytes`);
});

test('the state of another configuration does no harm', async (t) => {
  const all = await stand(t);
  const { images, hangs } = await threeTags(all);
  const first = await begin(t, all.given, { state: all.state, proc: 3 });
  await middle(hangs, first);
  first.stop();
  await first.report;
  // Another source for the same destination tags, interrupted as well.
  const others = ['four', 'five'].map((seed) => ociImage(seed));
  for (const [index, image] of others.entries()) await push(all.source.url, 'p/y', `v${index + 1}`, image);
  all.ease();
  const again = all.hang(isLaterTag);
  const other = { images: { [`${hostOf(all.source)}/p/y`]: `${hostOf(all.destination)}/n/x` } };
  const second = await begin(t, { ...all.given, ...other }, { state: all.state, proc: 3 });
  await middle(again, second);
  second.stop();
  assert.deepEqual(outcomes(await second.report), ['copied', 'skipped']);
  all.ease();
  assert.deepEqual(outcomes((await whole(t, all)).report), ['copied', 'copied', 'copied']);
  assert.equal(await digestOfTag(all.destination.url, 'n/x', 'v1'), images[0]?.descriptor.digest);
});

const unusable: Record<string, [make: (file: string, t: TestContext) => unknown, expected: RegExp]> = {
  'no database': [(file) => writeFile(file, 'tags: [v1]\n'.repeat(100)), /is not a database; move it away/],
  'of a newer version': [
    (file) => {
      openState(file).close();
      const database = new DatabaseSync(file);
      database.exec('PRAGMA user_version = 999');
      database.close();
    },
    /999/,
  ],
  'in use by another process': [
    (file, t) => {
      const state = openState(file);
      t.after(() => state.close());
    },
    /is in use by another process/,
  ],
};

for (const [what, [make, expected]] of Object.entries(unusable))
  test(`a state file that is ${what} is refused before anything is asked`, async (t) => {
    const all = await stand(t);
    await make(all.state, t);
    await assert.rejects(whole(t, all), (error) => {
      assert.ok(error instanceof DatabaseError);
      assert.match(error.message, expected);
      return true;
    });
    assert.deepEqual(all.source.requests, []);
  });

test('a state file where none can be: exit 2, and what to do', async (t) => {
  const all = await stand(t);
  const config = await writeConfig(t, all.given);
  const within = join(config, 'state.db');
  const { code, stderr } = await run(t, ['sync', `--config=${config}`, `--state=${within}`]);
  assert.equal(code, 2, stderr);
  assert.match(
    stderr,
    /^tagferry: --state: database .*state\.db: cannot be opened for writing; see to the folder/m,
  );
});

test('a disk that is full at the start: exit 2; one that becomes so: a warning, and all is copied', async (t) => {
  const all = await stand(t);
  const { hangs } = await threeTags(all);
  const config = await writeConfig(t, all.given);
  const args = ['sync', `--config=${config}`, `--state=${all.state}`, '--proc=1'];
  const { code } = await run(t, args, { fileLimit: 8 });
  assert.equal(code, 2);
  const running = start(t, args);
  await hangs;
  await promisify(execFile)('prlimit', [`--pid=${running.pid}`, '--fsize=1']);
  all.release();
  assert.deepEqual(await running.ended, { code: 0, signal: null });
  const log = running.stderr.join('\n');
  assert.equal(
    log.match(/the state file cannot be read or written: the next run has to do more again/g)?.length,
    1,
    log,
  );
  assert.match(running.stdout.at(-1) ?? '', /^copied 3, unchanged 0, skipped 0, failed 0; /);
});

test('runs with other platforms that were interrupted in between are not taken for this one', async (t) => {
  const all = await stand(t);
  const image = multiPlatform('one');
  await push(all.source.url, 'p/x', 'v1', image);
  await push(all.source.url, 'p/x', 'v2', ociImage('two'));
  const last = ({ method, path }: Call) => method === 'PUT' && path.endsWith('/manifests/v2');
  const platforms = parsePlatforms({ os: [], arch: ['arm64'] });
  for (const asked of [{}, { platforms }]) {
    const hangs = all.hang(last);
    const first = await begin(t, all.given, { state: all.state, proc: 3, ...asked });
    await middle(hangs, first);
    first.stop();
    await first.report;
    all.ease();
  }
  assert.notEqual(await digestOfTag(all.destination.url, 'n/x', 'v1'), image.descriptor.digest);
  assert.deepEqual(outcomes((await whole(t, all)).report), ['copied', 'copied']);
  assert.equal(await digestOfTag(all.destination.url, 'n/x', 'v1'), image.descriptor.digest);
});

test('a repository that has gone since the run was interrupted is copied anew', async (t) => {
  const all = await stand(t);
  const { images, hangs } = await threeTags(all);
  const first = await begin(t, all.given, { state: all.state, proc: 3 });
  await middle(hangs, first);
  first.stop();
  await first.report;
  const port = Number(new URL(all.destination.url).port);
  await all.destination.close();
  const destination = await startRegistry(t, { port });
  const given = { ...all.given, registries: [all.source, destination] };
  const { report } = await whole(t, { ...all, destination, given });
  assert.deepEqual(outcomes(report), ['copied', 'copied', 'copied']);
  assert.equal(await digestOfTag(destination.url, 'n/x', 'v1'), images[0]?.descriptor.digest);
});
