import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { z } from 'zod';
import type { OpenApi } from '../../src/aliyun/openapi.ts';
import { Pace } from '../../src/aliyun/pace.ts';
import { RegistryError } from '../../src/copy/error.ts';
import { accessKey } from '../support/acr-openapi.ts';
import { FakeClock } from '../support/clock.ts';
import { certificate } from '../support/certificate.ts';
import { reset, stall } from '../support/connection-fault.ts';
import { answer, html, hugeBody } from '../support/fault.ts';
import { clientOf, connections, failure, startStand } from './stand.ts';

const schema = z.object({ RepoId: z.string() });

function ask(client: OpenApi, signal?: AbortSignal, name = 'app'): Promise<{ RepoId: string }> {
  return client.call('GetRepository', { RepoNamespaceName: 'mirror', RepoName: name }, schema, signal);
}

test('a signed call, with the instance, in the query of a POST without a body', async (t) => {
  const seen: string[] = [];
  const onRequest = (method: string, status: number) => void seen.push(`${method} ${status}`);
  const { server, client } = await startStand(t, { onRequest });
  assert.deepEqual(await ask(client), { RepoId: 'crr-0000000000000001' });
  assert.deepEqual(server.calls[0]?.parameters, {
    InstanceId: 'cri-standin00000001',
    RepoNamespaceName: 'mirror',
    RepoName: 'app',
  });
  const [request] = server.requests;
  assert.deepEqual([request?.method, request?.path, request?.bytesIn], ['POST', '/', 0]);
  assert.deepEqual(seen, ['POST 200']);
});

test('what is odd in a parameter is signed as it is sent', async (t) => {
  const { server, client, table } = await startStand(t);
  const name = "a b+c!'()*~é%2F&x=1";
  table.set(`mirror/${name}`, []);
  await ask(client, undefined, name);
  assert.equal(server.calls[0]?.parameters['RepoName'], name);
});

test('a temporary key sends its security token', async (t) => {
  const { server, client } = await startStand(t, { identity: { ...accessKey, securityToken: 'sts/token=' } });
  await ask(client);
  assert.equal(server.calls[0]?.headers['x-acs-security-token'], 'sts/token=');
});

test('where the OpenAPI is, and of which instance, is found out once, and again after a failure', async (t) => {
  const { server, clock, pace } = await startStand(t);
  const [url, known] = [new URL(server.url), server.calls];
  let asked = 0;
  const address = async () => {
    if (++asked === 1) throw new RegistryError('unreachable', 'the registry is away');
    return { url, instanceId: 'cri-standin00000001' };
  };
  const client = clientOf(t, { url, clock, pace, address });
  const both = await Promise.allSettled([ask(client), ask(client)]);
  assert.deepEqual(new Set(both.map(({ status }) => status)), new Set(['rejected']));
  assert.equal(asked, 1);
  await Promise.all([ask(client), ask(client)]);
  await ask(client);
  assert.deepEqual([asked, known.length], [2, 3]);
});

test('HTTP 200 can be a failure', async (t) => {
  const { server, client } = await startStand(t);
  server.refuse(1, { status: 200, code: 'REPO_NOT_EXIST', message: 'no such\nrepository' });
  const error = await failure(ask(client), 'not-found');
  assert.equal(error.code, 'REPO_NOT_EXIST');
  assert.equal(
    error.message,
    `GetRepository at ${server.url} answered 200 (REPO_NOT_EXIST; no such repository; request R-2)`,
  );
});

test('only an answer that says so in every way is a success', async (t) => {
  const { server, client } = await startStand(t);
  const whole = { RepoId: 'crr-1', Code: 'success', IsSuccess: true };
  for (const wrong of [{ IsSuccess: false }, { IsSuccess: 'true' }, { IsSuccess: null }, { Code: 'fail' }]) {
    server.faults.once(/^POST/, answer(200, {}, JSON.stringify({ ...whole, ...wrong })));
    await failure(ask(client), 'protocol');
  }
  server.faults.once(/^POST/, answer(200, {}, JSON.stringify({ ...whole, Code: 'Success' })));
  assert.deepEqual(await ask(client), { RepoId: 'crr-1' });
});

