import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { EmbeddedRegistry, type RegistryOptions } from '../../src/demo/registry/registry.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ociManifest } from '../../src/oci/media-type.ts';
import { certificate } from '../support/certificate.ts';
import { Client, basic, fetchToken } from '../support/client.ts';
import { send } from '../support/http.ts';
import * as images from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** What the embedded registry does beyond what registry-*.conformance.test.ts shows for it and Distribution. */

async function start(t: TestContext, options: RegistryOptions = {}): Promise<EmbeddedRegistry> {
  const registry = await EmbeddedRegistry.start(options);
  t.after(() => registry.close());
  return registry;
}

const repository = '/v2/p/app';
const image = images.ociImage('embedded');

test('chunks have to come in order; Distribution does not look', async (t) => {
  const client = new Client((await start(t)).url);
  const begun = await client.expect(202, `${repository}/blobs/uploads/`, { method: 'POST' });
  const location = String(begun.headers.location);
  const patch = (range: string) => {
    const headers = { 'content-range': range };
    return client.send(location, { method: 'PATCH', headers, body: Buffer.from('0123456789') });
  };
  assert.equal((await patch('10-19')).status, 416);
  assert.equal((await patch('bytes 0-9')).status, 416);
  assert.equal((await patch('0-5')).status, 400);
  assert.equal((await patch('0-9')).headers.range, '0-9');
  // However old the Location is.
  assert.equal((await client.expect(204, location)).headers.range, '0-9');
});

test('what a client sent before it went away is kept', async (t) => {
  const registry = await start(t);
  const client = new Client(registry.url);
  const begun = await client.expect(202, `${repository}/blobs/uploads/`, { method: 'POST' });
  const location = String(begun.headers.location);
  const patch = request(location, { method: 'PATCH', agent: false });
  patch.on('error', () => undefined);
  patch.write('half');
  while (registry.requests.at(-1)?.bytesIn !== 4) await setImmediate();
  patch.destroy();
  let status = await client.expect(204, location);
  while (status.headers.range !== '0-3') status = await client.expect(204, location);
  const next = new URL(String(status.headers.location));
  next.searchParams.set('digest', digestOf(Buffer.from('half done')));
  await client.expect(201, next.href, { method: 'PUT', body: Buffer.from(' done') });
});

test('tags come in pages', async (t) => {
  const { url } = await start(t);
  const client = new Client(url);
  for (const tag of ['c', 'a', 'b', 'B', 'd']) await push(url, 'p/app', tag, image);
  const pages: string[][] = [];
  for (let path: string | undefined = `${repository}/tags/list?n=2`; path !== undefined;) {
    const { headers, body } = await client.expect(200, path);
    pages.push(JSON.parse(body.toString()).tags);
    path = /^<(\/v2\/.*)>; rel="next"$/.exec(String(headers.link))?.[1];
  }
  assert.deepEqual(pages, [['B', 'a'], ['b', 'c'], ['d']]);
  const rest = await client.expect(200, `${repository}/tags/list?last=bb`);
  assert.deepEqual(JSON.parse(rest.body.toString()).tags, ['c', 'd']);
});

test('referrers are listed, and a manifest with a subject is told so', async (t) => {
  const { url } = await start(t);
  const client = new Client(url);
  const subject = image.descriptor;
  const sbom = images.ociImage('sbom', { more: { subject, annotations: { of: 'image' } } });
  const signature = images.ociImage('signature', {
    more: { subject, artifactType: 'application/vnd.signature' },
  });
  for (const referrer of [sbom, signature]) await push(url, 'p/app', undefined, referrer);
  const put = { method: 'PUT', headers: { 'content-type': ociManifest }, body: sbom.bytes };
  const answer = await client.expect(201, `${repository}/manifests/sbom`, put);
  assert.equal(answer.headers['oci-subject'], subject.digest);
  const all = await client.expect(200, `${repository}/referrers/${subject.digest}`);
  assert.deepEqual(JSON.parse(all.body.toString()).manifests, [
    {
      ...sbom.descriptor,
      artifactType: 'application/vnd.oci.image.config.v1+json',
      annotations: { of: 'image' },
    },
    { ...signature.descriptor, artifactType: 'application/vnd.signature' },
  ]);
  const some = await client.expect(
    200,
    `${repository}/referrers/${subject.digest}?artifactType=application/vnd.signature`,
  );
  assert.equal(some.headers['oci-filters-applied'], 'artifactType');
  assert.equal(JSON.parse(some.body.toString()).manifests.length, 1);
  const none = await client.expect(200, `${repository}/referrers/${sbom.descriptor.digest}`);
  assert.deepEqual(JSON.parse(none.body.toString()).manifests, []);
});

