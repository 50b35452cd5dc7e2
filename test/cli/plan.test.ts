import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { planCommand } from '../../src/cli/plan.ts';
import { loadConfig } from '../../src/config.ts';
import type { Call } from '../../src/demo/registry/call.ts';
import { createLog } from '../../src/log.ts';
import type { PlanReport } from '../../src/main/plan-report.ts';
import { startPlan } from '../../src/main/plan.ts';
import { eventually } from '../integration/eventually.ts';
import { startHarborStand } from '../integration/harbor-stand.ts';
import { environment, serve, token } from '../integration/mirror.ts';
import { run, start } from '../integration/process.ts';
import { type CallServer, startCallServer } from '../support/call-server.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { forward } from '../support/forward.ts';
import { cosignSignature, cosignTag, layer, multiPlatform, ociImage, ociImageOf } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { wholeFile } from '../support/whole-file.ts';

/*
 * Two real registries, and a rule from one to the other; of a second rule nobody answers at the source.
 */
type End = CallServer & { direct: string };
let source: End;
let destination: End;
let file: string;
let database: string;
const whole = wholeFile();

before(async () => {
  const folder = await temporaryFolder(whole);
  [source, destination] = await Promise.all([startEnd(), startEnd()]);
  database = join(folder, 'data', 'tagferry.db');
  file = join(folder, 'tagferry.yaml');
  await writeFile(file, JSON.stringify(configuration()));
  await fill();
});

/** A registry, and the way to it that remembers what is asked. */
async function startEnd(): Promise<End> {
  const { url: direct } = await startDockerRegistry(whole);
  return Object.assign(await startCallServer(whole, (call: Call) => forward(direct, call)), { direct });
}

function configuration() {
  const rule = { tags: ['v*'], destination: 'mirror', repository: 'mirror/{base}' };
  return {
    registries: {
      origin: { url: source.url },
      nowhere: { url: 'http://127.0.0.1:1' },
      mirror: { type: 'acr-ee', url: destination.url },
    },
    rules: [
      { name: 'library', source: 'origin', repositories: ['library/**'], ...rule },
      { name: 'away', source: 'nowhere', repositories: ['team/app'], ...rule, repository: 'away/{base}' },
    ],
    webhook: { allowUnauthenticated: true },
    admin: { tokens: [token] },
    server: { listen: '127.0.0.1:0' },
    // One after the other, so that it is known who moves a blob that several want.
    dispatch: { concurrency: 1 },
    sweep: { schedule: 'off', onStart: false },
    database,
  };
}

/** `METHOD PATH`, of both ends, sorted; those of earlier are gone. */
function asked(): string[] {
  const calls = [source, destination].flatMap(({ requests }) => requests.splice(0));
  return calls.map(({ method, path }) => `${method} ${path}`).toSorted();
}

const shared = layer('shared', 5_000);
const config = layer('config', 300, { mediaType: 'application/vnd.oci.image.config.v1+json' });
const fresh = ociImageOf(config, [shared, layer('fresh', 1_000)]);
const sibling = ociImageOf(config, [shared]);
const [older, newer] = [ociImage('older', { layers: [700] }), ociImage('newer', { layers: [800] })];
const still = multiPlatform('still');

async function fill(): Promise<void> {
  const from = source.direct;
  await push(from, 'library/app', 'v1', fresh);
  await push(from, 'library/app', 'v2', newer);
  await push(from, 'library/app', 'v10', still);
  await push(from, 'library/app', 'other', still);
  await push(from, 'library/sibling', 'v1', sibling);
  await push(from, 'library/x', 'v1', older);
  await push(from, 'library/deep/app', 'v1', older);
  await push(destination.direct, 'mirror/app', 'v2', older);
  await push(destination.direct, 'mirror/app', 'v10', still);
}

/** Every tag of the destination with what it names. */
async function contentsOf(url: string): Promise<string[]> {
  const names: { repositories: string[] } = JSON.parse(await (await fetch(`${url}/v2/_catalog`)).text());
  const lines = names.repositories.map(async (name) => {
    const list = JSON.parse(await (await fetch(`${url}/v2/${name}/tags/list`)).text());
    const tags: string[] = list.tags ?? [];
    return Promise.all(tags.map(async (tag) => `${name}:${tag} ${await digestOfTag(url, name, tag)}`));
  });
  return (await Promise.all(lines)).flat().toSorted();
}

