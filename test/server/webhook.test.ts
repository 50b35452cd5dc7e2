import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send } from '../support/http.ts';
import { jsonOf, now, push, secret, startStand } from './stand.ts';

/** For tests that leave nothing behind. */
const shared = await startStand({ after });

test('a push is answered 202 with its task, which is stored by then', async (t) => {
  const stand = await startStand(t);
  const answer = await stand.post(push('library/web', '1.0'));
  assert.equal(answer.status, 202);
  assert.equal(answer.headers['content-type'], 'application/json');
  const { tasks } = jsonOf(answer);
  assert.equal(tasks.length, 1);
  const stored = stand.state.tasks.get(tasks[0])?.task;
  assert.equal(stored?.sourceRepository, 'library/web');
  assert.equal(stored?.sourceTag, '1.0');
  assert.equal(stored?.destinationRepository, 'mirror/library/web');
  assert.equal(stored?.wantedAt, now);
  assert.deepEqual(stand.deliveries, ['accepted']);
});

test('what no rule wants is answered 202 and says so', async (t) => {
  const stand = await startStand(t);
  const answer = await stand.post(push('private/web', '1.0'));
  assert.equal(answer.status, 202);
  assert.deepEqual(jsonOf(answer), { tasks: [], ignored: 'no-rule' });
  assert.deepEqual(stand.deliveries, ['ignored']);
});

test('every method but POST is answered 405, so that a redirected delivery does not look delivered', async (t) => {
  const stand = await startStand(t);
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    const answer = await send(`${stand.url}/webhooks/harbor`, { method, headers: { Authorization: secret } });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.allow, 'POST', method);
  }
  assert.deepEqual(new Set(stand.deliveries), new Set(['unsupported']));
});

test('a body that is no event by its type tells whether the secret is one of ours, and is no event', async (t) => {
  const stand = await startStand(t);
  const ask = (Authorization: string) => {
    const headers = { Authorization, 'Content-Type': 'text/plain' };
    return send(`${stand.url}/webhooks/harbor`, { method: 'POST', headers });
  };
  assert.equal((await ask('Bearer other')).status, 401);
  assert.equal((await ask(secret)).status, 415);
  assert.deepEqual(stand.deliveries, ['unauthorized', 'unsupported']);
});

const refusals: [what: string, authorization: string | undefined][] = [
  ['no header', undefined],
  ['an empty header', ''],
  ['another secret', 'Bearer other'],
  ['a prefix', secret.slice(0, -1)],
  ['the secret and more', `${secret}x`],
  ['the secret without its scheme', 's3cret'],
  ['another case', secret.toUpperCase()],
];

for (const [what, authorization] of refusals) {
  test(`401 and nothing stored: ${what}`, async () => {
    const headers = {
      'Content-Type': 'application/json',
      ...(authorization !== undefined && { authorization }),
    };
    const body = Buffer.from(push('library/web', '1.0'));
    const answer = await send(`${shared.url}/webhooks/harbor`, { method: 'POST', headers, body });
    assert.equal(answer.status, 401);
    assert.match(answer.body.toString(), /webhook\.secrets/);
    assert.deepEqual(shared.state.tasks.list({ limit: 1 }), []);
    assert.equal(shared.deliveries.at(-1), 'unauthorized');
    const told = JSON.stringify(shared.logged) + answer.body.toString();
    assert.ok(!told.includes('s3cret'), 'the secret is told');
    assert.ok(!authorization || !told.includes(authorization), 'the wrong secret is told');
  });
}

test('each of several secrets is let in, and one with letters beyond ASCII', async (t) => {
  const secrets = ['Bearer old', 'bare', 'Basic dXNlcjpwYXNz', 'Schlüssel-密'];
  const stand = await startStand(t, { webhook: { secrets } });
  for (const known of secrets) {
    // Go sends the bytes of a header value as they are.
    const headers = { Authorization: Buffer.from(known).toString('latin1') };
    assert.equal((await stand.post(push('library/web', '1.0'), headers)).status, 202, known);
  }
});

test('without a secret nobody is let in, unless the configuration says everyone', async (t) => {
  const shut = await startStand(t, { webhook: { secrets: [] } });
  assert.equal((await shut.post(push('library/web', '1.0'))).status, 401);
  const open = await startStand(t, { webhook: { secrets: [], allowUnauthenticated: true } });
  assert.equal((await open.post(push('library/web', '1.0'))).status, 202);
  const both = await startStand(t, { webhook: { secrets: ['x'], allowUnauthenticated: true } });
  assert.equal((await both.post(push('library/web', '1.0'))).status, 401);
});

