import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { ociManifest } from '../../src/oci/media-type.ts';
import { pusher } from '../support/acr-tokens.ts';
import { Client } from '../support/client.ts';
import {
  type Image,
  artifact,
  cosignSignature,
  cosignTag,
  dockerImage,
  helmChart,
  multiPlatform,
  nestedIndex,
  ociImage,
} from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { wholeFile } from '../support/whole-file.ts';
import { type Harbor, developer, startHarbor } from './harbor.ts';
import { eventually } from './eventually.ts';
import { type Mirror, type TaskJson, announce, ends, serve, writeExample } from './mirror.ts';

/*
 * The whole service, configured by the example, between two real registries with token authentication: what is
 * pushed to Harbor is in ACR, byte for byte.
 */
let harbor: Harbor;
let acr: AcrStandIn;
let mirror: Mirror;
const file = wholeFile();

before(async () => {
  harbor = await startHarbor(file);
  acr = await startAcr(file);
  const there = { url: acr.url, realm: acr.tokens.trust.realm };
  mirror = await serve(file, await writeExample(await temporaryFolder(file), ends(harbor, there)));
});

/** Pushes, announces, waits, and compares everything below the tag. */
async function mirrored(repository: string, tag: string, image: Image): Promise<TaskJson> {
  const digest = await push(harbor.url, repository, tag, image, developer);
  return arrived(repository, tag, digest);
}

async function arrived(repository: string, tag: string, digest: string): Promise<TaskJson> {
  const [id = 0] = await announce(mirror, repository, tag, digest);
  const task = await mirror.finished(id);
  assert.equal(task.outcome, 'copied', task.message);
  assert.equal(task.digest, digest);
  const target = `mirror/${repository.slice('library/'.length).replaceAll('/', '-')}`;
  assert.deepEqual(
    await contentsOf(acr.url, target, tag, pusher),
    await contentsOf(harbor.url, repository, tag, developer),
  );
  return task;
}

test('a tag is at its destination within 2 s of its webhook', async () => {
  const times: number[] = [];
  const inAcr = new Client(acr.url, pusher);
  const head = { method: 'HEAD', headers: { accept: ociManifest } };
  for (const tag of ['v1', 'v2', 'v3']) {
    const digest = await push(harbor.url, 'library/quick', tag, ociImage(`quick ${tag}`), developer);
    const begun = performance.now();
    await announce(mirror, 'library/quick', tag, digest);
    await eventually(
      `${tag} in ACR`,
      // Until the repository is made, ACR says 401.
      async () =>
        (await inAcr.send(`/v2/mirror/quick/manifests/${tag}`, head)).headers['docker-content-digest'] ===
        digest,
    );
    times.push(performance.now() - begun);
  }
  // The bound is the agreement's own. A busy machine may spoil one measurement, hardly all of them.
  assert.ok(Math.min(...times) < 2000, `took ${times.map(Math.round).join(', ')} ms`);
});

test('an ordinary image in both formats', async () => {
  await mirrored('library/oci', 'v1', ociImage('oci'));
  await mirrored('library/docker', 'v1', dockerImage('docker'));
});

test('a schema 2 image as skopeo makes it', async () => {
  await push(harbor.url, 'library/skopeo', 'made', ociImage('skopeo'), developer);
  const name = `docker://${new URL(harbor.url).host}/library/skopeo`;
  const credential = `${developer.name}:${developer.password}`;
  const from = ['--src-tls-verify=false', '--src-creds', credential, `${name}:made`];
  const to = ['--dest-tls-verify=false', '--dest-creds', credential, `${name}:v1`];
  await promisify(execFile)('skopeo', ['copy', '--format', 'v2s2', ...from, ...to]);
  const digest = await digestOfTag(harbor.url, 'library/skopeo', 'v1', developer);
  assert.notEqual(digest, ociImage('skopeo').descriptor.digest);
  await arrived('library/skopeo', 'v1', digest ?? '');
});

test('an index of two platforms with their attestations, as BuildKit makes them and made them', async () => {
  await mirrored('library/platforms', 'v1', multiPlatform('old', 'image'));
  await mirrored('library/platforms', 'v2', multiPlatform('new', 'empty'));
});

test('an index within an index', async () => {
  await mirrored('library/nested', 'v1', nestedIndex('nested'));
});

test('a Helm chart, and an artifact of a type that nobody knows', async () => {
  await mirrored('library/charts/web', 'v1', helmChart('web'));
  await mirrored('library/thing', 'v1', artifact('thing'));
});

test('a cosign signature goes where its image goes, though its tag fits no pattern', async () => {
  const image = ociImage('signed');
  await mirrored('library/signed', 'v1', image);
  await mirrored('library/signed', cosignTag(image.descriptor.digest), cosignSignature(image));
});

test('a tag that was moved back and forth', async () => {
  for (const seed of ['first', 'second', 'first']) await mirrored('library/moved', 'v1', ociImage(seed));
});

test('blobs that ACR has in another repository are mounted there', async () => {
  const image = ociImage('shared', { layers: [50_000] });
  await mirrored('library/one', 'v1', image);
  const task = await mirrored('library/two', 'v1', image);
  assert.equal(task.bytes, 0);
  const uploads = acr.requests.filter(({ path }) => path === '/v2/mirror/two/blobs/uploads/');
  assert.deepEqual(
    uploads.map(({ query, status }) => [query.includes('mount='), status]),
    [
      [true, 201],
      [true, 201],
    ],
  );
});

test('nothing is sent for what is there already', async () => {
  const digest = await push(harbor.url, 'library/oci', 'v1', ociImage('oci'), developer);
  const before = acr.requests.length;
  const [id = 0] = await announce(mirror, 'library/oci', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'unchanged');
  const sent = acr.requests.slice(before).filter(({ path }) => path.startsWith('/v2/mirror/'));
  assert.deepEqual(
    sent.map(({ method, path }) => `${method} ${path}`),
    ['HEAD /v2/mirror/oci/manifests/v1'],
  );
});

test('what the rules do not want stays, and a tag that is gone is no error', async () => {
  const digest = await push(harbor.url, 'library/oci', 'v3-rc1', ociImage('candidate'), developer);
  assert.deepEqual(await announce(mirror, 'library/oci', 'v3-rc1', digest), []);
  const [id = 0] = await announce(mirror, 'library/oci', 'v4', digest);
  assert.equal((await mirror.finished(id)).outcome, 'source-gone');
  const { body } = await new Client(acr.url, pusher).expect(200, '/v2/mirror/oci/tags/list');
  assert.deepEqual(JSON.parse(body.toString()).tags, ['v1']);
});

test('no line of the log has a secret in it', () => {
  const lines = mirror.stderr.join('\n');
  assert.match(lines, /task copied/);
  for (const secret of ['Harbor12345', 'fixed-password', 'of-the-webhook', 'of-the-admin-api', 'eyJ'])
    assert.ok(!lines.includes(secret), secret);
});