test('plan: what a sweep would copy and why, and it asks for no more than it has to, and writes nothing', async (t) => {
  asked();
  const before = await contentsOf(destination.direct);
  const { code, stdout, stderr } = await run(t, ['plan', '--config', file, '--rule', 'library', '--json']);
  assert.deepEqual([code, stderr], [0, '']);
  const told: PlanReport = JSON.parse(stdout);
  const size = (blobs: readonly { descriptor: { size: number } }[]) =>
    blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const copied = { rule: 'library', outcome: 'copied', attempts: 1 };
  const skipped = { rule: 'library', outcome: 'skipped', bytes: 0 };
  assert.partialDeepStrictEqual(told, {
    dryRun: true,
    interrupted: false,
    rule: 'library',
    counts: { copied: 3, unchanged: 1, skipped: 2, failed: 0, rulesFailed: 0 },
    bytes: size(fresh.blobs) + size(newer.blobs),
    collisions: [
      'origin/library/app (rule library) and origin/library/deep/app (rule library) would both become ' +
        'mirror/mirror/app; give one of them another `repository`',
    ],
    invalidNames: [
      'origin/library/x would become "mirror/x", which mirror cannot have: expected a repository of 2 to 120 ' +
        'characters, got 1; change `repository` of rule library',
    ],
    errors: [],
    tags: [
      {
        ...copied,
        source: 'origin/library/app:v1',
        destination: 'mirror/mirror/app:v1',
        why: 'missing',
        digest: fresh.descriptor.digest,
        blobs: { copied: 3, mounted: 0, skipped: 0 },
      },
      {
        ...copied,
        source: 'origin/library/app:v2',
        why: 'different',
        digest: newer.descriptor.digest,
        replaces: older.descriptor.digest,
        bytes: size(newer.blobs),
      },
      {
        ...copied,
        source: 'origin/library/sibling:v1',
        why: 'missing',
        bytes: 0,
        blobs: { copied: 0, mounted: 2, skipped: 0 },
      },
      { ...skipped, source: 'origin/library/deep/app:v1', reason: 'name-collision' },
      { ...skipped, source: 'origin/library/x:v1', reason: 'name-invalid' },
    ],
  });
  assert.equal(told.tags.length, 5);

  const blobs = [...fresh.blobs, ...newer.blobs].map(({ descriptor }) => descriptor.digest);
  const [from, to] = ['/v2/library', '/v2/mirror'];
  assert.deepEqual(
    asked().filter((line) => line !== 'GET /v2/'),
    [
      'GET /v2/_catalog',
      ...['app', 'deep/app', 'sibling', 'x'].map((name) => `GET ${from}/${name}/tags/list`),
      ...['app', 'sibling'].map((name) => `GET ${to}/${name}/tags/list`),
      // Whose mirror/app is: of the two that meet there, the one that has a tag there already.
      ...['app', 'deep/app'].map((name) => `GET ${from}/${name}/tags/list`),
      `GET ${to}/app/tags/list`,
      // Each source tag once, but for those that are refused.
      ...['app', 'app', 'app', 'sibling'].map(
        (name, index) => `HEAD ${from}/${name}/manifests/${['v1', 'v2', 'v10', 'v1'][index]}`,
      ),
      // Each destination tag at most once.
      ...['v1', 'v2', 'v10'].map((tag) => `HEAD ${to}/app/manifests/${tag}`),
      `HEAD ${to}/sibling/manifests/v1`,
      `GET ${from}/app/manifests/${fresh.descriptor.digest}`,
      `GET ${from}/app/manifests/${newer.descriptor.digest}`,
      `GET ${from}/sibling/manifests/${sibling.descriptor.digest}`,
      ...blobs.map((digest) => `HEAD ${to}/app/blobs/${digest}`),
    ].toSorted(),
  );
  assert.deepEqual(await contentsOf(destination.direct), before);
  assert.equal(existsSync(database), false);
});

