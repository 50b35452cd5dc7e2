import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type Answer, type Call, empty, json } from '../../src/demo/registry/call.ts';
import { type CallServer, startCallServer } from '../support/call-server.ts';
import { all, clientOf, failure } from './stand.ts';

/** A registry that has nothing but lists. */
async function lists(t: TestContext, list: (call: Call, server: CallServer) => Answer) {
  const server: CallServer = await startCallServer(t, (call) => {
    return call.path === '/v2/' ? empty(200) : list(call, server);
  });
  const client = clientOf(t, server.url);
  const tags = () => all(client.repository('a/b', 'pull').tags());
  const asked = () => server.requests.slice(1).map(({ query }) => query);
  return { server, client, tags, asked };
}

const names = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `v${String(index + from).padStart(5, '0')}`);

const page = (tags: unknown, link?: string) =>
  json(200, { name: 'a/b', tags }, link === undefined ? {} : { link });

test('pages follow Link: relative, absolute, beside others, after short pages', async (t) => {
  const { tags, asked } = await lists(t, ({ query }, server) => {
    switch (query.get('step')) {
      case null:
        return page(['a'], '</v2/a/b/tags/list?step=1&n=1000>; rel="next"');
      case '1':
        return page(['b', 'c'], `<${server.url}/v2/a/b/tags/list?step=2>; type="x"; rel=next`);
      case '2':
        return page(['d'], '<?step=1>; rel="prev", <?step=3>; rel="next"');
      case '3':
        return page(null, '<?step=4>; rel="next"');
      default:
        return page(['e']);
    }
  });
  assert.deepEqual(await tags(), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(asked(), ['?n=1000', '?step=1&n=1000', '?step=2', '?step=3', '?step=4']);
});

test('a full page without Link is asked on from its last name', async (t) => {
  const expected = names(2_500);
  const { tags, asked } = await lists(t, ({ query }) => {
    const last = query.get('last') ?? '';
    return page(expected.filter((name) => name > last).slice(0, 1_000));
  });
  assert.deepEqual(await tags(), expected);
  assert.deepEqual(asked(), ['?n=1000', '?n=1000&last=v00999', '?n=1000&last=v01999']);
});

test('a registry that includes `last` in the next page gives nothing twice', async (t) => {
  const expected = names(1_500);
  const { tags } = await lists(t, ({ query }) => {
    const last = query.get('last') ?? '';
    return page(expected.filter((name) => name >= last).slice(0, 1_000));
  });
  assert.deepEqual(await tags(), expected);
});

test('a registry that does not page at all is asked twice at most, sorted or not', async (t) => {
  for (const expected of [
    names(3_000),
    names(3_000).toReversed(),
    names(3_000).toSorted((a, b) => Number(a.at(-1)) - Number(b.at(-1))),
  ]) {
    const { tags, asked } = await lists(t, () => page(expected));
    assert.deepEqual(await tags(), expected);
    assert.equal(asked().length, 2);
  }
});

const unknown = (code: string) => json(404, { errors: [{ code, message: 'unknown' }] });

test('no tags: null, no member, 404', async (t) => {
  const missing = ['NAME_UNKNOWN', 'NOT_FOUND', 'manifest_unknown'].map(unknown);
  for (const answer of [page(null), json(200, {}), page([]), ...missing]) {
    const { tags } = await lists(t, () => ({ ...answer, headers: { ...answer.headers } }));
    assert.deepEqual(await tags(), []);
  }
});

test('a 404 that is not the registry’s own is no empty list', async (t) => {
  const text = {
    status: 404,
    headers: { 'content-type': 'text/plain' },
    body: Buffer.from('404 page not found'),
  };
  for (const answer of [empty(404), text, json(404, { errors: [] }), unknown('DENIED')]) {
    const { tags } = await lists(t, () => ({ ...answer, headers: { ...answer.headers } }));
    assert.match((await failure(tags(), 'unreachable')).message, /tags\/list: expected .*404/);
  }
});

test('names that are no tags are left out', async (t) => {
  const odd = ['ok', 'sha256:abc', '', '-x', '.x', 'a b', 'x'.repeat(129), 7, null, { a: 1 }, 'last'];
  const { tags } = await lists(t, () => page(odd));
  assert.deepEqual(await tags(), ['ok', 'last']);
});

for (const [what, link, requests] of [
  ['to the same page', '<?n=1000>; rel="next"', 1],
  ['to another host', '<http://127.0.0.1:1/v2/a/b/tags/list>; rel="next"', 1],
  ['to another scheme', '<file:///etc/passwd>; rel="next"', 1],
] as const)
  test(`a Link ${what} is refused`, async (t) => {
    const { tags, asked } = await lists(t, () => page(['a'], link));
    await failure(tags(), 'protocol');
    assert.equal(asked().length, requests);
  });

test('Links that lead in a circle, or on and on without a name, end', async (t) => {
  const circle = await lists(t, ({ query }) =>
    page(['a'], `<?p=${query.get('p') === '1' ? 2 : 1}>; rel="next"`),
  );
  assert.match((await failure(circle.tags(), 'protocol')).message, /does not end/);
  assert.equal(circle.asked().length, 3);
  let step = 0;
  const barren = await lists(t, () => page([], `<?p=${++step}>; rel="next"`));
  await failure(barren.tags(), 'protocol');
  assert.equal(barren.asked().length, 10);
});

test('a list of more than a million names is not read on', async (t) => {
  const pages = [
    page(['v'], '<?step=1>; rel="next"'),
    page(names(1_000_000), '<?step=2>; rel="next"'),
    page([]),
  ];
  const { tags, asked } = await lists(t, () => pages.shift() ?? empty(500));
  assert.match((await failure(tags(), 'protocol')).message, /at most 1000000 names/);
  assert.equal(asked().length, 2);
});

test('what is no list is the registry’s mistake', async (t) => {
  for (const answer of [
    page('a'),
    page({ a: 1 }),
    json(200, []),
    json(200, 'x'),
    { ...empty(200), body: Buffer.from('<html>') },
  ]) {
    const { tags, asked } = await lists(t, () => ({ ...answer, headers: {} }));
    await failure(tags(), 'protocol');
    assert.equal(asked().length, 1);
  }
});

test('a page of 32 MiB and more is not read to its end', async (t) => {
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  let sent = 0;
  const endless = async function* () {
    for (;;) {
      sent++;
      yield chunk;
    }
  };
  const { tags } = await lists(t, () => ({ status: 200, headers: {}, body: endless() }));
  assert.match((await failure(tags(), 'protocol')).message, /more than 33554432 bytes/);
  assert.ok(sent < 64, `${sent} MiB sent`);
});

test('repositories: pages of names, with the credential where no token is taken, and a refusal said', async (t) => {
  const credential = async () => ({ username: 'u', password: 'p' });
  const server = await startCallServer(t, (call) => {
    const { authorization = '' } = call.headers;
    const challenge = { 'www-authenticate': 'Bearer realm="/token",service="s"' };
    if (call.path === '/token') return json(200, { token: 'x' });
    if (call.path !== '/v2/_catalog' || !authorization.startsWith('Basic'))
      return { ...empty(401), headers: challenge };
    return json(200, { repositories: ['a/b', 'Not/One', 'c'] });
  });
  const client = clientOf(t, server.url, { credential });
  assert.deepEqual(await all(client.repositories()), ['a/b', 'c']);
  assert.deepEqual(
    server.requests.map(({ path, authorization }) => `${path} ${authorization}`),
    ['/v2/ none', '/token basic', '/v2/_catalog bearer', '/v2/_catalog basic'],
  );
  const off = await lists(t, () => empty(404));
  await failure(all(off.client.repositories()), 'not-found');
});
