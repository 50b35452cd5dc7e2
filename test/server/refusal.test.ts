import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send } from '../support/http.ts';
import { checkedApi } from './contract.ts';
import { jsonOf, startStand, token } from './stand.ts';

const stand = await startStand({ after });
const api = await checkedApi(stand);

/** The places of all mistakes that a 422 names. */
async function mistakes(method: string, path: string, body?: unknown): Promise<string[]> {
  const answer = await api(method, path, body);
  assert.equal(answer.status, 422, `${method} ${path} ${JSON.stringify(body)}: ${answer.body.toString()}`);
  const errors: { parameter?: string; pointer?: string }[] = jsonOf(answer).errors;
  return errors.map(({ parameter, pointer }) => parameter ?? pointer ?? '');
}

test('all mistakes of a query are listed', async () => {
  const cases: [query: string, parameters: string[]][] = [
    ['limit=0', ['limit']],
    ['limit=201', ['limit']],
    ['limit=x&state=lost', ['limit', 'state']],
    ['limit=', ['limit']],
    ['limit=1&limit=2', ['limit']],
    ['tag=a&tag=b', ['tag']],
    ['nothing=1', ['']],
    ['__proto__=1', ['']],
    ['constructor[prototype][x]=1', ['']],
    [`repository=${'x'.repeat(256)}`, ['repository']],
  ];
  for (const [query, parameters] of cases) {
    assert.deepEqual((await mistakes('GET', `/tasks?${query}`)).sort(), parameters, query);
  }
});

test('cursors that no answer has given are refused', async () => {
  const plain = ['', 'x', '5', '../../x', '%00', '💥', 'before:1', 'a'.repeat(2000)];
  const coded = [
    'before:0',
    'before:-1',
    'before:1e9',
    'before:',
    `before:${'9'.repeat(40)}`,
    'before:1 OR 1=1',
    'x before:1',
  ];
  const cursors = [...plain, ...coded.map((text) => Buffer.from(text).toString('base64url'))];
  for (const cursor of cursors) {
    for (const path of ['/tasks', '/sweeps']) {
      assert.deepEqual(await mistakes('GET', `${path}?cursor=${encodeURI(cursor)}`), ['cursor'], cursor);
    }
  }
});

test('all mistakes of a body are listed', async () => {
  const cases: [path: string, body: unknown, pointers: string[]][] = [
    ['/resync', undefined, ['#/repository']],
    ['/resync', {}, ['#/repository']],
    ['/resync', [], ['#']],
    ['/resync', null, ['#']],
    ['/resync', 'library/web', ['#']],
    ['/resync', { repository: 7, tag: null, force: 'yes' }, ['#/force', '#/repository', '#/tag']],
    ['/resync', { repository: '../../etc', tag: 'a b' }, ['#/repository', '#/tag']],
    ['/resync', { repository: 'https://harbor/library/web' }, ['#/repository']],
    ['/resync', { repository: 'library/web', tag: `sha256:${'0'.repeat(64)}` }, ['#/tag']],
    ['/resync', { repository: 'library/web', tags: ['1.0'] }, ['#']],
    ['/sweeps', { rule: 1, dryRun: 1 }, ['#/dryRun', '#/rule']],
    ['/rules/test', { repository: 'library/web' }, ['#/tags']],
    ['/rules/test', { repository: 'library/web', tags: ['1.0', 'a b', 7] }, ['#/tags/1', '#/tags/2']],
    ['/rules/test', { repository: 'library/web', tags: Array(101).fill('a') }, ['#/tags']],
    ['/tasks/1/retry', { force: true }, ['#']],
  ];
  for (const [path, body, pointers] of cases) {
    assert.deepEqual((await mistakes('POST', path, body)).sort(), pointers, JSON.stringify(body));
  }
});

test('a flood of mistakes gives a short answer', async () => {
  const unknown = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`member${index}`, 0]));
  const floods: [path: string, body: unknown][] = [
    ['/rules/test', { repository: 'library/web', tags: Array(100_000).fill(0) }],
    ['/resync', { repository: 'library/web', ...unknown }],
  ];
  for (const [path, body] of floods) {
    const answer = await api('POST', path, body);
    assert.equal(answer.status, 422);
    assert.ok(answer.body.length < 20_000, `${path}: ${answer.body.length} bytes`);
  }
});

test('a body that is no JSON is one mistake, of the whole body', async () => {
  const headers = { authorization, 'Content-Type': 'application/json' };
  const sent = { method: 'POST', headers, body: Buffer.from('{"repository":') };
  const answer = await send(`${stand.url}/api/v1/resync`, sent);
  assert.deepEqual(jsonOf(answer).errors, [{ detail: 'Expected JSON in UTF-8', pointer: '#' }]);
});

const authorization = `Bearer ${token}`;
const json = { authorization, 'Content-Type': 'application/json' };

const bodies: [what: string, headers: Record<string, string>, body: string | Buffer, status: number][] = [
  ['malformed', json, '{"repository":', 422],
  ['invalid UTF-8', json, Buffer.from([0x22, 0xff, 0x22]), 422],
  ['deeply nested', json, '['.repeat(500_000), 422],
  ['deep and whole', json, `${'['.repeat(300_000)}${']'.repeat(300_000)}`, 422],
  ['prototype keys', json, '{"__proto__":{"repository":"a/b"},"constructor":1}', 422],
  ['a form', { authorization, 'Content-Type': 'application/x-www-form-urlencoded' }, 'repository=a', 415],
  ['without a type', { authorization }, '{}', 415],
  ['compressed', { ...json, 'Content-Encoding': 'gzip' }, 'x', 415],
  ['over 1 MiB', json, Buffer.alloc(1024 * 1024 + 1, 0x20), 413],
];

for (const [what, headers, body, status] of bodies) {
  test(`a body that is ${what} is answered ${status} with a problem`, async () => {
    const sent = { method: 'POST', headers, body: Buffer.from(body) };
    const answer = await send(`${stand.url}/api/v1/resync`, sent);
    assert.equal(answer.status, status);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    const problem = jsonOf(answer);
    assert.equal(problem.status, status);
    assert.ok(problem.title.length > 0 && problem.detail.length > 0);
    assert.ok(!answer.body.toString().includes(token));
    assert.ok(!('polluted' in {}), 'a prototype was changed');
    assert.equal((await stand.api('GET', '/rules')).status, 200, 'it goes on');
  });
}
