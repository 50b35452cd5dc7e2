import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError } from '../../src/copy/error.ts';
import { send } from '../support/http.ts';
import { checkedApi } from './contract.ts';
import { failOnce, jsonOf, now, push, startStand, token } from './stand.ts';

const absent = 999_999;

test('the document is OpenAPI 3.1 and has every operation of the contract', async (t) => {
  const stand = await startStand(t);
  const document = jsonOf(await stand.api('GET', '/openapi.json'));
  assert.match(document.openapi, /^3\.1\./);
  const operations = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  assert.deepEqual(operations.sort(), [
    'get /explain',
    'get /rules',
    'get /sweeps',
    'get /sweeps/{id}',
    'get /tasks',
    'get /tasks/{id}',
    'post /reload',
    'post /resync',
    'post /rules/test',
    'post /sweeps',
    'post /tasks/{id}/cancel',
    'post /tasks/{id}/retry',
  ]);
  for (const methods of Object.values<Record<string, { responses: object }>>(document.paths))
    for (const { responses } of Object.values(methods)) assert.ok('422' in responses);
});

test('without a token, or with a wrong one, everything is 401', async (t) => {
  const stand = await startStand(t);
  const values = [
    undefined,
    '',
    token,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `Basic ${token}`,
    'Bearer ',
  ];
  for (const path of ['/tasks', '/openapi.json', '/resync', '/nothing']) {
    for (const authorization of values) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await send(`${stand.url}/api/v1${path}`, { headers });
      assert.equal(answer.status, 401, `${path} ${authorization}`);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
      assert.ok(!answer.body.toString().includes(token.slice(1)), 'the token is told');
    }
  }
  assert.equal(
    (await send(`${stand.url}/api/v1/tasks`, { headers: { authorization: `bearer  ${token}` } })).status,
    200,
  );
});

test('without tokens in the configuration the API is off, and says how to switch it on', async (t) => {
  const stand = await startStand(t, { tokens: [] });
  const answer = await stand.api('GET', '/tasks');
  assert.equal(answer.status, 404);
  assert.match(jsonOf(answer).detail, /admin\.tokens/);
});

test('a task as it goes: waiting, tried, failed, retried, cancelled', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const { tasks } = jsonOf(await stand.post(push('library/web', '1.0')));
  const path = `/tasks/${tasks[0]}`;
  const waiting = jsonOf(await api('GET', path));
  assert.deepEqual(waiting.source, { registry: 'harbor', repository: 'library/web', tag: '1.0' });
  assert.deepEqual(waiting.destination, { registry: 'acr', repository: 'mirror/library/web', tag: '1.0' });
  assert.equal(waiting.state, 'available');
  assert.equal(waiting.wantedAt, '2026-11-23T12:00:00.000Z');
  assert.deepEqual(waiting.attempts, []);
  assert.equal((await api('POST', `${path}/retry`)).status, 409);

  failOnce(stand.state, { reason: 'unreachable', message: 'connection refused', at: now + 2000 });
  const failed = jsonOf(await api('GET', path));
  assert.equal(failed.state, 'retryable');
  assert.equal(failed.nextAttemptAt, '2026-11-23T12:00:02.000Z');
  assert.equal(failed.attemptCount, 1);
  assert.equal(failed.reason, 'unreachable');
  assert.deepEqual(failed.attempts[0].blobs, { copied: 1, mounted: 2, skipped: 3 });
  assert.equal(failed.attempts[0].message, 'connection refused');

  const retried = await api('POST', `${path}/retry`);
  assert.equal(retried.status, 202);
  assert.equal(jsonOf(retried).state, 'available');
  const cancelled = await api('POST', `${path}/cancel`);
  assert.equal(cancelled.status, 202);
  assert.equal(jsonOf(cancelled).state, 'cancelled');
  const again = await api('POST', `${path}/cancel`);
  assert.equal(again.status, 409);
  assert.match(jsonOf(again).detail, /is cancelled/);
});

test('cancelling a running task is taken on', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const { tasks } = jsonOf(await stand.post(push('library/web', '1.0')));
  stand.state.dispatch.claim(now, {});
  const answer = await api('POST', `/tasks/${tasks[0]}/cancel`);
  assert.equal(answer.status, 202);
  assert.equal(jsonOf(answer).state, 'running');
});

test('tasks by pages, the newest first, each once', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  for (let count = 0; count < 7; count++) await stand.post(push('library/web', `v${count}`));
  const seen: number[] = [];
  let path = '/tasks?limit=3';
  for (let pages = 0; path !== ''; pages++) {
    assert.ok(pages < 4, 'the pages do not end');
    const { tasks, next } = jsonOf(await api('GET', path));
    for (const { id } of tasks) seen.push(id);
    path = next === undefined ? '' : `/tasks?limit=3&cursor=${next}`;
  }
  assert.equal(seen.length, 7);
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => b - a),
  );
  assert.equal(jsonOf(await api('GET', '/tasks?limit=7')).next, undefined);
});

test('tasks are filtered by state, repository and tag', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  await stand.post(push('library/web', '1.0'));
  await stand.post(push('library/web', '2.0'));
  const { tasks } = jsonOf(await stand.post(push('library/db', '1.0')));
  await api('POST', `/tasks/${tasks[0]}/cancel`);
  const count = async (query: string) => jsonOf(await api('GET', `/tasks?${query}`)).tasks.length;
  assert.equal(await count(''), 3);
  assert.equal(await count('repository=library/web'), 2);
  assert.equal(await count('tag=1.0'), 2);
  assert.equal(await count('repository=library%2Fweb&tag=1.0'), 1);
  assert.equal(await count('state=cancelled'), 1);
  assert.equal(await count('state=running'), 0);
});

