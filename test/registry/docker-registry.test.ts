import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { startAcr } from '../support/acr-standin.ts';
import { pusher, reader } from '../support/acr-tokens.ts';
import { certificate } from '../support/certificate.ts';
import { Client } from '../support/client.ts';
import { startGateway } from '../integration/gateway.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { harborTokens } from '../support/harbor-tokens.ts';
import { type Blob, blobOf, layer, multiPlatform, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { type TokenPolicy, startTokenServer } from '../support/token-server.ts';
import { all, clientOf, failure, opens, pieces, read, robot } from './stand.ts';
import { source } from './upload.ts';

/* The client against CNCF Distribution 2.8: the embedded registry is only our reading of the specification. */

const account = { name: robot.username, password: robot.password };
const projects = { one: ['pull', 'push'], two: ['pull', 'push'], seen: ['pull'] };

/** A docker-registry that trusts tokens of a service of its own. */
async function startGuarded(t: TestContext, policy: TokenPolicy = harborTokens([{ ...account, projects }])) {
  const tokens = await startTokenServer(t, policy);
  const registry = await startDockerRegistry(t, { token: tokens.trust });
  const options = { credential: async () => robot, tokenHosts: ['127.0.0.1'] };
  return { tokens, registry, client: clientOf(t, registry.url, options) };
}

test('manifests and blobs: there or not, written, read, mounted, refused', async (t) => {
  const { url } = await startDockerRegistry(t);
  const client = clientOf(t, url);
  const image = multiPlatform('docker-registry');
  await push(url, 'a/b', 'v1', image);
  const from = client.repository('a/b', 'pull');
  const to = client.repository('c/d', 'push');
  assert.equal(await from.resolve('v9'), undefined);
  assert.deepEqual(await from.resolve('v1'), image.descriptor);
  assert.deepEqual(Buffer.from(await from.manifest(image.descriptor)), Buffer.from(image.bytes));
  const [child] = image.children;
  for (const blob of child?.blobs ?? []) {
    const opened = async () => assert.fail('opened');
    assert.equal(await to.writeBlob(blob.descriptor, opened, { from: 'a/b' }), 'mounted');
    assert.equal(await to.hasBlob(blob.descriptor), true);
  }
  for (const blob of [
    blobOf('', 'x/y'),
    blobOf('{}', 'x/y'),
    layer('sha512', 9_000, { algorithm: 'sha512' }),
  ]) {
    assert.equal(await to.hasBlob(blob.descriptor), false);
    assert.equal(await to.writeBlob(blob.descriptor, opens(blob), { from: 'not/there' }), 'copied');
    assert.equal((await read(client, 'c/d', blob.descriptor)).length, blob.descriptor.size);
  }
  const error = await failure(to.putManifest('v1', image.descriptor, image.bytes), 'not-found');
  assert.deepEqual([error.status, error.code], [400, 'MANIFEST_BLOB_UNKNOWN']);
});

test('a blob with other bytes is not finished, and its session is given back', async (t) => {
  const { url } = await startDockerRegistry(t);
  const statuses: string[] = [];
  const onRequest = (method: string, status: number) => void statuses.push(`${method} ${status}`);
  const to = clientOf(t, url, { onRequest }).repository('c/d', 'push');
  const blob = layer('right', 500_000);
  for (const bytes of [layer('wrong', 500_000).bytes(), layer('right', 499_999).bytes()])
    await failure(
      to.writeBlob(blob.descriptor, async () => pieces(bytes), {}),
      'corrupt',
    );
  assert.equal(await to.hasBlob(blob.descriptor), false);
  // Each was given back; the registry may have given it up by itself when the connection broke.
  const ends = statuses.filter((line) => line.startsWith('DELETE'));
  assert.deepEqual(
    ends.map((line) => ['DELETE 204', 'DELETE 404'].includes(line)),
    [true, true],
    ends.join(),
  );
  const unopened = async () => Promise.reject(new RangeError('closed'));
  await assert.rejects(to.writeBlob(blob.descriptor, unopened, { from: 'not/there' }), /closed/);
  assert.equal(statuses.at(-1), 'DELETE 204');
});

test('tags: all of them at once, whatever is asked, twice at most', async (t) => {
  const { url } = await startDockerRegistry(t);
  const image = ociImage('tags', { layers: [100] });
  await push(url, 'a/b', 'first', image);
  const plain = new Client(url);
  const names = Array.from({ length: 1_050 }, (_, index) => `v${index}`);
  const sent = { method: 'PUT', headers: { 'content-type': image.descriptor.mediaType }, body: image.bytes };
  while (names.length % 10 !== 0) names.pop();
  for (let index = 0; index < names.length; index += 10)
    await Promise.all(
      names.slice(index, index + 10).map((name) => plain.expect(201, `/v2/a/b/manifests/${name}`, sent)),
    );
  let asked = 0;
  const client = clientOf(t, url, { onRequest: () => void asked++ });
  const listed = await all(client.repository('a/b', 'pull').tags());
  assert.deepEqual(listed.toSorted(), ['first', ...names].toSorted());
  assert.equal(asked, 3, 'the ping, and the list twice');
  assert.deepEqual(await all(client.repository('not/there', 'pull').tags()), []);
  assert.deepEqual(await all(client.repositories()), ['a/b']);
});

test('tokens of Harbor’s kind: pull and push, one for all, none for two projects at once', async (t) => {
  const { tokens, client } = await startGuarded(t);
  const to = client.repository('one/app', 'push');
  const blobs = ['1', '2', '3'].map((seed): Blob => layer(seed, 50_000));
  await Promise.all(blobs.map((blob) => to.writeBlob(blob.descriptor, opens(blob), {})));
  assert.equal(tokens.questions.length, 1);
  const [first] = blobs;
  assert.ok(first);
  const done = await client
    .repository('two/app', 'push')
    .writeBlob(first.descriptor, opens(first), { from: 'one/app' });
  assert.equal(done, 'copied', 'the mount was refused');
  assert.equal(tokens.questions.length, 3);
});

test('a permission that is missing is denied by one token', async (t) => {
  const { tokens, client } = await startGuarded(t);
  const blob = layer('denied', 1_000);
  const options = { absent: true };
  const refused = client.repository('seen/app', 'push').writeBlob(blob.descriptor, opens(blob), options);
  assert.equal((await failure(refused, 'denied')).status, 401);
  assert.equal(tokens.questions.length, 1);
  await failure(client.repository('hidden/app', 'pull').resolve('v1'), 'denied');
  assert.equal(tokens.questions.length, 2);
});

test('a token that is over is renewed once, and the request goes through', async (t) => {
  const { tokens, client } = await startGuarded(t);
  const repository = client.repository('one/app', 'push');
  tokens.tokenLife = 0;
  await failure(repository.resolve('v1'), 'denied');
  assert.equal(tokens.questions.length, 1);
  tokens.tokenLife = 300;
  assert.equal(await repository.resolve('v1'), undefined);
  assert.equal(tokens.questions.length, 2);
});

test('an ACR instance: a repository is created by the first push; tokens end early; blobs lie elsewhere', async (t) => {
  const acr = await startAcr(t);
  const as = ({ name: username, password }: { name: string; password: string }) =>
    clientOf(t, acr.url, { credential: async () => ({ username, password }), tokenHosts: ['127.0.0.1'] });
  const client = as(pusher);
  const to = client.repository('mirror/new', 'push');
  assert.equal(await to.resolve('v1'), undefined);
  const image = ociImage('acr', { layers: [70_000] });
  for (const blob of image.blobs) await to.writeBlob(blob.descriptor, opens(blob), {});
  acr.edge.expireTokens();
  await to.putManifest('v1', image.descriptor, image.bytes);
  assert.deepEqual(await to.resolve('v1'), image.descriptor);
  assert.equal(acr.tokens.questions.length, 2);
  const blob = image.blobs[1]?.descriptor ?? image.descriptor;
  assert.equal((await read(client, 'mirror/new', blob)).length, blob.size);
  assert.deepEqual(
    acr.storage.requests.map(({ authorization }) => authorization),
    ['none'],
  );
  await failure(as(reader).repository('mirror/other', 'push').resolve('v1'), 'denied');
  acr.edge.immutable.add('mirror/new');
  await failure(to.putManifest('v1', image.descriptor, image.bytes), 'immutable');
});

test('a big blob goes in pieces; when one is cut, the registry gives the session up, and the blob is sent anew', async (t) => {
  const { url } = await startDockerRegistry(t);
  const gateway = await startGateway(t, url);
  const statuses: string[] = [];
  const onRequest = (method: string, status: number) => void statuses.push(`${method} ${status}`);
  const to = clientOf(t, gateway.url, { onRequest }).repository('c/d', 'push');
  const blob = layer('pieces', 65 * 1024 * 1024);
  const half = blob.descriptor.size / 2;
  assert.equal(await to.writeBlob(blob.descriptor, opens(blob), {}), 'copied');
  // Nobody knows yet whether it mounts, and the blob is too big to be sent for nothing.
  const whole = ['POST 202', 'HEAD 404', ...Array<string>(8).fill('PATCH 202'), 'PUT 201'];
  assert.deepEqual(statuses, ['GET 200', ...whole]);
  const other = layer('cut', blob.descriptor.size);
  statuses.length = 0;
  gateway.cut(half);
  assert.equal(await to.writeBlob(other.descriptor, opens(other), {}), 'copied');
  assert.deepEqual(
    statuses.filter((line) => line.startsWith('GET') || line.startsWith('POST')),
    ['POST 202', 'GET 404', 'POST 202'],
  );
  const sent = gateway.received - blob.descriptor.size;
  assert.ok(sent < 2 * other.descriptor.size, `${sent} bytes`);
  assert.equal(await to.hasBlob(other.descriptor), true);
});

test('a big blob that is cut before its registry has anything of the piece goes on where it was', async (t) => {
  const { url } = await startDockerRegistry(t);
  const gateway = await startGateway(t, url, { whole: true });
  const to = clientOf(t, gateway.url).repository('c/d', 'push');
  const blob = layer('behind a proxy', 65 * 1024 * 1024);
  // In the middle of the fifth piece.
  gateway.cut(37 * 1024 * 1024);
  assert.equal(await to.writeBlob(blob.descriptor, source(blob).open, {}), 'copied');
  const again = gateway.received - blob.descriptor.size;
  assert.ok(again > 0 && again <= 8 * 1024 * 1024, `${again} bytes again`);
});

test('over TLS, with an authority that is given', async (t) => {
  const { key, cert, ca } = await certificate();
  const { url } = await startDockerRegistry(t, { tls: { key, cert } });
  const to = clientOf(t, url, { ca: [ca] }).repository('c/d', 'push');
  const blob = layer('tls', 2_000_000);
  assert.equal(await to.writeBlob(blob.descriptor, opens(blob), {}), 'copied');
  await failure(clientOf(t, url).repository('c/d', 'push').hasBlob(blob.descriptor), 'tls');
});
