import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import type { SyncOptions } from '../../src/main/sync.ts';
import { json } from '../../src/demo/registry/call.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import { HarborRest, listingPermissions } from '../support/harbor-rest.ts';
import { cosignSignature, cosignTag, type Image, multiPlatform, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { begin, hostOf, startRegistry } from './embedded.ts';

/*
 * A Harbor as a source of `sync`: what its API spares, and what must not be lost by it.
 */

const robot = { name: 'robot$team+sync', password: 'robot-secret' };

/** A Harbor with its API, whose robot has these permissions in the project `team`, and a destination. */
async function stand(t: TestContext, permissions: readonly string[] = listingPermissions) {
  const rest = new HarborRest();
  rest.accounts.push({ ...robot, projects: { team: permissions } });
  const grants = [{ repositories: /.*/, actions: ['pull', 'push'] as const }];
  // Of a proxy cache: what was pulled.
  const cached = { all: true };
  const source = await startRegistry(t, {
    name: 'harbor-registry',
    auth: { kind: 'bearer', users: [{ ...robot, grants }] },
    misbehave: rest.misbehave,
    onTag: (repository, tag, digest) => {
      if (cached.all) rest.content.push(repository, tag, digest);
    },
  });
  return { rest, cached, source, destination: await startRegistry(t) };
}

type Stand = Awaited<ReturnType<typeof stand>>;

async function pushAll(
  { source }: Stand,
  images: Record<string, Image>,
  repository = 'team/app',
): Promise<void> {
  for (const [tag, image] of Object.entries(images)) await push(source.url, repository, tag, image, robot);
}

/** Syncs the repositories; `atSource` and `atDestination`: `METHOD path`, without the first pings and tokens. */
async function synced(
  t: TestContext,
  { source, destination }: Stand,
  { repositories = ['team/app'], ...options }: Partial<SyncOptions> & { repositories?: string[] } = {},
) {
  const before = [source, destination].map(({ requests }) => requests.length);
  const images = repositories.map((name) => [`${hostOf(source)}/${name}`, `${hostOf(destination)}/${name}`]);
  const auth = {
    [hostOf(source)]: { username: robot.name, password: robot.password, insecure: true },
  };
  const given = { images: Object.fromEntries(images), auth, registries: [destination] };
  const { report, lines } = await begin(t, given, options);
  const { tags, counts } = await report;
  const asked = ({ requests }: EmbeddedRegistry, from: number) =>
    requests
      .slice(from)
      .map(({ method, path }) => `${method} ${path.replace(/^\/api\/v2\.0/, '/api')}`)
      .filter((request) => !/ \/(?:v2\/|token)$/.test(request));
  return {
    counts,
    outcomes: tags.map(({ source: name, outcome }) => `${name.replace(/^.*?\//, '')} ${outcome}`),
    atSource: asked(source, before[0] ?? 0),
    atDestination: asked(destination, before[1] ?? 0),
    notes: lines.filter((line) => line.includes('asked for one by one')),
  };
}

const artifacts = 'GET /api/projects/team/repositories/app/artifacts';
const projects = 'GET /api/projects';
const names = 'GET /v2/team/app/tags/list';
const three = { v1: ociImage('one'), v2: ociImage('two'), v3: ociImage('three') };

test('an unchanged repository of a Harbor costs it one request, and one for its project', async (t) => {
  const all = await stand(t);
  await pushAll(all, three);
  assert.equal((await synced(t, all)).counts.copied, 3);
  const { counts, atSource, atDestination, notes } = await synced(t, all);
  assert.equal(counts.unchanged, 3);
  assert.deepEqual(atSource, [artifacts, projects]);
  assert.deepEqual(
    atDestination,
    Object.keys(three).map((tag) => `HEAD /v2/team/app/manifests/${tag}`),
  );
  assert.deepEqual(notes, []);
});

test('what has changed in a Harbor is copied as it is then', async (t) => {
  const all = await stand(t);
  await pushAll(all, three);
  await synced(t, all);
  const image = ociImage('two again');
  await pushAll(all, { v2: image });
  const { outcomes } = await synced(t, all);
  assert.deepEqual(outcomes, ['team/app:v1 unchanged', 'team/app:v2 copied', 'team/app:v3 unchanged']);
  assert.equal(await digestOfTag(all.destination.url, 'team/app', 'v2'), image.descriptor.digest);
});

test('a tag that moves after it was listed is copied as the source has it when it is copied', async (t) => {
  const all = await stand(t);
  await pushAll(all, { v1: ociImage('one') });
  const next = ociImage('next');
  let moved = false;
  const { misbehave } = all.rest;
  const source = await startRegistry(t, {
    name: 'harbor-registry',
    auth: {
      kind: 'bearer',
      users: [{ ...robot, grants: [{ repositories: /.*/, actions: ['pull', 'push'] }] }],
    },
    onTag: (repository, tag, digest) => void all.rest.content.push(repository, tag, digest),
    misbehave: async (call, go) => {
      const answer = await misbehave(call, go);
      if (call.path.endsWith('/artifacts') && !moved) {
        moved = true;
        await push(source.url, 'team/app', 'v1', next, robot);
      }
      return answer;
    },
  });
  await push(source.url, 'team/app', 'v1', ociImage('one'), robot);
  const { outcomes } = await synced(t, { ...all, source });
  assert.deepEqual(outcomes, ['team/app:v1 copied']);
  assert.equal(await digestOfTag(all.destination.url, 'team/app', 'v1'), next.descriptor.digest);
});

test('tags of signatures, which Harbor’s list does not show, are copied with all others', async (t) => {
  const all = await stand(t);
  const signed = multiPlatform('signed');
  const signature = cosignTag(signed.descriptor.digest);
  await pushAll(all, { ...three, signed, [signature]: cosignSignature(signed) });
  assert.equal((await synced(t, all)).counts.copied, 5);
  const { counts, atSource } = await synced(t, all);
  assert.equal(counts.unchanged, 5);
  assert.deepEqual(atSource, [artifacts, projects, names, `HEAD /v2/team/app/manifests/${signature}`]);
});

test('the signature of an image that has lost its tag is copied as well', async (t) => {
  const all = await stand(t);
  const old = ociImage('old');
  const signature = cosignTag(old.descriptor.digest);
  await pushAll(all, { v1: old, [signature]: cosignSignature(old) });
  await pushAll(all, { v1: ociImage('new') });
  const { outcomes } = await synced(t, all);
  assert.deepEqual(outcomes.toSorted(), [`team/app:${signature} copied`, 'team/app:v1 copied'].toSorted());
});

test('of a proxy cache Harbor’s list has what was pulled, as it was then: `/v2` is asked, which asks upstream', async (t) => {
  const all = await stand(t);
  all.rest.content.project('team', { proxyCache: true });
  await pushAll(all, three);
  await synced(t, all);
  all.cached.all = false;
  await pushAll(all, { v2: ociImage('two of upstream'), v4: ociImage('four of upstream') });
  const { outcomes, notes } = await synced(t, all);
  assert.deepEqual(outcomes, [
    'team/app:v1 unchanged',
    'team/app:v2 copied',
    'team/app:v3 unchanged',
    'team/app:v4 copied',
  ]);
  assert.deepEqual(notes, []);
});

test('what Harbor is asked of a project it is asked once, also where it is one of many', async (t) => {
  const all = await stand(t);
  for (let index = 0; index < 250; index++) all.rest.content.project(`a${index}`, { public: true });
  await pushAll(all, three);
  await pushAll(all, three, 'team/b');
  const repositories = ['team/app', 'team/b'];
  await synced(t, all, { repositories });
  const { counts, atSource } = await synced(t, all, { repositories });
  assert.equal(counts.unchanged, 6);
  assert.deepEqual(atSource.toSorted(), [projects, artifacts, artifacts.replace('/app/', '/b/')].toSorted());
});

test('a project that Harbor does not show may be a proxy cache', async (t) => {
  const all = await stand(t);
  await pushAll(all, three);
  const { answer } = all.rest;
  all.rest.answer = (call) =>
    call.path === '/api/v2.0/projects' ? Promise.resolve(json(200, [])) : answer.call(all.rest, call);
  const { counts, atSource, notes } = await synced(t, all);
  assert.equal(counts.copied, 3);
  assert.ok(atSource.includes(names));
  assert.match(notes[0] ?? '', /Harbor shows no project team/);
});

test('a robot that may not list artifacts: one question, one line, and everything is copied all the same', async (t) => {
  const all = await stand(t, ['repository:pull']);
  await pushAll(all, three);
  await pushAll(all, three, 'team/b');
  const repositories = ['team/app', 'team/b'];
  const { counts, atSource, notes } = await synced(t, all, { repositories, proc: 1 });
  assert.equal(counts.copied, 6);
  assert.equal(atSource.filter((request) => request.includes('/api/')).length, 1);
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? '', /level=info .*artifacts answered 403/);
});