test('plan beside the running mirror: in words, exit 1 as a source is away, and then a sweep copies just that', async (t) => {
  const mirror = await serve(t, file);
  const { code, stdout } = await run(t, ['plan', '--config', file]);
  assert.equal(code, 1, stdout);
  const lines = stdout.split('\n').map((line) => line.replace(/ in \d+\.\d s/, ' in N s'));
  const now = older.descriptor.digest.slice(0, 19);
  const [from, to, rule] = ['origin/library', 'mirror/mirror', 'rule library'];
  assert.deepEqual(
    [...lines.slice(0, 3), ...lines.slice(-2)],
    [
      `would copy ${from}/app:v1 -> ${to}/app:v1  ${rule}  6.2 KiB in 3 blobs  not there yet`,
      `would copy ${from}/app:v2 -> ${to}/app:v2  ${rule}  968 B in 2 blobs  there now: ${now}`,
      `would copy ${from}/sibling:v1 -> ${to}/sibling:v1  ${rule}  0 B in 0 blobs  not there yet`,
      'would copy 3, unchanged 1, skipped 2, failed 1; 7.1 KiB in N s',
      '1 could not be looked at, as said above',
    ],
  );
  const said = lines.slice(3, -2).join('\n');
  assert.match(said, /^skipped .*deep\/app:v1 -> .* {2}rule library {2}name-collision: /m);
  assert.match(said, /^skipped origin\/library\/x:v1 -> .*name-invalid: .*2 to 120 characters/m);
  assert.match(said, /^name-invalid: origin\/library\/x would become "mirror\/x", which mirror cannot have/m);
  assert.match(said, /^name-collision: origin\/library\/app .* and origin\/library\/deep\/app/m);
  assert.match(said, /^not compared: nowhere\/team\/app: .*127\.0\.0\.1:1/m);

  const begun = await mirror.api('POST', '/sweeps', { rule: 'library' });
  assert.equal(begun.status, 202);
  const end = async () => {
    const tasks = JSON.parse((await mirror.api('GET', '/tasks')).body.toString()).tasks;
    return (
      tasks.length === 5 && tasks.every(({ state }: { state: string }) => /completed|discarded/.test(state))
    );
  };
  await eventually('the end of all tasks of the sweep', end);
  assert.deepEqual(await contentsOf(destination.direct), [
    `mirror/app:v1 ${fresh.descriptor.digest}`,
    `mirror/app:v10 ${still.descriptor.digest}`,
    `mirror/app:v2 ${newer.descriptor.digest}`,
    `mirror/sibling:v1 ${sibling.descriptor.digest}`,
  ]);
});

/** In this process. */
function planned(file: string, rule?: string): Promise<PlanReport> {
  const log = createLog({ level: 'error', format: 'pretty' });
  return startPlan(loadConfig(file, environment), { rule, env: {} }, log).report;
}

test('a plan from Harbor has the signatures of what it has, and tags that no list shows', async (t) => {
  const stand = await startHarborStand(t);
  const image = ociImage('signed');
  await stand.push('library/app', 'v1', image, 'Success');
  await stand.push('library/app', cosignTag(image.descriptor.digest), cosignSignature(image), 'Success');
  await stand.push('library/app', 'v2-rc1', ociImage('left out'), 'Success');
  for (const tag of ['v1', 'v2']) await stand.push('library/other', tag, image, 'Success');
  stand.rest.content.untag('library/other', 'v2');
  const { tags, counts } = await planned(stand.file);
  assert.deepEqual(
    tags.map(({ source, outcome, why }) => [source, outcome, why]),
    [
      [`harbor/library/app:${cosignTag(image.descriptor.digest)}`, 'copied', 'missing'],
      ['harbor/library/app:v1', 'copied', 'missing'],
      ['harbor/library/other:v1', 'copied', 'missing'],
      ['harbor/library/other:v2', 'copied', 'missing'],
    ],
  );
  assert.equal(counts.failed, 0);
  assert.ok(stand.acr.requests.every(({ method }) => method === 'GET' || method === 'HEAD'));
});

test('Ctrl-C ends a plan at once with 130, whatever a registry does', async (t) => {
  const stalled = Promise.withResolvers<void>();
  await push(source.direct, 'library/late', 'v1', older);
  source.faults.once(/^GET .*manifests/, () => {
    stalled.resolve();
    return new Promise<never>(() => undefined);
  });
  const running = start(t, ['plan', '--config', file, '--rule', 'library', '--json']);
  await stalled.promise;
  running.kill('SIGINT');
  assert.equal((await running.ended).code, 130);
  const told: PlanReport = JSON.parse(running.stdout.join('\n'));
  assert.equal(told.interrupted, true);
  assert.partialDeepStrictEqual(told.tags, [{ source: 'origin/library/late:v1', reason: 'interrupted' }]);
});

test('--rule with a name that no rule has: wrong usage, and the names that there are', async () => {
  const command = planCommand();
  await assert.rejects(command.parseAsync(['--config', file, '--rule', 'other'], { from: 'user' }), {
    name: 'UsageError',
    message: /^--rule: .*tagferry\.yaml has no rule "other"; it has library, away$/,
  });
});