test('without the referrers API there is neither the list nor the header', async (t) => {
  const { url } = await start(t, { referrers: false });
  const client = new Client(url);
  const referrer = images.ociImage('referrer', { more: { subject: image.descriptor } });
  await push(url, 'p/app', 'v1', referrer);
  const put = { method: 'PUT', headers: { 'content-type': ociManifest }, body: referrer.bytes };
  assert.equal(
    (await client.expect(201, `${repository}/manifests/v2`, put)).headers['oci-subject'],
    undefined,
  );
  const { headers } = await client.expect(404, `${repository}/referrers/${image.descriptor.digest}`);
  assert.match(String(headers['content-type']), /^text\/plain/);
});

test('sha512 is kept as it was named, where Distribution answers with sha256', async (t) => {
  const { url } = await start(t);
  const client = new Client(url);
  await push(url, 'p/app', 'v1', images.sha512Image('long'));
  const [, , layer = ''] = await contentsOf(url, 'p/app', 'v1');
  const digest = layer.split(' ')[1] ?? '';
  const blob = await client.expect(200, `${repository}/blobs/${digest}`, { method: 'HEAD' });
  assert.match(String(blob.headers['docker-content-digest']), /^sha512:/);
  await push(url, 'p/app', 'v2', image);
  const named = digestOf(image.bytes, 'sha512');
  const put = { method: 'PUT', headers: { 'content-type': ociManifest }, body: image.bytes };
  await client.expect(201, `${repository}/manifests/${named}`, put);
  assert.equal((await contentsOf(url, 'p/app', named)).length, 4);
});

// Distribution says 400 MANIFEST_INVALID.
test('a manifest has at most 4 MiB', async (t) => {
  const { url } = await start(t);
  const large = images.ociImage('embedded', {
    more: { annotations: { large: 'x'.repeat(4 * 1024 * 1024) } },
  });
  await assert.rejects(push(url, 'p/app', 'large', large), /got 413/);
});

test('large blobs are in a temporary folder, which goes with the registry', async (t) => {
  process.env['TMPDIR'] = await temporaryFolder(t);
  t.after(() => delete process.env['TMPDIR']);
  const folder = process.env['TMPDIR'];
  const registry = await start(t);
  await push(registry.url, 'p/app', 'small', image);
  assert.deepEqual(await readdir(folder), []);
  const large = images.ociImage('large', { layers: [3_000_000] });
  await push(registry.url, 'p/app', 'large', large);
  assert.equal((await contentsOf(registry.url, 'p/app', 'large')).length, 3);
  const path = `${repository}/blobs/${large.blobs[1]?.descriptor.digest}`;
  const part = await send(registry.url + path, { headers: { range: 'bytes=2000000-2000009' } });
  assert.deepEqual([part.status, part.body.length, registry.requests.at(-1)?.bytesOut], [206, 10, 10]);
  assert.equal((await readdir(folder)).length, 1);
  await registry.close();
  assert.deepEqual(await readdir(folder), []);
});

test('tells of every tag, when it can be read', async (t) => {
  const told: string[] = [];
  const read: Promise<unknown>[] = [];
  const registry = await start(t, {
    onTag: (...tagged) => {
      told.push(tagged.join(' '));
      read.push(digestOfTag(registry.url, 'p/app', tagged[1]));
    },
  });
  const index = images.indexOf([{ image }]);
  await push(registry.url, 'p/app', 'v1', index);
  assert.deepEqual(told, [`p/app v1 ${index.descriptor.digest}`]);
  assert.deepEqual(await Promise.all(read), [index.descriptor.digest]);
});