test('what one project does not allow, another may', async (t) => {
  const all = await stand(t);
  all.rest.accounts[0] = { ...robot, projects: { team: listingPermissions, other: [] } };
  await pushAll(all, three);
  await pushAll(all, three, 'other/app');
  const { counts, atSource, notes } = await synced(t, all, {
    repositories: ['other/app', 'team/app'],
    proc: 1,
  });
  assert.equal(counts.copied, 6);
  assert.equal(notes.length, 1);
  assert.ok(atSource.includes(artifacts));
  assert.ok(!atSource.includes(names));
});

test('an API that is none is not asked again, and everything is copied', async (t) => {
  const all = await stand(t);
  await pushAll(all, three);
  await pushAll(all, three, 'team/b');
  const answers: string[] = [];
  all.rest.answer = async (call) => {
    answers.push(call.path);
    return {
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: Buffer.from('<html>a portal</html>'),
    };
  };
  const { counts, notes } = await synced(t, all, { repositories: ['team/app', 'team/b'], proc: 1 });
  assert.deepEqual([counts.copied, answers.length, notes.length], [6, 1, 1]);
});

test('a repository that is not there fails as everywhere', async (t) => {
  const all = await stand(t);
  await pushAll(all, three);
  const { counts } = await synced(t, all, { repositories: ['team/nosuch', 'team/app'] });
  assert.deepEqual([counts.rulesFailed, counts.copied], [1, 3]);
});

for (const [what, options] of Object.entries({
  '--force': { force: true },
  '--arch': { platforms: parsePlatforms({ os: [], arch: ['amd64'] }) },
}))
  test(`with ${what} the digests of a list are of no use, and Harbor is not asked for them`, async (t) => {
    const all = await stand(t);
    await pushAll(all, { v1: multiPlatform('several') });
    const { counts, atSource } = await synced(t, all, options);
    assert.equal(counts.copied, 1);
    assert.ok(!atSource.includes(artifacts));
    const again = await synced(t, all, options);
    assert.equal(again.counts.copied, what === '--force' ? 1 : 0);
  });

test('a dry run of a Harbor says what would be copied', async (t) => {
  const all = await stand(t);
  await pushAll(all, three);
  const { counts, atDestination } = await synced(t, all, { dryRun: true });
  assert.equal(counts.copied, 3);
  assert.deepEqual(
    atDestination.filter((request) => !/^(HEAD|GET) /.test(request)),
    [],
  );
  await synced(t, all);
  assert.equal((await synced(t, all, { dryRun: true })).counts.unchanged, 3);
});
