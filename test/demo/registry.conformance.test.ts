import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { dockerManifest, ociIndex, ociManifest } from '../../src/oci/media-type.ts';
import { Client, basic } from '../support/client.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { harborTokens } from '../support/harbor-tokens.ts';
import { type Received, send } from '../support/http.ts';
import * as images from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { startTokenServer } from '../support/token-server.ts';

/*
 * The same tests for the embedded registry and for Debian's docker-registry (CNCF Distribution 2.8), so that
 * the one cannot drift from the other. Where Distribution differs from the specification the embedded one
 * follows Distribution, and the test says so; registry.test.ts has what only the embedded one does.
 */
const registries: Record<string, (t: TestContext) => Promise<{ url: string }>> = {
  embedded: async (t) => {
    const registry = await EmbeddedRegistry.start();
    t.after(() => registry.close());
    return registry;
  },
  'docker-registry': startDockerRegistry,
};

type Case = (client: Client) => Promise<void>;

const repository = '/v2/conformance/app';
const content = Buffer.from('a blob of 24 bytes, more');
const digest = digestOf(content);
const octets = { 'content-type': 'application/octet-stream' };

async function begin(client: Client): Promise<string> {
  const { headers } = await client.expect(202, `${repository}/blobs/uploads/`, { method: 'POST' });
  return String(headers.location);
}

function closing(location: string, named: string = digest): string {
  const url = new URL(location);
  url.searchParams.set('digest', named);
  return url.href;
}

async function upload(
  client: Client,
  bytes: Uint8Array = content,
  named: string = digestOf(bytes),
): Promise<Received> {
  const location = closing(await begin(client), named);
  return client.send(location, { method: 'PUT', headers: octets, body: bytes });
}

function patch(client: Client, location: string, body: Uint8Array, range?: string): Promise<Received> {
  const headers = { ...octets, ...(range && { 'content-range': range }) };
  return client.send(location, { method: 'PATCH', headers, body });
}

function codeOf({ body }: Received): string {
  return JSON.parse(body.toString()).errors[0].code;
}

function refused(answer: Received, status: number, code: string): void {
  assert.deepEqual([answer.status, codeOf(answer)], [status, code]);
}

function put(client: Client, reference: string, mediaType: string, body: Uint8Array): Promise<Received> {
  const path = `${repository}/manifests/${reference}`;
  return client.send(path, { method: 'PUT', headers: { 'content-type': mediaType }, body });
}

