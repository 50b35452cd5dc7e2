import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../support/clock.ts';
import { send } from '../support/http.ts';
import { jsonOf, secret, startStand } from './stand.ts';

test('health and readiness say 200 or 503 with their checks', async (t) => {
  const clock = new FakeClock();
  const stand = await startStand(t, { clock });
  const get = (path: string) => send(stand.url + path);
  assert.equal((await get('/healthz')).status, 200);
  const ready = await get('/readyz');
  assert.equal(ready.status, 200);
  assert.deepEqual(jsonOf(ready), { status: 'ok', checks: { database: 'ok' } });
  stand.health.ready = { status: 'stopping', checks: {} };
  clock.advance(1_000);
  assert.equal((await get('/readyz')).status, 503);
  assert.equal((await get('/healthz')).status, 200);
  stand.health.live = { status: 'unavailable', checks: { database: 'disk full' } };
  const live = await get('/healthz');
  assert.equal(live.status, 503);
  assert.deepEqual(jsonOf(live), stand.health.live);
});

test('readiness, which costs commits, is looked at once a second however many ask', async (t) => {
  const clock = new FakeClock();
  const stand = await startStand(t, { clock });
  const statuses = async (count: number) => {
    const asked = Array.from({ length: count }, () => send(`${stand.url}/readyz`));
    return [...new Set((await Promise.all(asked)).map(({ status }) => status))];
  };
  assert.deepEqual(await statuses(1), [200]);
  stand.health.ready = { status: 'unavailable', checks: { database: 'disk full' } };
  clock.advance(999);
  assert.deepEqual(await statuses(20), [200]);
  clock.advance(1);
  assert.deepEqual(await statuses(20), [503]);
  stand.health.ready = { status: 'ok', checks: { database: 'ok' } };
  assert.deepEqual(await statuses(20), [503], 'what is wrong is remembered as well');
  clock.advance(1_000);
  assert.deepEqual(await statuses(1), [200]);
});

test('metrics are text of the type given', async (t) => {
  const stand = await startStand(t);
  const answer = await send(`${stand.url}/metrics`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4');
  assert.equal(answer.body.toString(), 'tagferry_up 1\n');
});

test('no answer tells what it is made with, and other paths are problems', async (t) => {
  const stand = await startStand(t);
  for (const path of [
    '/',
    '/favicon.ico',
    '/webhooks',
    '/webhooks/harbor/x',
    '/HEALTHZ',
    '/Webhooks/harbor',
    '/%zz',
    '//api/v1/tasks',
  ]) {
    const answer = await send(stand.url + path, { headers: { authorization: secret } });
    assert.ok([400, 404].includes(answer.status), `${path} ${answer.status}`);
    assert.equal(answer.headers['content-type'], 'application/problem+json', path);
    assert.equal(answer.headers['x-powered-by'], undefined);
    assert.ok(!/node_modules|\.ts:/.test(answer.body.toString()), 'a stack is told');
  }
});
