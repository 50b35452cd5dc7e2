import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import * as connection from '../support/connection-fault.ts';
import { certificate, expiredCertificate, selfSigned } from '../support/certificate.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { Faults } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { LeapingClock } from './clock.ts';
import { type ClientOptions, clientOf, failure, read, startStand } from './stand.ts';

const image = ociImage('connection', { layers: [300_000] });
const blob = image.blobs[1]?.descriptor ?? image.descriptor;

function resolve(t: TestContext, url: string, options: Partial<ClientOptions> = {}) {
  const counted: number[] = [];
  const onRequest = (_: string, status: number) => void counted.push(status);
  const client = clientOf(t, url, { clock: new LeapingClock(), onRequest, ...options });
  return { resolved: client.repository('a/b', 'pull').resolve('v1'), counted };
}

/** Something that listens and does with each connection what it is told. */
async function listen(t: TestContext, connected: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    connected(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

test('nobody listens, or no such host: unreachable', async (t) => {
  for (const url of ['http://127.0.0.1:1', 'http://no-such-host.invalid']) {
    const { resolved, counted } = resolve(t, url);
    const error = await failure(resolved, 'unreachable');
    assert.match(error.message, /^GET http:\/\/.*\/v2\/: .+/);
    assert.deepEqual(counted, [0, 0, 0, 0]);
  }
});

test('a connection that is closed, or reset, or speaks another protocol', async (t) => {
  const cases = [
    [(socket: Socket) => void socket.end(), 'unreachable', 4],
    [(socket: Socket) => void socket.resetAndDestroy(), 'unreachable', 4],
    [(socket: Socket) => void socket.end('SSH-2.0-OpenSSH_10.0\r\n'), 'protocol', 1],
    [
      (socket: Socket) => void socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`),
      'protocol',
      1,
    ],
  ] as const;
  for (const [connected, fault, tries] of cases) {
    const { resolved, counted } = resolve(t, `http://${await listen(t, connected)}`);
    await failure(resolved, fault);
    assert.equal(counted.length, tries, fault);
  }
});

test('questions one after the other share connections', async (t) => {
  let connections = 0;
  const url = await listen(t, (socket) => {
    connections++;
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  });
  const repository = clientOf(t, `http://${url}`).repository('a/b', 'push');
  for (let time = 0; time < 20; time++) assert.equal(await repository.hasBlob({ ...blob, size: 0 }), true);
  // The ping's may not be free yet when the first question comes.
  assert.ok(connections <= 2, `${connections} connections`);
});

test('TLS: an authority that is known is trusted', async (t) => {
  const { key, cert, ca } = await certificate();
  const registry = await EmbeddedRegistry.start({ tls: { key, cert } });
  t.after(() => registry.close());
  assert.equal(await resolve(t, registry.url, { ca: [ca] }).resolved, undefined);
  assert.equal(
    await resolve(t, registry.url.replace('127.0.0.1', 'localhost'), { ca: [ca] }).resolved,
    undefined,
  );
});

test('TLS: other authorities count for new connections; what is under way ends by those before', async (t) => {
  const { key, cert, ca } = await certificate();
  const faults = new Faults();
  const registry = await EmbeddedRegistry.start({ tls: { key, cert }, misbehave: faults.misbehave });
  t.after(() => registry.close());
  await push(registry.url, 'a/b', 'slow', image);
  let trusted = [ca];
  const repository = clientOf(t, registry.url, { ca: () => trusted }).repository('a/b', 'pull');
  assert.equal(await repository.resolve('v1'), undefined);
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  faults.once(/manifests\/slow/, async (_call, next) => {
    begun.resolve();
    await goOn.promise;
    return next();
  });
  const slow = repository.resolve('slow');
  await begun.promise;
  trusted = [(await selfSigned()).cert];
  await failure(repository.resolve('v1'), 'tls');
  goOn.resolve();
  assert.equal((await slow)?.digest, image.descriptor.digest);
  trusted = [ca];
  assert.equal(await repository.resolve('v1'), undefined);
});

test('TLS: what is not to be trusted is a failure at once, unless it is to be skipped', async (t) => {
  const { key, cert, ca } = await certificate();
  const registry = await EmbeddedRegistry.start({ tls: { key, cert } });
  t.after(() => registry.close());
  const unknown = resolve(t, registry.url);
  assert.match((await failure(unknown.resolved, 'tls')).message, /certificate/);
  assert.deepEqual(unknown.counted, [0]);
  // The certificate is for 127.0.0.1 and localhost.
  const other = await EmbeddedRegistry.start({ tls: { key, cert }, host: '127.0.0.2' });
  t.after(() => other.close());
  const misnamed = resolve(t, other.url, { ca: [ca] });
  assert.match((await failure(misnamed.resolved, 'tls')).message, /127\.0\.0\.2/);
  assert.deepEqual(misnamed.counted, [0]);
  const old = await expiredCertificate();
  const late = await EmbeddedRegistry.start({ tls: old });
  t.after(() => late.close());
  assert.match((await failure(resolve(t, late.url, { ca: [old.cert] }).resolved, 'tls')).message, /expired/);
  assert.equal(await resolve(t, registry.url, { insecureSkipVerify: true }).resolved, undefined);
});

test('TLS: plain HTTP where TLS is expected', async (t) => {
  const registry = await EmbeddedRegistry.start();
  t.after(() => registry.close());
  const { resolved, counted } = resolve(t, registry.url.replace('http:', 'https:'));
  assert.match(
    (await failure(resolved, 'tls')).message,
    /probably plain HTTP; .* http:\/\/ in its url; in image-syncer files insecure: true$/,
  );
  assert.deepEqual(counted, [0]);
});

test('an answer that does not come is given up after the idle time', async (t) => {
  const silent = await listen(t, () => undefined);
  const { resolved, counted } = resolve(t, `http://${silent}`, { idleTimeout: 100 });
  await failure(resolved, 'timeout');
  assert.deepEqual(counted, [0, 0]);
});

const forever = new Promise<never>(() => undefined);

test('a source that stalls in the middle of a blob is given up after the idle time, and its slot is free', async (t) => {
  const { registry, client, faults, seen, assertFree } = await startStand(t, {}, { idleTimeout: 200 });
  await push(registry.url, 'a/b', 'v1', image);
  faults.once(/^GET .*blobs/, connection.stalledBody(100_000, forever));
  faults.always(/^GET .*blobs/, connection.stalledBody(0, forever));
  await failure(read(client, 'a/b', blob), 'timeout');
  assert.equal(seen(/^GET .*blobs/).length, 6);
  await assertFree();
});

test('an answer that trickles in is given up after five minutes, a refusal’s as well', async (t) => {
  for (const [status, fault, requests] of [
    [200, 'timeout', 2],
    [403, 'denied', 1],
  ] as const) {
    const { client, clock, faults, seen, assertFree } = await startStand(t);
    async function* trickle(): AsyncGenerator<Uint8Array> {
      // A minute from byte to byte; the test ends also if nobody gives up.
      for (let minute = 0; minute < 30; minute++) {
        yield Buffer.from(' ');
        for (let turn = 0; turn < 20; turn++) await setImmediate();
        clock.advance(60_000);
      }
    }
    faults.always(/^GET .*manifests/, async () => ({ status, headers: {}, body: trickle() }));
    const begun = clock.now();
    await failure(client.repository('a/b', 'pull').manifest(image.descriptor), fault);
    assert.equal(seen(/^GET .*manifests/).length, requests);
    assert.ok(clock.now() - begun < requests * 8 * 60_000, `${clock.now() - begun} ms`);
    await assertFree();
  }
});

/** Without a length only the connection's end tells that something is missing. */
const brokenChunks: Misbehaviour = (call, next) => {
  return connection.brokenBody(100_000)(call, async () => {
    const answer = await connection.withoutLength(call, next);
    return answer === 'reset' ? next() : answer;
  });
};

for (const [what, fault] of [
  ['broken', connection.brokenBody(100_000)],
  ['broken, in chunks', brokenChunks],
  ['shorter than announced', connection.shortBody(100_000)],
] as const)
  test(`a blob's answer that is ${what} is gone on with, and its slot is free`, async (t) => {
    const { registry, client, faults, seen, assertFree } = await startStand(t);
    await push(registry.url, 'a/b', 'v1', image);
    faults.once(/^GET .*blobs/, fault);
    assert.equal(digestOf(await read(client, 'a/b', blob)), blob.digest);
    assert.equal(seen(/^GET .*blobs/).length, 2);
    await assertFree();
  });

test('a blob announced with another length is corrupt, and not read', async (t) => {
  const { registry, client, faults, assertFree } = await startStand(t);
  await push(registry.url, 'a/b', 'v1', image);
  faults.always(/^GET .*blobs/, connection.truncated(100_000));
  const error = await failure(read(client, 'a/b', blob), 'corrupt');
  assert.match(error.message, /expected 300000 bytes, http:.* announces 100000/);
  await assertFree();
});

test('a manifest that breaks off is asked for again', async (t) => {
  const { registry, client, faults, seen, assertFree } = await startStand(t);
  await push(registry.url, 'a/b', 'v1', image);
  faults.times(2, /^GET .*manifests/, connection.brokenBody(10));
  const bytes = await client.repository('a/b', 'pull').manifest(image.descriptor);
  assert.deepEqual([bytes.length, seen(/^GET .*manifests/).length], [image.bytes.length, 3]);
  await assertFree();
});

test('a client that is closed ends what is under way', async (t) => {
  const stand = await startStand(t);
  const client = clientOf(t, stand.registry.url, { clock: new LeapingClock() });
  stand.faults.always(/manifests/, async () => new Promise<never>(() => undefined));
  const asked = failure(client.repository('a/b', 'pull').resolve('v1'), 'unreachable');
  while (stand.seen(/manifests/).length === 0) await setImmediate();
  await client.close();
  await asked;
});
