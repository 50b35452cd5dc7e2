import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { digestOf } from '../../src/oci/digest.ts';
import { dockerManifest, ociIndex, ociManifest } from '../../src/oci/media-type.ts';
import type { Client } from '../support/client.ts';
import { type Cases, conform, refused, registries } from '../support/conformance.ts';
import type { Received } from '../support/http.ts';
import * as images from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';

const repository = '/v2/conformance/app';
const digest = digestOf(Buffer.from('nothing that is there'));

function put(client: Client, reference: string, mediaType: string, body: Uint8Array): Promise<Received> {
  const path = `${repository}/manifests/${reference}`;
  return client.send(path, { method: 'PUT', headers: { 'content-type': mediaType }, body });
}

const cases: Cases = {
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
    for (const name of ['list/a', 'list/b', 'list/c'])
      for (const tag of ['v2', 'v1']) await push(client.url, name, tag, image);
    const tags = JSON.parse((await client.expect(200, '/v2/list/a/tags/list')).body.toString());
    assert.deepEqual([tags.name, tags.tags.toSorted()], ['list/a', ['v1', 'v2']]);
    const page = await client.expect(200, '/v2/_catalog?n=1&last=list/a');
    assert.deepEqual(JSON.parse(page.body.toString()), { repositories: ['list/b'] });
    assert.equal(page.headers.link, '</v2/_catalog?last=list%2Fb&n=1>; rel="next"');
    const end = await client.expect(200, '/v2/_catalog?n=9&last=list/c');
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

conform(cases);

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
