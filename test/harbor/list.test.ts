import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import type { ListedTag } from '../../src/task/listing.ts';
import { all, failure } from '../registry/stand.ts';
import { answer, change, setHeaders } from '../support/fault.ts';
import { digestOf, startStand } from './stand.ts';
import type { Stand } from './stand.ts';

function fill({ content }: Stand, count: number, repository = 'team/app'): void {
  for (let number = 1; number <= count; number++) content.push(repository, `v${number}`, digestOf(number));
}

function signatureTag(signed: string): string {
  return `${signed.replace(':', '-')}.sig`;
}

async function namesOf(tags: AsyncIterable<ListedTag>): Promise<string[]> {
  return (await all(tags)).map(({ tag }) => tag);
}

test('Harbor: tags of a repository come a hundred artifacts a request, and none more is asked for', async (t) => {
  const stand = await startStand(t);
  fill(stand, 200);
  const tags = await all(stand.harbor.tags('team/app'));
  assert.equal(tags.length, 200);
  assert.deepEqual(tags.at(-1), { tag: 'v200', digest: digestOf(200) });
  assert.deepEqual(
    stand.queries(/artifacts$/),
    [1, 101].map(
      (id) => `?with_tag=true&with_accessory=true&page=1&sort=id&q=id=[${id}~],tags=*&page_size=100`,
    ),
  );
});

test('Harbor: every tag of an artifact has its digest', async (t) => {
  const stand = await startStand(t);
  stand.content.push('team/app', 'v1', digestOf(1));
  stand.content.tag('team/app', 'stable', digestOf(1));
  assert.deepEqual(await all(stand.harbor.tags('team/app')), [
    { tag: 'v1', digest: digestOf(1) },
    { tag: 'stable', digest: digestOf(1) },
  ]);
});

test('Harbor: what is pushed, removed and moved while a repository is listed shifts nothing', async (t) => {
  const stand = await startStand(t);
  fill(stand, 250);
  const names: string[] = [];
  for await (const { tag } of stand.harbor.tags('team/app')) {
    names.push(tag);
    if (names.length !== 1) continue;
    for (let number = 1; number <= 60; number++) stand.content.remove('team/app', digestOf(number));
    stand.content.push('team/app', 'new', digestOf(999));
  }
  const expected = Array.from({ length: 250 }, (_, index) => `v${index + 1}`);
  assert.deepEqual(names, [...expected, 'new']);
});

test('Harbor: a repository that is not there has no tags, and costs one request', async (t) => {
  const stand = await startStand(t);
  assert.deepEqual(await all(stand.harbor.tags('team/nosuch')), []);
  assert.equal(stand.server.requests.length, 1);
});

test('Harbor: without a total, a short page is the last one', async (t) => {
  const stand = await startStand(t);
  fill(stand, 150);
  stand.server.faults.always(/artifacts/, setHeaders({ 'x-total-count': undefined }));
  assert.equal((await all(stand.harbor.tags('team/app'))).length, 150);
  assert.equal(stand.server.requests.length, 2);
});

test('Harbor: a page that is shorter than asked is not the last one while the total says so', async (t) => {
  const stand = await startStand(t);
  fill(stand, 150);
  // As releases did that took accessories out of a page after they had made it.
  const half = change(async (given) => {
    const rows: unknown[] = JSON.parse(
      Buffer.from(given.body instanceof Uint8Array ? given.body : []).toString(),
    );
    return { ...given, body: Buffer.from(JSON.stringify(rows.slice(0, 40))) };
  });
  stand.server.faults.always(/artifacts/, half);
  assert.equal((await all(stand.harbor.tags('team/app'))).length, 150);
});

test('Harbor: tags of accessories, untagged artifacts and children of indexes are not listed', async (t) => {
  const stand = await startStand(t);
  const { content } = stand;
  content.push('team/app', undefined, digestOf(1));
  content.push('team/app', undefined, digestOf(2));
  content.push('team/app', 'v1', digestOf(3), { children: [digestOf(1)] });
  content.push('team/app', 'report', digestOf(4), { subject: digestOf(3) });
  assert.deepEqual(await all(stand.harbor.tags('team/app')), [{ tag: 'v1', digest: digestOf(3) }]);
});

