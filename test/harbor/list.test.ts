import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Artifact, Page } from '../../src/task/listing.ts';
import { all, failure } from '../registry/stand.ts';
import { answer, change, setHeaders } from '../support/fault.ts';
import { digestOf, startStand } from './stand.ts';
import type { Stand } from './stand.ts';

function fill({ content }: Stand, count: number, repository = 'team/app'): void {
  for (let number = 1; number <= count; number++) content.push(repository, `v${number}`, digestOf(number));
}

function tagsOf(pages: readonly Page<Artifact>[]): string[] {
  return pages.flatMap(({ rows }) => rows.flatMap(({ tags }) => tags.map(({ name }) => name)));
}

test('Harbor: artifacts of a project come a hundred a request, by id, and none more is asked for', async (t) => {
  const stand = await startStand(t);
  fill(stand, 200);
  const pages = await all(stand.harbor.artifacts('team', 0));
  assert.deepEqual(
    pages.map(({ lastId, rows }) => [lastId, rows.length]),
    [
      [100, 100],
      [200, 100],
    ],
  );
  assert.equal(new Set(tagsOf(pages)).size, 200);
  assert.deepEqual(
    stand.queries(/artifacts$/),
    [1, 101].map(
      (id) => `?with_tag=true&with_accessory=true&page=1&sort=id&q=id=[${id}~],tags=*&page_size=100`,
    ),
  );
});

test('Harbor: what is pushed, removed and moved while a project is listed shifts nothing', async (t) => {
  const stand = await startStand(t);
  fill(stand, 250);
  const pages: Page<Artifact>[] = [];
  for await (const page of stand.harbor.artifacts('team', 0)) {
    pages.push(page);
    for (let number = 1; number <= 60; number++) stand.content.remove('team/app', digestOf(number));
    if (pages.length === 1) stand.content.push('team/app', 'new', digestOf(999));
  }
  const expected = Array.from({ length: 250 }, (_, index) => `v${index + 1}`);
  assert.deepEqual(tagsOf(pages), [...expected, 'new']);
});

test('Harbor: a list that was interrupted goes on after the last id', async (t) => {
  const stand = await startStand(t);
  fill(stand, 150);
  let lastId = 0;
  for await (const page of stand.harbor.artifacts('team', 0)) {
    ({ lastId } = page);
    break;
  }
  const rest = await all(stand.harbor.artifacts('team', lastId));
  assert.deepEqual([tagsOf(rest).length, tagsOf(rest)[0]], [50, 'v101']);
});

test('Harbor: an empty project has no page, and costs one request', async (t) => {
  const stand = await startStand(t);
  assert.deepEqual(await all(stand.harbor.artifacts('team', 0)), []);
  assert.equal(stand.server.requests.length, 1);
});

test('Harbor: without a total, a short page is the last one', async (t) => {
  const stand = await startStand(t);
  fill(stand, 150);
  stand.server.faults.always(/artifacts/, setHeaders({ 'x-total-count': undefined }));
  assert.equal(tagsOf(await all(stand.harbor.artifacts('team', 0))).length, 150);
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
  assert.equal(tagsOf(await all(stand.harbor.artifacts('team', 0))).length, 150);
});

test('Harbor: tags of accessories are not listed, and their repository says so', async (t) => {
  const stand = await startStand(t);
  const { content } = stand;
  content.push('team/signed', 'v1', digestOf(1));
  content.push('team/signed', 'report', digestOf(2), { subject: digestOf(1) });
  content.push('team/plain', 'v1', digestOf(3));
  const [page] = await all(stand.harbor.artifacts('team', 0));
  assert.deepEqual(
    page?.rows.map(({ repository, tags, hidesTags }) => [repository, tags[0]?.name, hidesTags]),
    [
      ['team/signed', 'v1', true],
      ['team/plain', 'v1', false],
    ],
  );
});

test('Harbor: an artifact whose tags could not be read is not taken for one without', async (t) => {
  const stand = await startStand(t);
  fill(stand, 1);
  stand.server.faults.once(
    /artifacts/,
    change(async (given) => {
      const [row] = JSON.parse(Buffer.from(given.body instanceof Uint8Array ? given.body : []).toString());
      return { ...given, body: Buffer.from(JSON.stringify([{ ...row, tags: null }])) };
    }),
  );
  const [page] = await all(stand.harbor.artifacts('team', 0));
  assert.deepEqual(
    page?.rows.map(({ tags, hidesTags }) => [tags, hidesTags]),
    [[[], true]],
  );
});

