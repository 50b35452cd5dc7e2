import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { json } from '../../src/demo/registry/call.ts';
import { all, failure, robot } from '../registry/stand.ts';
import { startCallServer } from '../support/call-server.ts';
import { answer, html, hugeBody, rateLimited, redirect, registryError } from '../support/fault.ts';
import { clientOf, startStand } from './stand.ts';

test('Harbor: every call carries the credential itself, and no cookie ever comes back', async (t) => {
  const { harbor, rest, server } = await startStand(t);
  for (let time = 0; time < 3; time++) await harbor.repositories('team');
  assert.deepEqual(new Set(server.requests.map(({ authorization }) => authorization)), new Set(['basic']));
  assert.equal(server.requests.length, 3);
  assert.deepEqual(rest.cookies, []);
});

test('Harbor: without the permission, denied, with the call and no query', async (t) => {
  const { harbor, server } = await startStand(t, []);
  const error = await failure(all(harbor.tags('team/app')), 'denied');
  assert.equal(error.status, 403);
  const url = `${server.url}/api/v2.0/projects/team/repositories/app/artifacts`;
  assert.equal(error.message, `GET ${url} answered 403 (FORBIDDEN: forbidden)`);
  assert.equal(server.requests.length, 1);
});

test('Harbor: with a wrong password, denied, and the password is not told', async (t) => {
  const { harbor, rest, server } = await startStand(t);
  rest.accounts.length = 0;
  const error = await failure(all(harbor.tags('team/app')), 'denied');
  assert.equal(error.status, 401);
  assert.ok(!error.message.includes(robot.password) && !error.message.includes('Basic'));
  assert.equal(server.requests.length, 1);
});

test('Harbor: a project that is not there is not found', async (t) => {
  const { harbor } = await startStand(t);
  await failure(harbor.repositories('nosuch'), 'not-found');
});

test('Harbor: a wish to be left alone is heard by everybody who asks', async (t) => {
  const { harbor, server, clock } = await startStand(t);
  server.faults.always(/projects/, rateLimited('120'));
  const error = await failure(harbor.projects(), 'rate-limited');
  assert.equal(error.retryAt, clock.now() + 120_000);
  const again = await failure(harbor.repositories('team'), 'rate-limited');
  assert.deepEqual([again.retryAt, server.requests.length], [error.retryAt, 2]);
});

test('Harbor: a short wish is fulfilled, and the list comes', async (t) => {
  const { harbor, server, clock } = await startStand(t);
  server.faults.once(/projects/, rateLimited('3'));
  assert.equal((await harbor.projects()).length, 1);
  assert.deepEqual(clock.slept, [3_000]);
});

test('Harbor: an answer that fails for a moment is asked for again', async (t) => {
  const { harbor, server } = await startStand(t);
  server.faults.once(/projects/, registryError(500, 'UNKNOWN', 'internal server error'));
  server.faults.once(/projects/, html(502));
  server.faults.once(/projects/, async () => 'reset');
  assert.equal((await harbor.projects()).length, 1);
  assert.equal(server.faults.pending, 0);
});

test('Harbor: an answer without end is not read to its end', async (t) => {
  const { harbor, server } = await startStand(t);
  server.faults.always(/projects/, hugeBody(200, 33 * 1024 * 1024));
  const error = await failure(harbor.projects(), 'protocol');
  assert.match(error.message, /answered more than 33554432 bytes/);
});

test('Harbor: what is there in its place is shown by its beginning', async (t) => {
  const { harbor, server } = await startStand(t);
  server.faults.always(/projects/, html(200));
  const error = await failure(harbor.projects(), 'protocol');
  assert.match(error.message, /projects: expected JSON, got "<html><body>.*"; is this Harbor\?$/);
});

test('Harbor: a redirect to another host is not followed at all', async (t) => {
  const { harbor, server } = await startStand(t);
  const foreign = await startCallServer(t, () => json(200, [{ name: 'team/invented' }]));
  server.faults.always(/repositories/, redirect(`${foreign.url}/api/v2.0/projects/team/repositories`));
  await failure(harbor.repositories('team'), 'protocol');
  assert.equal(foreign.requests.length, 0);
});

test('Harbor: nobody there is unreachable', async (t) => {
  const harbor = clientOf(t, 'http://127.0.0.1:9');
  await failure(harbor.projects(), 'unreachable');
});

test('Harbor: at most three requests are in flight, whatever is asked for at once', async (t) => {
  const { harbor, server } = await startStand(t);
  let [inFlight, most] = [0, 0];
  const three = Promise.withResolvers<void>();
  server.faults.always(/repositories/, async (_call, next) => {
    most = Math.max(most, ++inFlight);
    if (inFlight === 3) three.resolve();
    await three.promise;
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    inFlight--;
    return next();
  });
  await Promise.all(Array.from({ length: 12 }, () => harbor.repositories('team')));
  assert.deepEqual([most, server.requests.length], [3, 12]);
});

test('Harbor: who is aborted while waiting for a turn goes at once, and the others get theirs', async (t) => {
  const { harbor, server } = await startStand(t);
  const open = Promise.withResolvers<void>();
  server.faults.always(/repositories/, async (_call, next) => {
    await open.promise;
    return next();
  });
  const held = Array.from({ length: 3 }, () => harbor.repositories('team'));
  const controller = new AbortController();
  const waiting = Array.from({ length: 3 }, () => harbor.repositories('team', controller.signal));
  const last = harbor.repositories('team');
  controller.abort(new Error('enough'));
  await Promise.all(waiting.map((one) => assert.rejects(one, /^Error: enough$/)));
  open.resolve();
  for (const names of await Promise.all([...held, last])) assert.deepEqual(names, []);
  assert.equal(server.requests.length, 4);
});

test('Harbor: a request that is aborted in flight ends with the reason', async (t) => {
  const { harbor, server } = await startStand(t);
  const arrived = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  t.after(() => never.resolve());
  server.faults.always(/projects/, async () => {
    arrived.resolve();
    await never.promise;
    return 'reset';
  });
  const controller = new AbortController();
  const asked = harbor.projects(controller.signal);
  await arrived.promise;
  controller.abort(new Error('enough'));
  await assert.rejects(asked, /^Error: enough$/);
});

test('Harbor: anonymous where no credential is configured', async (t) => {
  const { server, rest } = await startStand(t);
  rest.content.project('library', { public: true });
  const harbor = clientOf(t, server.url, { anonymous: true });
  assert.deepEqual(await harbor.projects(), [{ name: 'library', proxyCache: false }]);
  assert.equal(server.requests[0]?.authorization, 'none');
});

test('Harbor: a refused page size would be a fault of protocol, not a shorter list', async (t) => {
  const { harbor, server } = await startStand(t);
  server.faults.always(/projects/, answer(422, {}, '{"errors":[{"code":"UNPROCESSABLE_ENTITY"}]}'));
  await failure(harbor.projects(), 'protocol');
});