test('refusals are told apart, and say what to do', async (t) => {
  const { server, client } = await startStand(t);
  const table = [
    [
      403,
      'NoPrivilege',
      'denied',
      /grant cr:GetRepository on acs:cr:\*:\*:repository\/cri-standin00000001\/mirror\/\*/,
    ],
    [403, 'Forbidden.RAM', 'denied', /grant cr:GetRepository/],
    [403, 'Strange', 'denied', /answered 403 \(Strange; words; request R-2\)/],
    [400, 'InvalidTimeStamp.Expired', 'denied', /clock/],
    [404, 'InvalidAccessKeyId.NotFound', 'denied', /aliyun\.accessKeyId/],
    [404, 'InvalidAction.NotFound', 'protocol', /InvalidAction\.NotFound; words/],
    [404, 'USER_NOT_EXIST', 'denied', /OpenAPI of the personal edition/],
    [200, 'INSTANCE_NOT_EXIST', 'not-found', /aliyun\.instanceId/],
    [404, 'NAMESPACE_NOT_EXIST', 'not-found', /words/],
    [302, 'Strange', 'protocol', /answered 302/],
  ] as const;
  for (const [status, code, fault, message] of table) {
    server.refuse(1, { status, code, message: 'words' });
    const error = await failure(ask(client), fault);
    assert.match(error.message, message);
    assert.deepEqual([error.status, error.code], [status, code]);
  }
  assert.equal(server.requests.length, table.length);
});

test('the action that RAM forbids is named as RAM names it', async (t) => {
  const { server, client } = await startStand(t);
  server.forbidden.add('ListRepoTag');
  const error = await failure(client.call('ListRepoTag', { RepoId: 'x' }, schema), 'denied');
  assert.match(error.message, /grant cr:ListRepositoryTag on acs:cr:/);
});

test('a wrong secret, and a key that is not known', async (t) => {
  const { server, clock, pace } = await startStand(t);
  const url = new URL(server.url);
  const wrong = { ...accessKey, accessKeySecret: 'wrong-not-to-be-shown', securityToken: 'not-to-be-shown' };
  const mistaken = await failure(ask(clientOf(t, { url, clock, pace, identity: wrong })), 'denied');
  assert.equal(mistaken.code, 'SignatureDoesNotMatch');
  assert.match(mistaken.message, /expected aliyun\.accessKeySecret to belong to aliyun\.accessKeyId/);
  const unknown = { ...accessKey, accessKeyId: 'OTHER' };
  const error = await failure(ask(clientOf(t, { url, clock, pace, identity: unknown })), 'denied');
  assert.equal(error.code, 'InvalidAccessKeyId.NotFound');
});

test('a server that repeats the key does not bring it into an error', async (t) => {
  const identity = { ...accessKey, securityToken: 'token-not-to-be-shown' };
  const { server, client } = await startStand(t, { identity });
  const message = `got ${identity.accessKeySecret} and ${identity.securityToken}`;
  server.refuse(1, { status: 400, code: 'Strange', message });
  const error = await failure(ask(client), 'protocol');
  assert.match(error.message, /got \*\*\* and \*\*\*/);
});

test('nor where JSON writes it in another way', async (t) => {
  const identity = { ...accessKey, securityToken: 'token/not+to=be&shown' };
  const { server, client } = await startStand(t, { identity });
  const message = JSON.stringify(identity.securityToken).replace(/[/+=&]/g, escapedOf);
  const body = `{"IsSuccess":false,"Code":"Strange","Message":${message}}`;
  server.faults.once(/^POST/, answer(400, {}, body));
  const error = await failure(ask(client), 'protocol');
  assert.match(error.message, /Strange.*\*\*\*/);
  assert.doesNotMatch(error.message, /token/);
});

