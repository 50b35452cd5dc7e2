import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { systemClock, type Clock } from '../../src/clock.ts';
import { listen, ListenError } from '../../src/server/listen.ts';
import { certificate } from '../support/certificate.ts';
import { send } from '../support/http.ts';
import { RawClient } from './raw.ts';

const here = { host: '127.0.0.1', port: 0, clock: systemClock };
const hello: RequestListener = (_request, response) => void response.end('hello');
const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** A handler that answers when the test says so. */
function waiting(): { handler: RequestListener; arrived: Promise<void>; answer: () => void } {
  const arrival = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const handler: RequestListener = (_request, response) => {
    arrival.resolve();
    void release.promise.then(() => response.end('late'));
  };
  return { handler, arrived: arrival.promise, answer: release.resolve };
}

/** A clock whose only timer goes off when the test says so. */
function manualClock(): { clock: Clock; ring: () => void; asked: number[] } {
  const asked: number[] = [];
  let ring = (): void => undefined;
  const after: Clock['after'] = (ms, wake) => {
    asked.push(ms);
    ring = wake;
    return { cancel: () => undefined };
  };
  return { clock: { ...systemClock, after }, ring: () => ring(), asked };
}

test('port 0 is any free one, and the URL says which', async (t) => {
  const server = await listen(hello, here);
  t.after(() => server.close(0));
  assert.equal(server.url, `http://127.0.0.1:${server.port}`);
  assert.equal((await send(server.url)).body.toString(), 'hello');
});

test('an address in use is a refusal that names it', async (t) => {
  const server = await listen(hello, here);
  t.after(() => server.close(0));
  await assert.rejects(listen(hello, { ...here, port: server.port }), (error: Error) => {
    assert.ok(error instanceof ListenError);
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${server.port}.*EADDRINUSE.*server\\.listen`));
    return true;
  });
});

test('with a certificate it speaks TLS', async (t) => {
  const { key, cert } = await certificate();
  const tls = { key, cert };
  const server = await listen(hello, { ...here, tls });
  t.after(() => server.close(0));
  assert.equal(server.url, `https://127.0.0.1:${server.port}`);
  assert.equal((await send(server.url)).body.toString(), 'hello');
});

test('kept connections outlive the 60 s of load balancers', async (t) => {
  const server = await listen(hello, here);
  t.after(() => server.close(0));
  const client = await RawClient.open(t, server.port);
  const answer = await client.write(get).until(/hello/);
  const seconds = Number(/keep-alive: timeout=(\d+)/i.exec(answer)?.[1]);
  assert.ok(seconds > 60, answer);
});

test('closing ends idle connections and takes no new ones', async (t) => {
  const server = await listen(hello, here);
  const client = await RawClient.open(t, server.port);
  await client.write(get).until(/hello/);
  await server.close(60_000);
  await client.closed();
  const late = connect(server.port, '127.0.0.1');
  const [error] = await once(late, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
});

test('closing lets requests in flight be answered, and then ends their connections', async (t) => {
  const { handler, arrived, answer } = waiting();
  const server = await listen(handler, here);
  const client = await RawClient.open(t, server.port);
  client.write(get);
  await arrived;
  const closed = server.close(60_000);
  answer();
  const text = await client.closed();
  assert.match(text, /^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*late$/i);
  await closed;
});

test('a request that is half sent when closing begins is answered too', async (t) => {
  const server = await listen(hello, here);
  const client = await RawClient.open(t, server.port);
  // Both in one packet: when the first is answered, the server has seen the beginning of the second.
  await client.write(get + get.slice(0, 20)).until(/hello/);
  const closed = server.close(60_000);
  client.write(get.slice(20));
  assert.match(await client.closed(), /hello[\s\S]*connection: close[\s\S]*hello$/i);
  await closed;
});

test('what is not answered within the grace is cut off', async (t) => {
  const { handler, arrived } = waiting();
  const { clock, ring, asked } = manualClock();
  const server = await listen(handler, { ...here, clock });
  const client = await RawClient.open(t, server.port);
  client.write(get);
  await arrived;
  const closed = server.close(25_000);
  assert.deepEqual(asked, [25_000]);
  assert.equal(client.socket.closed, false);
  ring();
  await closed;
  assert.equal(await client.closed(), '');
});