const cases: Record<string, Case> = {
  async 'answers the ping'(client) {
    const { headers } = await client.expect(200, '/v2/');
    assert.equal(headers['docker-distribution-api-version'], 'registry/2.0');
  },

  async 'does not know what was never put there'(client) {
    refused(await client.send(`${repository}/blobs/${digestOf(Buffer.from('none'))}`), 404, 'BLOB_UNKNOWN');
    refused(await client.send(`${repository}/manifests/none`), 404, 'MANIFEST_UNKNOWN');
    refused(await client.send(`${repository}/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
    refused(await client.send('/v2/nowhere/tags/list'), 404, 'NAME_UNKNOWN');
    const { headers, body } = await client.expect(404, '/v2/UPPER/tags/list');
    assert.match(String(headers['content-type']), /^text\/plain/);
    assert.equal(body.toString().trim(), '404 page not found');
    await client.expect(405, `${repository}/tags/list`, { method: 'POST' });
  },

  async 'takes a whole blob with the PUT'(client) {
    const { status, headers } = await upload(client);
    assert.equal(status, 201);
    assert.equal(headers['docker-content-digest'], digest);
    assert.equal(new URL(String(headers.location), client.url).pathname, `${repository}/blobs/${digest}`);
    const path = `${repository}/blobs/${digest}`;
    const [head, get] = [await client.expect(200, path, { method: 'HEAD' }), await client.expect(200, path)];
    for (const name of ['content-length', 'docker-content-digest', 'etag', 'accept-ranges', 'content-type'])
      assert.equal(head.headers[name], get.headers[name], name);
    assert.equal(get.headers['content-length'], `${content.length}`);
    assert.deepEqual([head.body.length, get.body], [0, content]);
  },

  async 'takes a blob without a byte'(client) {
    const nothing = Buffer.alloc(0);
    assert.equal((await upload(client, nothing)).status, 201);
    const { headers } = await client.expect(200, `${repository}/blobs/${digestOf(nothing)}`, {
      method: 'HEAD',
    });
    assert.equal(headers['content-length'], '0');
  },

  async 'takes a blob in a stream, and the rest with the PUT'(client) {
    const location = await begin(client);
    const answer = await patch(client, location, content.subarray(0, 10));
    assert.deepEqual([answer.status, answer.headers.range], [202, '0-9']);
    const next = String(answer.headers.location);
    assert.notEqual(next, location);
    const last = { method: 'PUT', headers: octets, body: content.subarray(10) };
    await client.expect(201, closing(next), last);
    await client.expect(200, `${repository}/blobs/${digest}`);
  },

  async 'takes a blob in chunks, and tells how far it is'(client) {
    const location = await begin(client);
    const first = await patch(client, location, content.subarray(0, 10), '0-9');
    const second = await patch(client, String(first.headers.location), content.subarray(10), '10-23');
    assert.deepEqual([second.status, second.headers.range], [202, '0-23']);
    const status = await client.expect(204, String(second.headers.location));
    assert.equal(status.headers.range, '0-23');
    assert.ok(status.headers['docker-upload-uuid']);
    await client.expect(201, closing(String(status.headers.location)), { method: 'PUT' });
  },

  // The specification leaves it open; nothing tells no byte from one.
  async 'says 0-0 before the first byte'(client) {
    const { headers } = await client.expect(204, await begin(client));
    assert.equal(headers.range, '0-0');
  },

  // The specification has 416 here. Distribution signs how far the upload was into each Location.
  async 'refuses to go on with a Location that is not the newest'(client) {
    const location = await begin(client);
    await patch(client, location, content.subarray(0, 10));
    refused(await patch(client, location, content.subarray(10)), 404, 'BLOB_UPLOAD_INVALID');
  },

  async 'refuses other bytes than the digest says, and ends the session'(client) {
    const location = await begin(client);
    const wrong = await client.send(closing(location), {
      method: 'PUT',
      headers: octets,
      body: Buffer.from('other'),
    });
    refused(wrong, 400, 'DIGEST_INVALID');
    await client.expect(404, location);
  },

  async 'refuses to close an upload without a digest'(client) {
    const location = await begin(client);
    refused(await client.send(location, { method: 'PUT' }), 400, 'DIGEST_INVALID');
    refused(
      await client.send(closing(await begin(client), 'sha256:short'), { method: 'PUT' }),
      400,
      'DIGEST_INVALID',
    );
  },

  async 'forgets a cancelled upload'(client) {
    const location = await begin(client);
    await client.expect(204, location, { method: 'DELETE' });
    await client.expect(404, location);
    await client.expect(404, closing(location), { method: 'PUT' });
  },

  // Optional in the specification: a 202 is an ordinary upload session, and the body was sent for nothing.
  async 'does not take a blob with the POST'(client) {
    const bytes = Buffer.from('with the POST');
    const path = `${repository}/blobs/uploads/?digest=${digestOf(bytes)}`;
    await client.expect(202, path, { method: 'POST', headers: octets, body: bytes });
    await client.expect(404, `${repository}/blobs/${digestOf(bytes)}`);
  },

  async 'names blobs by sha512 too'(client) {
    const named = digestOf(content, 'sha512');
    assert.equal((await upload(client, content, named)).status, 201);
    const { body } = await client.expect(200, `${repository}/blobs/${named}`);
    assert.deepEqual(body, content);
  },

  async 'mounts what another repository holds, and begins an upload otherwise'(client) {
    await upload(client);
    const mount = (query: string) =>
      client.send(`/v2/mounted/app/blobs/uploads/?${query}`, { method: 'POST' });
    for (const query of [
      `mount=${digest}&from=nowhere/app`,
      `mount=${digest}`,
      'mount=bad&from=conformance/app',
    ]) {
      const { status, headers } = await mount(query);
      assert.equal(status, 202, query);
      assert.match(String(headers.location), /\/v2\/mounted\/app\/blobs\/uploads\//);
    }
    await client.expect(404, `/v2/mounted/app/blobs/${digest}`);
    const { status, headers } = await mount(`mount=${digest}&from=conformance/app`);
    assert.deepEqual([status, headers['docker-content-digest']], [201, digest]);
    await client.expect(200, `/v2/mounted/app/blobs/${digest}`);
  },

  async 'serves a part of a blob'(client) {
    await upload(client);
    const get = (range: string) => client.send(`${repository}/blobs/${digest}`, { headers: { range } });
    const parts: [string, string, Uint8Array][] = [
      ['bytes=20-', 'bytes 20-23/24', content.subarray(20)],
      ['bytes=5-9', 'bytes 5-9/24', content.subarray(5, 10)],
      ['bytes=20-99', 'bytes 20-23/24', content.subarray(20)],
      ['bytes=-4', 'bytes 20-23/24', content.subarray(20)],
    ];
    for (const [range, expected, bytes] of parts) {
      const { status, headers, body } = await get(range);
      assert.deepEqual([status, headers['content-range'], body], [206, expected, bytes], range);
    }
    // A HEAD, because Distribution announces the blob's length here and then sends a text.
    const headers = { range: 'bytes=24-' };
    const beyond = await client.send(`${repository}/blobs/${digest}`, { method: 'HEAD', headers });
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */24']);
  },

  async 'keeps a manifest’s bytes, by tag and by digest'(client) {
    const image = images.ociImage('kept');
    await push(client.url, 'conformance/app', 'kept', image);
    const headers = { accept: `${ociIndex}, ${ociManifest};q=0.5` };
    for (const reference of ['kept', image.descriptor.digest])
      for (const method of ['HEAD', 'GET']) {
        const answer = await client.expect(200, `${repository}/manifests/${reference}`, { method, headers });
        assert.equal(answer.headers['docker-content-digest'], image.descriptor.digest);
        assert.equal(answer.headers['content-type'], ociManifest);
        assert.equal(answer.headers['content-length'], `${image.bytes.length}`);
        assert.deepEqual(answer.body, method === 'HEAD' ? Buffer.alloc(0) : image.bytes);
      }
    const known = { ...headers, 'if-none-match': `"${image.descriptor.digest}"` };
    await client.expect(304, `${repository}/manifests/kept`, { headers: known });
  },

  async 'shows a type only to who accepts it'(client) {
    const image = images.ociImage('shown');
    await push(client.url, 'conformance/app', 'shown', image);
    await push(client.url, 'conformance/app', 'index', images.indexOf([{ image }]));
    for (const accept of [undefined, '*/*', dockerManifest])
      for (const reference of ['shown', 'index', image.descriptor.digest]) {
        const headers = accept === undefined ? {} : { accept };
        const answer = await client.send(`${repository}/manifests/${reference}`, { headers });
        refused(answer, 404, 'MANIFEST_UNKNOWN');
      }
    const docker = images.dockerImage('shown');
    await push(client.url, 'conformance/app', 'docker', docker);
    await client.expect(200, `${repository}/manifests/${docker.descriptor.digest}`);
  },

  async 'moves a tag, and keeps what it named before'(client) {
    const [old, young] = [images.ociImage('old'), images.ociImage('young')];
    for (const image of [old, young]) await push(client.url, 'conformance/app', 'moving', image);
    assert.equal(await digestOfTag(client.url, 'conformance/app', 'moving'), young.descriptor.digest);
    const { digest: before } = old.descriptor;
    assert.equal(await digestOfTag(client.url, 'conformance/app', before), before);
  },

  async 'refuses a manifest whose blobs or manifests are missing'(client) {
    const image = images.ociImage('missing');
    const index = images.indexOf([{ image }]);
    refused(await put(client, 'missing', ociManifest, image.bytes), 400, 'MANIFEST_BLOB_UNKNOWN');
    refused(await put(client, 'missing', ociIndex, index.bytes), 400, 'MANIFEST_BLOB_UNKNOWN');
  },

  async 'takes a manifest whose subject is missing, and layers kept elsewhere'(client) {
    const subject = images.ociImage('nowhere').descriptor;
    const referrer = images.ociImage('referrer', { more: { subject } });
    await push(client.url, 'conformance/app', 'referrer', referrer);
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
    const foreign = images.layer('foreign', 10, { mediaType, urls: ['https://example.com/layer'] });
    const image = images.ociImageOf(images.blobOf('{}', 'application/vnd.oci.image.config.v1+json'), [
      foreign,
    ]);
    await push(client.url, 'conformance/app', 'foreign', image);
  },

  async 'refuses what is not the manifest it is said to be'(client) {
    const image = images.ociImage('said');
    await push(client.url, 'conformance/app', 'said', image);
    const { bytes } = image;
    const other = `sha256:${'0'.repeat(64)}`;
    refused(await put(client, other, ociManifest, bytes), 400, 'DIGEST_INVALID');
    refused(await put(client, 'x', ociManifest, bytes.subarray(0, 40)), 400, 'MANIFEST_INVALID');
    refused(await put(client, 'x', dockerManifest, bytes), 400, 'MANIFEST_INVALID');
    refused(await put(client, 'x', 'application/vnd.example.unknown+json', bytes), 400, 'MANIFEST_INVALID');
    await client.expect(404, `${repository}/manifests/-x`, { method: 'PUT', body: bytes });
  },

  async 'lists tags and repositories'(client) {
    const image = images.ociImage('listed');
    for (const name of ['list/a', 'list/b'])
      for (const tag of ['v2', 'v1']) await push(client.url, name, tag, image);
    const tags = JSON.parse((await client.expect(200, '/v2/list/a/tags/list')).body.toString());
    assert.deepEqual([tags.name, tags.tags.toSorted()], ['list/a', ['v1', 'v2']]);
    const page = await client.expect(200, '/v2/_catalog?n=1&last=list/a');
    assert.deepEqual(JSON.parse(page.body.toString()), { repositories: ['list/b'] });
    assert.equal(page.headers.link, '</v2/_catalog?last=list%2Fb&n=1>; rel="next"');
    const end = await client.expect(200, '/v2/_catalog?n=9&last=list/b');
    assert.equal(end.headers.link, undefined);
  },

  async 'holds every shape of image'(client) {
    const shapes = {
      schema2: images.dockerImage('a'),
      platforms: images.multiPlatform('b'),
      attested: images.multiPlatform('c', 'empty'),
      nested: images.nestedIndex('d'),
      chart: images.helmChart('e'),
      artifact: images.artifact('f'),
      sha512: images.sha512Image('g'),
      [images.cosignTag(digest)]: images.cosignSignature(images.ociImage('h')),
    };
    for (const [tag, image] of Object.entries(shapes)) {
      await push(client.url, 'conformance/shapes', tag, image);
      const [line] = await contentsOf(client.url, 'conformance/shapes', tag);
      assert.ok(line?.includes(image.descriptor.digest), tag);
    }
  },
};

for (const [name, start] of Object.entries(registries))
  test(name, async (t) => {
    const { url } = await start(t);
    for (const [title, run] of Object.entries(cases)) await t.test(title, () => run(new Client(url)));
  });

test('skopeo copies from the one to the other and back', async (t) => {
  const urls = await Promise.all(Object.values(registries).map((start) => start(t)));
  const [embedded = '', docker = ''] = urls.map(({ url }) => url);
  const image = images.multiPlatform('skopeo', 'empty');
  await push(embedded, 'from/app', 'v1', image);
  const copy = (...ends: string[]) => {
    const [from, to] = ends.map((end) => end.replace('http:', 'docker:'));
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const args = ['copy', '--all', '--preserve-digests', '--quiet', ...plain];
    return promisify(execFile)('skopeo', [...args, String(from), String(to)]);
  };
  await copy(`${embedded}/from/app:v1`, `${docker}/to/app:v1`);
  await copy(`${docker}/to/app:v1`, `${embedded}/back/app:v1`);
  const expected = await contentsOf(embedded, 'from/app', 'v1');
  assert.deepEqual(await contentsOf(docker, 'to/app', 'v1'), expected);
  assert.deepEqual(await contentsOf(embedded, 'back/app', 'v1'), expected);
});

const user = { name: 'robot$p+r', password: 'pass:word' };

/** By name: a registry with a token service that knows the user. */
const guarded: Record<string, (t: TestContext) => Promise<{ url: string }>> = {
  embedded: async (t) => {
    const grants = [{ repositories: /p\/.*/, actions: ['pull', 'push'] as const }];
    const registry = await EmbeddedRegistry.start({ auth: { kind: 'bearer', users: [{ ...user, grants }] } });
    t.after(() => registry.close());
    return registry;
  },
  'docker-registry': async (t) => {
    const tokens = await startTokenServer(t, harborTokens([{ ...user, projects: { p: ['pull', 'push'] } }]));
    return startDockerRegistry(t, { token: tokens.trust });
  },
};

for (const [name, start] of Object.entries(guarded))
  test(`${name} with tokens: the challenge says what is missing`, async (t) => {
    const { url } = await start(t);
    const image = images.ociImage('guarded');
    await push(url, 'p/app', 'v1', image, user);
    assert.equal(await digestOfTag(url, 'p/app', 'v1', user), image.descriptor.digest);
    await assert.rejects(push(url, 'q/app', 'v1', image, user), /got 401/);
    const challenge = async (path: string, authorization?: string, method = 'GET') => {
      const answer = await send(url + path, { method, headers: authorization ? { authorization } : {} });
      refused(answer, 401, 'UNAUTHORIZED');
      const text = String(answer.headers['www-authenticate']);
      assert.match(text, /^Bearer realm="http:[^"]*\/(service\/)?token",service="[a-z-]+"/);
      return [/scope="([^"]*)"/.exec(text)?.[1]?.split(' ').toSorted(), /error="(.*)"/.exec(text)?.[1]];
    };
    assert.deepEqual(await challenge('/v2/'), [undefined, undefined]);
    assert.deepEqual(await challenge('/v2/p/app/tags/list'), [['repository:p/app:pull'], undefined]);
    const invalid = await challenge('/v2/p/app/tags/list', 'Bearer nonsense');
    assert.deepEqual(invalid, [['repository:p/app:pull'], 'invalid_token']);
    assert.deepEqual(await challenge('/v2/', basic(user)), [undefined, undefined]);
    const mount = `/v2/p/app/blobs/uploads/?mount=${digest}&from=p/other`;
    const [scopes] = await challenge(mount, undefined, 'POST');
    assert.equal(scopes?.length, 2);
  });