test('a resync makes tasks by the admin door', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const answer = await api('POST', '/resync', { repository: 'library/web', tag: '1.0', force: true });
  assert.equal(answer.status, 202);
  const [id] = jsonOf(answer).tasks;
  const task = jsonOf(await api('GET', `/tasks/${id}`));
  assert.equal(task.door, 'admin');
  assert.equal(task.force, true);
  const none = await api('POST', '/resync', { repository: 'private/web' });
  assert.equal(none.status, 404);
  assert.match(jsonOf(none).detail, /private\/web/);
});

test('a resync whose tags cannot be listed is 502 with what the registry did', async (t) => {
  const resync = () => Promise.reject(new RegistryError('unreachable', 'GET harbor: connection refused'));
  const stand = await startStand(t, { resync });
  const api = await checkedApi(stand);
  const answer = await api('POST', '/resync', { repository: 'library/web' });
  assert.equal(answer.status, 502);
  assert.equal(jsonOf(answer).detail, 'GET harbor: connection refused');
});

test('sweeps begin one at a time and show their counts', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const begun = await api('POST', '/sweeps', { rule: 'everything', dryRun: true });
  assert.equal(begun.status, 202);
  const { id } = jsonOf(begun);
  const second = await api('POST', '/sweeps');
  assert.equal(second.status, 409);
  assert.equal(jsonOf(second).sweep, id);

  const sweep = stand.state.sweeps.get(id);
  assert.ok(sweep);
  const errors = ['harbor/a: refused'];
  stand.state.sweeps.save({
    ...sweep,
    state: 'completed',
    finishedAt: now + 1,
    listed: 9,
    failed: 1,
    errors,
  });
  const { startedAt, finishedAt, ...ended } = jsonOf(await api('GET', `/sweeps/${id}`));
  assert.deepEqual([startedAt, finishedAt], ['2026-11-23T12:00:00.000Z', '2026-11-23T12:00:00.001Z']);
  const counts = { listed: 9, unchanged: 0, enqueued: 0, missed: 0, audited: 0, mismatched: 0, failed: 1 };
  const what = { id, rule: 'everything', dryRun: true, trigger: 'admin', state: 'completed', errors };
  const names = { invalidNames: 0, collisions: 0, nameErrors: [] };
  assert.deepEqual(ended, { ...what, ...counts, ...names, causes: {} });

  assert.equal((await api('POST', '/sweeps', {})).status, 202);
  const { sweeps, next } = jsonOf(await api('GET', '/sweeps?limit=1'));
  assert.equal(sweeps[0].state, 'running');
  assert.deepEqual(jsonOf(await api('GET', `/sweeps?limit=1&cursor=${next}`)).sweeps[0].id, id);
  const unknown = await api('POST', '/sweeps', { rule: 'nothing' });
  assert.equal(unknown.status, 404);
  assert.match(jsonOf(unknown).detail, /"nothing"/);
});

test('rules are listed, and tested with the pattern that decides', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  assert.equal(jsonOf(await api('GET', '/rules')).rules[0].name, 'everything');
  const body = { repository: 'library/web', tags: ['1.0', '1.0-rc1'] };
  const [rule] = jsonOf(await api('POST', '/rules/test', body)).rules;
  assert.deepEqual(rule.repository, { matches: true, pattern: '**' });
  assert.equal(rule.destinationRepository, 'mirror/library/web');
  assert.deepEqual(rule.tags[0], { tag: '1.0', matches: true, pattern: '**', destinationTag: '1.0' });
  assert.deepEqual(rule.tags[1], { tag: '1.0-rc1', matches: false, pattern: '!*-rc*' });
  const [other] = jsonOf(await api('POST', '/rules/test', { repository: 'private/web', tags: [] })).rules;
  assert.deepEqual(other.repository, { matches: false, pattern: '!private/**' });
});

test('paths that name nothing are 404', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const ids = [
    absent,
    'abc',
    '0',
    '-1',
    '1.5',
    '1e3',
    '0x1',
    '01',
    '9'.repeat(30),
    '%00',
    '__proto__',
    '%F0%9F%9A%A2',
  ];
  for (const id of ids) {
    assert.equal((await api('GET', `/tasks/${id}`)).status, 404, `task ${id}`);
    assert.equal((await api('GET', `/sweeps/${id}`)).status, 404, `sweep ${id}`);
    assert.equal((await api('POST', `/tasks/${id}/retry`)).status, 404, `retry ${id}`);
    assert.equal((await api('POST', `/tasks/${id}/cancel`)).status, 404, `cancel ${id}`);
  }
  for (const path of ['/', '/nothing', '/tasks/1/2', '/Tasks', '/constructor', '/tasks/1/__proto__']) {
    assert.equal((await api('GET', path)).status, 404, path);
  }
  assert.equal((await api('GET', '/tasks/%zz')).status, 400);
});

test('methods that a path does not have are 405 with Allow', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const cases: [string, string, string][] = [
    ['DELETE', '/tasks', 'GET, HEAD'],
    ['POST', '/tasks/1', 'GET, HEAD'],
    ['GET', '/tasks/1/retry', 'POST'],
    ['PUT', '/sweeps', 'GET, HEAD, POST'],
    ['OPTIONS', '/rules', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of cases) {
    const answer = await api(method, path);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.deepEqual(String(answer.headers.allow).split(', ').sort(), allow.split(', ').sort());
  }
});

test('HEAD is GET without a body', async (t) => {
  const stand = await startStand(t);
  const answer = await stand.api('HEAD', '/tasks');
  assert.equal(answer.status, 200);
  assert.equal(answer.body.length, 0);
});