const contentTypes: [contentType: string, status: number][] = [
  ['application/json', 202],
  ['application/json; charset=utf-8', 202],
  ['Application/JSON;charset=UTF-8', 202],
  ['application/jsonx', 415],
  ['text/plain', 415],
  ['application/x-www-form-urlencoded', 415],
  ['', 415],
  [';', 415],
];

for (const [contentType, status] of contentTypes) {
  test(`Content-Type ${JSON.stringify(contentType)} is answered ${status}`, async () => {
    const answer = await shared.post(push('private/web', '1.0'), { 'Content-Type': contentType });
    assert.equal(answer.status, status);
    assert.equal(shared.deliveries.at(-1), status === 202 ? 'ignored' : 'unsupported');
  });
}

test('a compressed body is answered 415', async (t) => {
  const stand = await startStand(t);
  for (const encoding of ['gzip', 'br', 'x']) {
    const answer = await stand.post(push('library/web', '1.0'), { 'Content-Encoding': encoding });
    assert.equal(answer.status, 415, encoding);
  }
  assert.equal(
    (await stand.post(push('library/web', '1.0'), { 'Content-Encoding': 'identity' })).status,
    202,
  );
});

const strange: [what: string, body: string | Uint8Array][] = [
  ['nothing', ''],
  ['no JSON', 'type=PUSH_ARTIFACT'],
  ['half of it', push('library/web', '1.0').slice(0, 50)],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a list', '[]'],
  ['null', 'null'],
  ['an event of something else', '{"action":"push"}'],
  ['prototype keys', '{"__proto__":{"type":"PUSH_ARTIFACT"},"constructor":{"prototype":{"type":"x"}}}'],
  ['100,000 open brackets', '['.repeat(100_000)],
  ['100,000 levels', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ['a path for a repository', push('../../etc/passwd', '1.0')],
  ['a tag that is none', push('library/web', 'a\nb')],
];

for (const [what, body] of strange) {
  test(`400 in one line and nothing stored: ${what}`, async () => {
    const answer = await shared.post(body);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    const text = answer.body.toString();
    assert.ok(text.length < 1000 && !text.includes('\n'), text);
    assert.equal(jsonOf(answer).status, 400);
    assert.deepEqual(shared.state.tasks.list({ limit: 1 }), []);
    assert.equal(shared.deliveries.at(-1), 'invalid');
    assert.equal((await shared.post(push('private/web', '1.0'))).status, 202, 'it goes on');
  });
}

test('a full disk is answered 503 with Retry-After, and 202 again when there is room', async (t) => {
  const stand = await startStand(t, { maxPages: 60 });
  const tagOf = (number: number) => `v${number}-`.padEnd(100, 'x');
  let stored = 0;
  let answer = await stand.post(push('library/web', tagOf(0)));
  for (; answer.status === 202; answer = await stand.post(push('library/web', tagOf(stored)))) stored++;
  assert.equal(answer.status, 503);
  assert.equal(answer.headers['retry-after'], '5');
  assert.equal(stand.deliveries.at(-1), 'unavailable');
  assert.equal(
    stand.state.tasks.list({ limit: 10_000 }).length,
    stored,
    'what was answered 202, and no more',
  );

  for (const { id } of stand.state.tasks.list({ limit: 40 })) stand.state.tasks.cancel(id, now);
  stand.state.prune.prune(now + 1, 40);
  assert.equal((await stand.post(push('library/web', tagOf(stored)))).status, 202);
});

test('a defect is answered 500 without its message, which is logged', async (t) => {
  const receive = () => Promise.reject(new TypeError('inner workings'));
  const stand = await startStand(t, { webhook: { receive } });
  const answer = await stand.post(push('library/web', '1.0'));
  assert.equal(answer.status, 500);
  assert.ok(!answer.body.toString().includes('inner workings'));
  const [entry] = stand.logged.filter(({ level }) => level === 'error');
  assert.ok(entry?.fields.error instanceof TypeError);
  assert.deepEqual(stand.deliveries, ['unavailable']);
});

test('200 deliveries at once are all stored', async (t) => {
  const stand = await startStand(t);
  const tags = Array.from({ length: 200 }, (_, index) => `v${index}`);
  const answers = await Promise.all(tags.map((tag) => stand.post(push('library/web', tag))));
  assert.ok(answers.every(({ status }) => status === 202));
  assert.equal(stand.state.tasks.counts().available, 200);
});