test('Harbor: untagged artifacts and children of indexes are left out', async (t) => {
  const stand = await startStand(t);
  const { content } = stand;
  content.push('team/app', undefined, digestOf(1));
  content.push('team/app', undefined, digestOf(2));
  content.push('team/app', 'v1', digestOf(3), { children: [digestOf(1)] });
  const pages = await all(stand.harbor.artifacts('team', 0));
  assert.deepEqual(
    pages.flatMap(({ rows }) => rows.map(({ digest }) => digest)),
    [digestOf(3)],
  );
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
  assert.equal(stand.server.requests.length, 3);
});

test('Harbor: repositories by pages', async (t) => {
  const stand = await startStand(t);
  for (let number = 100; number < 300; number++)
    stand.content.push(`team/r${number}`, 'v1', digestOf(number));
  const names = await stand.harbor.repositories('team');
  assert.deepEqual([names.length, names[0], names.at(-1)], [200, 'team/r100', 'team/r299']);
  assert.equal(stand.server.requests.length, 2);
});

test('Harbor: one repository of a release that does not list projects', async (t) => {
  const stand = await startStand(t);
  stand.rest.version = 'v2.11.0-abcdef12';
  const name = 'team/platform/a/svc.gateway_x-y';
  fill(stand, 130, name);
  fill(stand, 3, 'team/other');
  assert.equal(tagsOf(await all(stand.harbor.repositoryArtifacts(name, 0))).length, 130);
  const [page] = await all(stand.harbor.repositoryArtifacts(name, 129));
  assert.deepEqual(
    page?.rows.map(({ repository, id }) => [repository, id]),
    [[name, 130]],
  );
  const path = '/api/v2.0/projects/team/repositories/platform%252Fa%252Fsvc.gateway_x-y/artifacts';
  assert.deepEqual(new Set(stand.server.requests.map((one) => one.path)), new Set([path]));
  await failure(all(stand.harbor.artifacts('team', 0)), 'not-found');
});

test('Harbor: a repository that is not there has no artifacts', async (t) => {
  const stand = await startStand(t);
  assert.deepEqual(await all(stand.harbor.repositoryArtifacts('team/nosuch', 0)), []);
});

test('Harbor: a project whose name is a number is not taken for an id', async (t) => {
  const stand = await startStand(t);
  const { id } = stand.content.project('team');
  const account = stand.rest.accounts[0];
  if (account) account.projects[String(id)] = ['artifact:list'];
  stand.content.push(`${id}/app`, 'of-the-number', digestOf(1));
  stand.content.push('team/app', 'of-the-team', digestOf(2));
  assert.deepEqual(tagsOf(await all(stand.harbor.artifacts(String(id), 0))), ['of-the-number']);
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
  const error = await failure(all(stand.harbor.artifacts('team', 0)), 'protocol');
  assert.match(error.message, /artifacts: expected an id above 2, got 1$/);
});

test('Harbor: a list whose condition is ignored does not go on for ever', async (t) => {
  const stand = await startStand(t);
  fill(stand, 150);
  stand.server.faults.always(/artifacts/, async (call, next) => {
    call.query.delete('q');
    return next();
  });
  await failure(all(stand.harbor.artifacts('team', 0)), 'protocol');
  assert.equal(stand.server.requests.length, 2);
});

const strange = {
  'not JSON': '<html>Harbor</html>',
  'an object': '{"artifacts":[]}',
  'a row without id': '[{"digest":"sha256:0"}]',
  'a row that is null': '[null]',
  'a tag that is none': `[{"id":1,"digest":"${digestOf(1)}","repository_name":"team/app","tags":[{"name":"a b"}]}]`,
  'another repository name': `[{"id":1,"digest":"${digestOf(1)}","repository_name":"../x"}]`,
  'no repository name': `[{"id":1,"digest":"${digestOf(1)}"}]`,
};

for (const [what, body] of Object.entries(strange))
  test(`Harbor: ${what} in place of a list is a fault of protocol`, async (t) => {
    const stand = await startStand(t);
    stand.server.faults.always(/artifacts/, answer(200, {}, body));
    await failure(all(stand.harbor.artifacts('team', 0)), 'protocol');
  });

test('Harbor: members that are missing or new do no harm', async (t) => {
  const stand = await startStand(t);
  const row = {
    id: 5,
    digest: digestOf(5),
    repository_name: 'team/app',
    brand_new: [1],
    tags: [{ name: 'v1' }],
  };
  stand.server.faults.once(/artifacts/, answer(200, {}, JSON.stringify([row])));
  assert.deepEqual(await all(stand.harbor.artifacts('team', 0)), [
    {
      lastId: 5,
      rows: [
        {
          id: 5,
          repository: 'team/app',
          digest: digestOf(5),
          pushedAt: undefined,
          tags: [{ name: 'v1', pushedAt: undefined }],
          hidesTags: false,
        },
      ],
    },
  ]);
});
