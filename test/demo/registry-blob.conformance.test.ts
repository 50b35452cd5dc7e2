import assert from 'node:assert/strict';
import { digestOf } from '../../src/oci/digest.ts';
import type { Client } from '../support/client.ts';
import { type Cases, conform, refused } from '../support/conformance.ts';
import type { Received } from '../support/http.ts';

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

const cases: Cases = {
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
};

conform(cases);