test('Harbor: the tag of the one signature of an image is concluded, and comes last', async (t) => {
  const stand = await startStand(t);
  const [signed, signature] = [digestOf(1), digestOf(2)];
  stand.content.push('team/app', 'v1', signed);
  stand.content.push('team/app', signatureTag(signed), signature);
  stand.content.push('team/app', 'report', digestOf(3), { subject: signed });
  stand.content.push('team/app', 'v2', digestOf(4));
  assert.deepEqual(await all(stand.harbor.tags('team/app')), [
    { tag: 'v1', digest: signed },
    { tag: 'v2', digest: digestOf(4) },
    { tag: signatureTag(signed), digest: signature },
  ]);
});

test('Harbor: of two signatures of an image nobody knows which one the tag names', async (t) => {
  const stand = await startStand(t);
  stand.content.push('team/app', 'v1', digestOf(1));
  for (const number of [2, 3]) stand.content.push('team/app', signatureTag(digestOf(1)), digestOf(number));
  assert.deepEqual(await namesOf(stand.harbor.tags('team/app')), ['v1']);
});

for (const [when, first, last] of [
  ['before', 1, 2],
  ['after', 2, 1],
] as const)
  test(`Harbor: a signature’s tag that is listed ${when} its image is what the list says`, async (t) => {
    const stand = await startStand(t);
    for (const number of [first, last]) stand.content.push('team/app', `v${number}`, digestOf(number));
    const tag = signatureTag(digestOf(2));
    stand.content.push('team/app', tag, digestOf(3));
    stand.content.tag('team/app', tag, digestOf(1));
    const tags = await all(stand.harbor.tags('team/app'));
    assert.deepEqual(
      tags.filter((one) => one.tag === tag),
      [{ tag, digest: digestOf(1) }],
    );
  });

test('Harbor: an artifact whose tags could not be read is passed over', async (t) => {
  const stand = await startStand(t);
  const rows = [
    { id: 1, digest: digestOf(1), tags: null },
    { id: 2, digest: digestOf(2), tags: [{ name: 'v2' }] },
  ];
  stand.server.faults.once(/artifacts/, answer(200, {}, JSON.stringify(rows)));
  assert.deepEqual(await namesOf(stand.harbor.tags('team/app')), ['v2']);
});

test('Harbor: projects by pages, with those that are proxy caches', async (t) => {
  const stand = await startStand(t);
  const names = Array.from({ length: 230 }, (_, index) => `p${String(index).padStart(3, '0')}`);
  for (const name of names) stand.content.project(name, { public: true, proxyCache: name === 'p007' });
  stand.content.project('private');
  const projects = await stand.harbor.projects();
  assert.deepEqual(
    projects.map(({ name }) => name),
    [...names, 'team'],
  );
  assert.deepEqual(
    projects.filter(({ proxyCache }) => proxyCache).map(({ name }) => name),
    ['p007'],
  );
  assert.equal(stand.server.requests.length, 4, 'one of them asks who we are');
});

test('Harbor: repositories by pages', async (t) => {
  const stand = await startStand(t);
  for (let number = 100; number < 300; number++)
    stand.content.push(`team/r${number}`, 'v1', digestOf(number));
  const names = await stand.harbor.repositories('team');
  assert.deepEqual([names.length, names[0], names.at(-1)], [200, 'team/r100', 'team/r299']);
  assert.equal(stand.server.requests.length, 2);
});

test('Harbor: a repository with a long name, of an old release', async (t) => {
  const stand = await startStand(t);
  stand.rest.version = 'v2.11.0-abcdef12';
  const name = 'team/platform/a/svc.gateway_x-y';
  fill(stand, 130, name);
  fill(stand, 3, 'team/other');
  assert.equal((await all(stand.harbor.tags(name))).length, 130);
  const path = '/api/v2.0/projects/team/repositories/platform%252Fa%252Fsvc.gateway_x-y/artifacts';
  assert.deepEqual(new Set(stand.server.requests.map((one) => one.path)), new Set([path]));
});

test('Harbor: a project whose name is a number is not taken for an id', async (t) => {
  const stand = await startStand(t);
  const { id } = stand.content.project('team');
  const account = stand.rest.accounts[0];
  if (account) account.projects[String(id)] = ['artifact:list'];
  stand.content.push(`${id}/app`, 'of-the-number', digestOf(1));
  stand.content.push('team/app', 'of-the-team', digestOf(2));
  assert.deepEqual(await namesOf(stand.harbor.tags(`${id}/app`)), ['of-the-number']);
});