test('remembers its requests, without credentials', async (t) => {
  const registry = await start(t);
  const headers = { authorization: 'Bearer secret' };
  await send(`${registry.url}${repository}/tags/list?n=3`, { headers });
  const { bytesOut, ...record } = registry.requests.at(-1) ?? { bytesOut: 0 };
  const asked = { method: 'GET', path: `${repository}/tags/list`, query: '?n=3', authorization: 'bearer' };
  assert.deepEqual(record, { ...asked, status: 404, bytesIn: 0 });
  assert.ok(bytesOut > 0);
});

test('serves TLS, and gives locations with it', async (t) => {
  const { url } = await start(t, { tls: await certificate() });
  assert.match(url, /^https:/);
  const begun = await new Client(url).expect(202, `${repository}/blobs/uploads/`, { method: 'POST' });
  assert.equal(new URL(String(begun.headers.location)).origin, url);
});

const user = { name: 'robot$p', password: 'a:b' };
const grants = [{ repositories: /p\/.*/, actions: ['pull', 'push'] as const }];

test('Basic: a wrong password is 401, a wrong repository 403', async (t) => {
  const open = [{ repositories: /public\/.*/, actions: ['pull'] as const }];
  const { url } = await start(t, { auth: { kind: 'basic', users: [{ ...user, grants }], anonymous: open } });
  await push(url, 'p/app', 'v1', image, user);
  const status = async (path: string, headers = {}) => (await send(url + path, { headers })).status;
  const right = { authorization: basic(user) };
  assert.deepEqual(
    await Promise.all([status('/v2/', right), status('/v2/q/app/tags/list', right)]),
    [200, 403],
  );
  assert.deepEqual(await Promise.all([status('/v2/'), status('/v2/p/app/tags/list')]), [401, 401]);
  assert.equal(await status('/v2/public/app/tags/list'), 404);
  assert.equal(await status('/v2/', { authorization: basic({ ...user, password: 'a' }) }), 401);
});

test('Bearer: a token is good until its time is over', async (t) => {
  let now = 0;
  const auth = { kind: 'bearer' as const, users: [{ ...user, grants }], tokenLife: 60_000 };
  const { url } = await start(t, { auth, clock: { now: () => now } });
  const path = `${url}/v2/p/app/blobs/uploads/`;
  const challenge = String((await send(path, { method: 'POST' })).headers['www-authenticate']);
  const headers = { authorization: `Bearer ${await fetchToken(challenge, user)}` };
  now = 59_999;
  assert.equal((await send(path, { method: 'POST', headers })).status, 202);
  now = 60_000;
  const expired = await send(path, { method: 'POST', headers });
  assert.equal(expired.status, 401);
  assert.match(String(expired.headers['www-authenticate']), /error="invalid_token"/);
});

test('Bearer: the token endpoint refuses a wrong password and another service, but no scope', async (t) => {
  const auth = { kind: 'bearer' as const, users: [{ ...user, grants }], apart: true };
  const { url, requests } = await start(t, { name: 'here', auth });
  const realm =
    /realm="([^"]*)"/.exec(String((await send(`${url}/v2/`)).headers['www-authenticate']))?.[1] ?? '';
  assert.notEqual(new URL(realm).origin, url);
  const ask = async (query: string, password: string) =>
    (await send(realm + query, { headers: { authorization: basic({ ...user, password }) } })).status;
  assert.equal(await ask('?service=here&scope=repository:q/app:pull', user.password), 200);
  assert.equal(await ask('?service=here&scope=repository:p/app:pull', 'wrong'), 401);
  assert.equal(await ask('?service=there', user.password), 400);
  assert.equal(requests.filter(({ path }) => path === '/token').length, 3);
});

test('a registry that closes cuts what is under way', async (t) => {
  const registry = await start(t, { misbehave: () => new Promise(() => undefined) });
  const cut = assert.rejects(send(`${registry.url}/v2/`), { code: 'ECONNRESET' });
  while (registry.requests.length === 0) await setImmediate();
  await registry.close();
  await cut;
});
