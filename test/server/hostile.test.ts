import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { RawClient } from './raw.ts';
import { jsonOf, push, secret, startStand, type Stand } from './stand.ts';

const head = `POST /webhooks/harbor HTTP/1.1\r\nHost: x\r\nAuthorization: ${secret}\r\nContent-Type: application/json\r\n`;
const limit = 1024 * 1024;
/** Short enough to wait for, and long enough for a delivery on a busy machine. */
const impatient = { headers: 1000, request: 1000, check: 50 };

async function worksStill(stand: Stand): Promise<void> {
  assert.equal((await stand.post(push('library/web', 'still'))).status, 202);
}

test('a body of exactly 1 MiB is read, one byte more is 413', async (t) => {
  const stand = await startStand(t);
  const event = push('library/web', '1.0');
  assert.equal((await stand.post(event.padEnd(limit))).status, 202);
  assert.equal((await stand.post(event.padEnd(limit + 1))).status, 413);
  assert.deepEqual(stand.deliveries, ['accepted', 'too-large']);
});

test('10 MB are answered 413, and the connection is good for the next delivery', async (t) => {
  const stand = await startStand(t);
  const client = await RawClient.open(t, stand.server.port);
  const size = 10_000_000;
  client.write(`${head}Content-Length: ${size}\r\n\r\n`).write(' '.repeat(size));
  await client.until(/^HTTP\/1\.1 413 /);
  const body = push('library/web', '1.0');
  client.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  assert.match(await client.until(/\{"tasks":\[\d+\]\}/), /HTTP\/1\.1 202 /);
});

test('the same with chunks', async (t) => {
  const stand = await startStand(t);
  const client = await RawClient.open(t, stand.server.port);
  client.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  for (let sent = 0; sent < 10_000_000; sent += 1_000_000)
    client.write(`f4240\r\n${' '.repeat(1_000_000)}\r\n`);
  client.write('0\r\n\r\n');
  await client.until(/^HTTP\/1\.1 413 /);
  const body = push('library/web', '1.0');
  client.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  assert.match(await client.until(/\{"tasks":\[\d+\]\}/), /HTTP\/1\.1 202 /);
  assert.deepEqual(stand.deliveries, ['too-large', 'accepted']);
});

test('chunks over 1 MiB without a length are answered 413 while they are sent', async (t) => {
  const stand = await startStand(t, { timeouts: impatient });
  const client = await RawClient.open(t, stand.server.port);
  client.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  for (let sent = 0; sent < 20; sent++) client.write(chunk);
  await client.until(/^HTTP\/1\.1 413 [\s\S]*at most 1048576 bytes/);
  assert.deepEqual(stand.deliveries, ['too-large']);
  // The sender goes on without end: the time for one request bounds that.
  client.write(chunk);
  await client.closed();
  await worksStill(stand);
});

test('without the secret nothing of the body is waited for', async (t) => {
  const stand = await startStand(t);
  const client = await RawClient.open(t, stand.server.port);
  client.write('POST /webhooks/harbor HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  await client.until(/^HTTP\/1\.1 401 /);
});

test('a length over 1 MiB is 413 before the body comes', async (t) => {
  const stand = await startStand(t);
  const client = await RawClient.open(t, stand.server.port);
  client.write(`${head}Content-Length: ${limit + 1}\r\n\r\n`);
  await client.until(/^HTTP\/1\.1 413 /);
});

const slow: [what: string, text: string][] = [
  ['headers', 'POST /webhooks/harbor HTTP/1.1\r\nHost: x\r\n'],
  ['a body', `${head}Content-Length: 100\r\n\r\n{`],
  ['chunks', `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`],
];

for (const [what, text] of slow) {
  test(`a client that never ends ${what} is cut off, and others are served meanwhile`, async (t) => {
    const stand = await startStand(t, { timeouts: impatient });
    const client = await RawClient.open(t, stand.server.port);
    client.write(text);
    await worksStill(stand);
    assert.match(await client.closed(), /^HTTP\/1\.1 408 /);
    assert.equal(stand.state.tasks.list({ limit: 10 }).length, 1);
  });
}

test('a client that goes away in the middle of a body leaves nothing behind', async (t) => {
  const stand = await startStand(t);
  const client = await RawClient.open(t, stand.server.port);
  const body = push('library/web', 'half');
  client.write(`${head}Content-Length: ${body.length + 1}\r\n\r\n${body}`);
  client.socket.end();
  await client.closed();
  await worksStill(stand);
  assert.deepEqual(stand.deliveries, ['invalid', 'accepted']);
  assert.equal(stand.state.tasks.list({ limit: 10, tag: 'half' }).length, 0);
});

const shared = await startStand({ after });

const garbage: [what: string, text: string][] = [
  ['no HTTP', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n'],
  ['no version', 'POST /webhooks/harbor\r\n\r\n'],
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
  ['a blank in a header name', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n'],
  ['a zero byte in a header', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n'],
  ['a long header', `GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(17_000)}\r\n\r\n`],
  ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
  ['a length and chunks', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a negative length', `${head}Content-Length: -1\r\n\r\n`],
  ['a chunk size that is none', `${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n`],
];

for (const [what, text] of garbage) {
  test(`${what} is answered 4xx, the connection is closed, and the server goes on`, async (t) => {
    const client = await RawClient.open(t, shared.server.port);
    client.write(text);
    assert.match(await client.closed(), /^HTTP\/1\.1 4\d\d /);
    await worksStill(shared);
    assert.equal(shared.state.tasks.list({ limit: 10 }).length, 1, 'the one of the check');
  });
}

test('two deliveries in one packet are both taken', async (t) => {
  const stand = await startStand(t);
  const client = await RawClient.open(t, stand.server.port);
  const bodies = ['1.0', '2.0'].map((tag) => push('library/web', tag));
  client.write(bodies.map((body) => `${head}Content-Length: ${body.length}\r\n\r\n${body}`).join(''));
  await client.until(/(?:HTTP\/1\.1 202 [\s\S]*){2}/);
  assert.equal(stand.state.tasks.list({ limit: 10 }).length, 2);
});

test('header names and values of a hostile kind change nothing', async (t) => {
  const stand = await startStand(t);
  const headers = {
    'X-HTTP-Method-Override': 'DELETE',
    'X-Forwarded-For': "'; DROP TABLE task; --",
    Origin: 'https://evil.example',
    __proto__: 'x',
    constructor: 'x',
  };
  const answer = await stand.post(push('library/web', '1.0'), headers);
  assert.equal(answer.status, 202);
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
  assert.equal(jsonOf(answer).tasks.length, 1);
});