for (const name of ['', '..', 'a/b', 'Team', 'x?y'])
  test(`Harbor: ${JSON.stringify(name)} is no project, and nobody is asked`, async (t) => {
    const stand = await startStand(t);
    await failure(
      Promise.resolve().then(() => stand.harbor.repositories(name)),
      'name-invalid',
    );
    assert.equal(stand.server.requests.length, 0);
  });

test('Harbor: a list in another order than was asked for is refused rather than believed', async (t) => {
  const stand = await startStand(t);
  fill(stand, 2);
  stand.server.faults.always(/artifacts/, async (call, next) => {
    call.query.delete('sort');
    return next();
  });
  const error = await failure(all(stand.harbor.tags('team/app')), 'protocol');
  assert.match(error.message, /artifacts: expected an id above 2, got 1$/);
});

test('Harbor: a list whose condition is ignored does not go on for ever', async (t) => {
  const stand = await startStand(t);
  fill(stand, 150);
  stand.server.faults.always(/artifacts/, async (call, next) => {
    call.query.delete('q');
    return next();
  });
  await failure(all(stand.harbor.tags('team/app')), 'protocol');
  assert.equal(stand.server.requests.length, 2);
});

const strange = {
  'not JSON': '<html>Harbor</html>',
  'an object': '{"artifacts":[]}',
  'a row without id': '[{"digest":"sha256:0"}]',
  'a row that is null': '[null]',
  'a digest that is none': '[{"id":1,"digest":"sha256:0"}]',
  'a null in place of a row, after a good one': `[{"id":1,"digest":"${digestOf(1)}"},null]`,
};

for (const [what, body] of Object.entries(strange))
  test(`Harbor: ${what} in place of a list is a fault of protocol`, async (t) => {
    const stand = await startStand(t);
    stand.server.faults.always(/artifacts/, answer(200, {}, body));
    await failure(all(stand.harbor.tags('team/app')), 'protocol');
    await failure(all(stand.harbor.artifacts('team', 0)), 'protocol');
  });

test('Harbor: members that are missing or new, and tags that are none, do no harm', async (t) => {
  const stand = await startStand(t);
  const row = {
    id: 5,
    digest: digestOf(5),
    brand_new: [1],
    tags: [{ name: 'v1' }, { name: 'a b' }, { name: 7 }, 'v2', null],
    accessories: [null, { digest: 'sha256:0', type: 'signature.cosign' }],
  };
  stand.server.faults.once(/artifacts/, answer(200, {}, JSON.stringify([row])));
  assert.deepEqual(await all(stand.harbor.tags('team/app')), [{ tag: 'v1', digest: digestOf(5) }]);
});

test('Harbor: an account that it does not know is denied, though what is public would be shown', async (t) => {
  const { harbor, rest, server } = await startStand(t);
  rest.content.project('library', { public: true });
  rest.accounts.length = 0;
  const error = await failure(harbor.projects(), 'denied');
  assert.match(error.message, /systeminfo: expected harbor_version, .* check username and password$/);
  assert.equal(server.requests.length, 1);
});

/** Of a page with more than so many rows the answer is too large to be read. */
function heavyRows(stand: Stand, most: number): void {
  const heavy: Misbehaviour = async (call, next) => {
    const answered = await next();
    if (Number(call.query.get('page_size')) <= most) return answered;
    return {
      ...answered,
      headers: { 'content-type': 'application/json' },
      body: Buffer.alloc(33 * 1024 * 1024, ' '),
    };
  };
  stand.server.faults.always(/artifacts/, heavy);
}

test('Harbor: a page that is too large to be read comes in halves, then in larger ones again', async (t) => {
  const stand = await startStand(t);
  fill(stand, 230);
  heavyRows(stand, 50);
  const names = await namesOf(stand.harbor.tags('team/app'));
  assert.deepEqual(
    names,
    Array.from({ length: 230 }, (_, index) => `v${index + 1}`),
  );
  assert.deepEqual(
    stand.queries(/artifacts$/).map((query) => /id=\[(\d+).*page_size=(\d+)/.exec(query)?.slice(1).join(' ')),
    ['1 100', '1 50', '51 100', '51 50', '101 100', '101 50', '151 100', '151 50', '201 100', '201 50'],
  );
});

test('Harbor: one artifact that is too large by itself is said', async (t) => {
  const stand = await startStand(t);
  fill(stand, 3);
  heavyRows(stand, 0);
  const { message } = await failure(namesOf(stand.harbor.tags('team/app')), 'protocol');
  assert.match(message, /answered more than 33554432 bytes/);
  assert.equal(stand.queries(/artifacts$/).length, 8);
});