function escapedOf(character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`;
}

test('throttling makes everybody wait, longer each time, and is given up', async (t) => {
  const { server, client, clock } = await startStand(t);
  for (const code of ['Throttling', 'Throttling.User', 'Rejected.Throttling', 'QPS Limit Exceeded']) {
    server.refuse(1, { status: code === 'Throttling' ? 200 : 400, code });
    const begun = clock.now();
    await ask(client);
    assert.ok(clock.now() - begun >= 1_000, code);
  }
  const before = server.requests.length;
  const begun = clock.now();
  server.refuse(4, { status: 503, code: 'ServiceUnavailable' });
  const error = await failure(ask(client), 'rate-limited');
  assert.equal(error.code, 'ServiceUnavailable');
  assert.equal(server.requests.length - before, 4);
  assert.ok(clock.now() - begun >= 7_000);
});

test('whoever comes after a throttled request waits as well', async (t) => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  const { server, client } = await startStand(t, { clock, pace });
  const other = clientOf(t, { url: new URL(server.url), clock, pace });
  server.refuse(1, { status: 400, code: 'Throttling.User' });
  const throttled = ask(client);
  while (clock.next === undefined) await setImmediate();
  const late = ask(other);
  clock.advance(1_400);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(server.requests.length, 1);
  clock.advance(200);
  await Promise.all([throttled, late]);
  assert.equal(server.requests.length, 3);
});

test('what may pass is tried again with a new nonce', async (t) => {
  const { server, client } = await startStand(t);
  for (const fault of [html(502), answer(429), reset, answer(500, {}, '{}')]) {
    server.faults.once(/^POST/, fault);
    await ask(client);
  }
  server.refuse(1, { status: 400, code: 'SignatureNonceUsed' });
  await ask(client);
  assert.equal(server.faults.pending, 0);
  const nonces = server.calls.map(({ headers }) => headers['x-acs-signature-nonce']);
  assert.equal(new Set(nonces).size, server.calls.length);
  server.faults.times(4, /^POST/, reset);
  await failure(ask(client), 'unreachable');
  assert.equal(server.faults.pending, 0);
});

test('what is no answer is not taken for one', async (t) => {
  const { server, client } = await startStand(t);
  const odd = ['', 'null', '[]', '<html>', '{"Code":"success","IsSuccess":true}', '{"RepoId"'];
  for (const body of odd) {
    server.faults.once(/^POST/, answer(200, {}, body));
    await failure(ask(client), 'protocol');
  }
  server.faults.once(/^POST/, hugeBody(200));
  const error = await failure(ask(client), 'protocol');
  assert.match(error.message, /more than 4194304 bytes/);
});

test('a redirect is not followed: the signature is for this host', async (t) => {
  const { server, client } = await startStand(t);
  server.faults.once(/^POST/, answer(307, { location: `${server.url}/elsewhere` }));
  await failure(ask(client), 'protocol');
  assert.equal(server.requests.length, 1);
});

test('a server that is silent, or not there', async (t) => {
  const { server, clock, pace } = await startStand(t);
  const url = new URL(server.url);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.faults.always(/^POST/, stall(promise));
  await failure(ask(clientOf(t, { url, clock, pace, idleTimeout: 50 })), 'timeout');
  resolve();
  assert.equal(server.requests.length, 2);
  const nobody = clientOf(t, { url: new URL('http://127.0.0.1:1'), clock, pace });
  await failure(ask(nobody), 'unreachable');
});

test('called back: waiting for its turn, and waiting for the answer', async (t) => {
  const { server, client, pace } = await startStand(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.faults.always(/^POST/, stall(promise));
  const stop = new AbortController();
  const asked = assert.rejects(ask(client, stop.signal), /enough/);
  while (server.requests.length === 0) await setImmediate();
  pace.pause(60_000);
  const waiting = assert.rejects(ask(client, stop.signal), /enough/);
  stop.abort(new RangeError('enough'));
  await Promise.all([asked, waiting]);
  resolve();
  assert.equal(server.requests.length, 1);
});

test('called back and closed while a connection is being made: both end it', async (t) => {
  const { clock, pace } = await startStand(t);
  const server = createTcpServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const url = new URL(`https://127.0.0.1:${address.port}`);
  const patient = connections({ connectTimeout: 600_000 });
  const client = clientOf(t, { url, clock, pace, connections: patient });
  const stop = new AbortController();
  const asked = assert.rejects(ask(client, stop.signal), /enough/);
  const [socket] = await once(server, 'connection');
  socket.resume();
  stop.abort(new RangeError('enough'));
  await asked;
  const closed = once(socket, 'close');
  await client.close();
  await closed;
});

test('clients that share a pace keep to it together', async (t) => {
  const { server, client, clock, pace } = await startStand(t);
  const other = clientOf(t, { url: new URL(server.url), clock, pace });
  const times: number[] = [];
  server.faults.always(/^POST/, async (_call, next) => {
    times.push(clock.now());
    return next();
  });
  for (let turn = 0; turn < 10; turn++) {
    await ask(client);
    await ask(other);
  }
  assert.equal(times.length, 20);
  for (const [index, time] of times.entries())
    assert.ok(index === 0 || time - (times[index - 1] ?? 0) >= 1000 / 15);
});

test('a server that cannot be verified gets nothing', async (t) => {
  const { clock, pace } = await startStand(t);
  const { key, cert, ca } = await certificate();
  let asked = 0;
  const server = createServer({ key, cert }, (_request, response) => {
    asked++;
    response.end('{"IsSuccess":true,"RepoId":"crr-1"}');
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const url = new URL(`https://127.0.0.1:${address.port}`);
  await failure(ask(clientOf(t, { url, clock, pace })), 'tls');
  assert.equal(asked, 0);
  let trusted: string[] = [];
  const client = clientOf(t, { url, clock, pace, ca: () => trusted });
  await failure(ask(client), 'tls');
  trusted = [ca];
  assert.deepEqual(await ask(client), { RepoId: 'crr-1' });
});
