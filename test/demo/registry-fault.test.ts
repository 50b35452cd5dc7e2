import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { digestOf } from '../../src/oci/digest.ts';
import * as connection from '../support/connection-fault.ts';
import * as fault from '../support/fault.ts';
import { type Received, type Sent, send } from '../support/http.ts';
import { type Image, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { startStorage } from '../support/storage.ts';
import * as token from '../support/token-fault.ts';

/** Each fault is seen on the wire, by a client that hides nothing. */

const image: Image = ociImage('faulty', { layers: [200_000] });
const blob = `/v2/a/b/blobs/${image.blobs[1]?.descriptor.digest}`;
const manifest = '/v2/a/b/manifests/v1';
const accept = { headers: { accept: image.descriptor.mediaType } };

async function start(t: TestContext) {
  const faults = new fault.Faults();
  const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  t.after(() => registry.close());
  await push(registry.url, 'a/b', 'v1', image);
  const meet = (misbehaviour: Misbehaviour, path: string, sent: Sent = {}): Promise<Received> => {
    faults.once(/./, misbehaviour);
    return send(registry.url + path, sent);
  };
  return { registry, faults, meet };
}

test('a fault is met as often as it was asked for, by the requests that fit', async (t) => {
  const { registry, faults } = await start(t);
  faults.times(2, /^GET .*\/blobs\//, fault.unavailable('3'));
  assert.equal((await send(registry.url + manifest, accept)).status, 200);
  const answers = [
    await send(registry.url + blob),
    await send(registry.url + blob),
    await send(registry.url + blob),
  ];
  assert.deepEqual(
    answers.map(({ status, headers }) => [status, headers['retry-after']]),
    [
      [503, '3'],
      [503, '3'],
      [200, undefined],
    ],
  );
  assert.equal(faults.pending, 0);
});

test('answers instead of the registry’s', async (t) => {
  const { meet } = await start(t);
  assert.equal((await meet(fault.rateLimited('Wed, 21 Oct 2026 07:28:00 GMT'), blob)).status, 429);
  assert.match((await meet(fault.html(502), blob)).body.toString(), /^<html>/);
  assert.ok((await meet(fault.hugeBody(500), blob)).body.length > 10_000_000);
  assert.equal((await meet(fault.redirect('/elsewhere'), blob)).headers.location, '/elsewhere');
  assert.match((await meet(fault.uploadLost, blob)).body.toString(), /BLOB_UPLOAD_UNKNOWN/);
});

test('changed headers', async (t) => {
  const { meet, registry } = await start(t);
  assert.equal((await meet(fault.withoutDigest, blob)).headers['docker-content-digest'], undefined);
  assert.match(String((await meet(fault.wrongDigest, blob)).headers['docker-content-digest']), /^sha256:0+$/);
  assert.equal((await meet(fault.gzipEncoded, blob)).headers['content-encoding'], 'gzip');
  assert.match(
    String((await meet(fault.typeWithParameters, manifest, accept)).headers['content-type']),
    /json; /,
  );
  const begin = (misbehaviour: Misbehaviour) =>
    meet(misbehaviour, '/v2/a/b/blobs/uploads/', { method: 'POST' });
  assert.match(
    String((await begin(fault.relativeLocation)).headers.location),
    /^\/v2\/a\/b\/blobs\/uploads\/.*_state=/,
  );
  assert.match(
    String((await begin(fault.foreignLocation('http://localhost:1'))).headers.location),
    /^http:\/\/localhost:1\/v2/,
  );
  assert.equal((await begin(fault.rangeStuck)).headers.range, '0-0');
  assert.ok(registry.requests.every(({ authorization }) => authorization === 'none'));
});

test('changed lists', async (t) => {
  const { meet } = await start(t);
  const tags = '/v2/a/b/tags/list';
  assert.deepEqual(JSON.parse((await meet(fault.tagsNull, tags)).body.toString()), {
    name: 'a/b',
    tags: null,
  });
  const more = await meet(fault.withTags('sha256:abc', '-x'), tags);
  assert.deepEqual(JSON.parse(more.body.toString()).tags, ['v1', 'sha256:abc', '-x']);
  assert.equal((await meet(fault.link(tags), tags)).headers.link, `<${tags}>; rel="next"`);
});

test('changed questions', async (t) => {
  const { meet } = await start(t);
  const mount = `/v2/c/d/blobs/uploads/?from=a/b&mount=${image.blobs[1]?.descriptor.digest}`;
  assert.equal((await meet(fault.mountIgnored, mount, { method: 'POST' })).status, 202);
  const part = await meet(fault.rangeIgnored, blob, { headers: { range: 'bytes=5-9' } });
  assert.deepEqual([part.status, part.body.length], [200, 200_000]);
});

test('bodies that are not what they should be', async (t) => {
  const { meet } = await start(t);
  const lengths = [
    await meet(connection.truncated(100_000), blob),
    await meet(connection.overlong(10), blob),
    await meet(connection.withoutLength, blob),
  ].map(({ headers, body }) => [headers['content-length'], body.length]);
  assert.deepEqual(lengths, [
    ['100000', 100_000],
    [undefined, 200_010],
    [undefined, 200_000],
  ]);
  const wrong = await meet(connection.wrongBytes, blob);
  assert.equal(wrong.body.length, 200_000);
  assert.notEqual(digestOf(wrong.body), image.blobs[1]?.descriptor.digest);
});

test('connections that end', async (t) => {
  const { meet, registry } = await start(t);
  await assert.rejects(meet(connection.reset, blob), { code: 'ECONNRESET' });
  await assert.rejects(meet(connection.shortBody(100_000), blob), { code: 'ECONNRESET' });
  await assert.rejects(meet(connection.brokenBody(100_000), blob), { code: 'ECONNRESET' });
  const put = { ...accept, method: 'PUT', headers: { 'content-type': image.descriptor.mediaType } };
  await assert.rejects(
    meet(connection.resetAfterReceiving(10), '/v2/a/b/manifests/v2', { ...put, body: image.bytes }),
  );
  assert.equal((await send(`${registry.url}/v2/a/b/manifests/v2`, accept)).status, 404);
  await assert.rejects(meet(connection.lostAnswer, '/v2/a/b/manifests/v3', { ...put, body: image.bytes }));
  assert.equal((await send(`${registry.url}/v2/a/b/manifests/v3`, accept)).status, 200);
});

test('a stall lasts as long as the test wants', async (t) => {
  const { meet } = await start(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  let answers = 0;
  const count = (received: Received) => (answers += received.body.length);
  const stalled = [meet(connection.stall(promise), blob), meet(connection.stalledBody(10, promise), blob)];
  const counted = stalled.map((received) => received.then(count));
  assert.equal((await meet(fault.unavailable(), blob)).status, 503);
  assert.equal(answers, 0);
  resolve();
  await Promise.all(counted);
  assert.equal(answers, 400_000);
});

test('blobs stored elsewhere are had there without a credential only, and once', async (t) => {
  const { meet } = await start(t);
  const storage = await startStorage(t);
  const { status, headers } = await meet(storage.redirect, blob);
  const location = String(headers.location);
  assert.deepEqual([status, new URL(location).origin], [307, storage.url]);
  assert.equal((await send(location, { headers: { authorization: 'Bearer x' } })).status, 400);
  assert.equal(digestOf((await send(location)).body), image.blobs[1]?.descriptor.digest);
  assert.deepEqual(
    storage.requests.map(({ authorization }) => authorization),
    ['bearer', 'none'],
  );
});

test('token services that are odd', async (t) => {
  const faults = new fault.Faults();
  const grants = [{ repositories: /.*/, actions: ['pull'] as const }];
  const auth = { kind: 'bearer' as const, users: [], anonymous: grants };
  const registry = await EmbeddedRegistry.start({ auth, misbehave: faults.misbehave });
  t.after(() => registry.close());
  const url = `${registry.url}/token?service=registry&scope=repository:a/b:pull`;
  const ask = async (misbehaviour: Misbehaviour): Promise<Record<string, unknown>> => {
    faults.once(/^GET \/token/, misbehaviour);
    return JSON.parse((await send(url)).body.toString());
  };
  assert.equal((await ask(token.onlyAccessToken))['token'], undefined);
  assert.equal((await ask(token.emptyAccessToken))['access_token'], '');
  assert.deepEqual(Object.keys(await ask(token.withoutTimes)), ['token']);
  assert.equal((await ask(token.promisedLife(60)))['expires_in'], 60);
  const headers = { authorization: `Bearer ${String((await ask(token.lessScope(/never/)))['token'])}` };
  const refused = await send(registry.url + blob, { headers });
  assert.match(String(refused.headers['www-authenticate']), /error="insufficient_scope"/);
  faults.once(/blobs/, token.challenge(undefined));
  assert.equal((await send(registry.url + blob)).headers['www-authenticate'], undefined);
  faults.once(/blobs/, token.basicAfterBearer);
  assert.equal(
    (await send(registry.url + blob, { headers })).headers['www-authenticate'],
    'Basic realm="harbor"',
  );
});
