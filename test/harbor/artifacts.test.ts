import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HarborContent } from '../support/harbor-rest-content.ts';
import { HarborRest, startHarborRest } from '../support/harbor-rest.ts';
import { all, failure, robot } from '../registry/stand.ts';
import { answer } from '../support/fault.ts';
import { clientOf, digestOf, startStand } from './stand.ts';

const row = { id: 5, digest: digestOf(5), repository_name: 'team/app', tags: [{ name: 'v5' }] };

test('Harbor: artifacts of a project come a hundred a request, and none more is asked for', async (t) => {
  const { harbor, content, queries } = await startStand(t);
  for (let number = 1; number <= 200; number++)
    content.push(`team/a${number % 7}/b`, `v${number}`, digestOf(number));
  content.push('other/app', 'v1', digestOf(999));
  const pages = await all(harbor.artifacts('team', 0));
  assert.deepEqual(
    pages.map(({ artifacts, lastId }) => [artifacts.length, artifacts[0]?.repository, lastId]),
    [
      [100, 'team/a1/b', 100],
      [100, 'team/a3/b', 200],
    ],
  );
  assert.deepEqual(
    queries(/projects\/team\/artifacts$/),
    [1, 101].map(
      (id) => `?with_tag=true&with_accessory=true&page=1&sort=id&q=id=[${id}~],tags=*&page_size=100`,
    ),
  );
});

test('Harbor: artifacts go on above an id, and there is no page without any', async (t) => {
  const { harbor, content, server } = await startStand(t);
  for (let number = 1; number <= 130; number++) content.push('team/app', `v${number}`, digestOf(number));
  const [rest, ...more] = await all(harbor.artifacts('team', 120));
  assert.deepEqual([rest?.artifacts.length, rest?.artifacts[0]?.id, rest?.lastId], [10, 121, 130]);
  assert.deepEqual([more, server.requests.length], [[], 1]);
  assert.deepEqual(await all(harbor.artifacts('team', 130)), []);
});

test('Harbor: an artifact has its times, its tags with theirs, and its accessories', async (t) => {
  let now = 1_000;
  const content = new HarborContent(() => (now += 1_000));
  const { server, rest } = await startHarborRest(t, new HarborRest(content));
  rest.accounts.push({ name: robot.username, password: robot.password, admin: true, projects: {} });
  content.push('other/app', 'v1', digestOf(1));
  content.push('other/app', 'v2', digestOf(1));
  content.copy('other/app', digestOf(1), 'team/app');
  content.push('team/app', undefined, digestOf(2), { subject: digestOf(1) });
  const [page] = await all(clientOf(t, server.url).artifacts('team', 0));
  const [artifact] = page?.artifacts ?? [];
  const { pushedAt = 0, tags = [], ...others } = artifact ?? {};
  assert.deepEqual(others, {
    id: 2,
    repository: 'team/app',
    digest: digestOf(1),
    accessories: [{ digest: digestOf(2), type: 'subject.accessory' }],
    configType: 'application/vnd.oci.image.config.v1+json',
    attested: false,
  });
  assert.deepEqual(
    tags.map(({ name, pushedAt: at }) => [name, at === tags[0]?.pushedAt, at > pushedAt]),
    [
      ['v1', true, true],
      ['v2', true, true],
    ],
  );
  assert.ok(pushedAt > 1_000);
});

test('Harbor: a release before 2.11.1 has no list of a project', async (t) => {
  const { harbor, rest } = await startStand(t);
  rest.version = 'v2.11.0-abcdef12';
  await failure(all(harbor.artifacts('team', 0)), 'not-found');
});

test('Harbor: a list that does not name repositories is of a release that has none', async (t) => {
  const { harbor, server } = await startStand(t);
  const { repository_name: _, ...old } = row;
  server.faults.once(/artifacts/, answer(200, {}, JSON.stringify([old])));
  const error = await failure(all(harbor.artifacts('team', 0)), 'not-found');
  assert.match(error.message, /^artifact 5 of project team: expected repository_name, as since 2\.11\.1/);
});

test('Harbor: artifacts of a project that is not there are not found', async (t) => {
  const { harbor } = await startStand(t);
  await failure(all(harbor.artifacts('nosuch', 0)), 'not-found');
});

test('Harbor: artifacts that the account may not list are denied', async (t) => {
  const { harbor } = await startStand(t, ['repository:list']);
  await failure(all(harbor.artifacts('team', 0)), 'denied');
});

test('Harbor: tags and repositories that are none do not keep a project from being listed', async (t) => {
  const { harbor, server } = await startStand(t);
  const rows = [
    {
      ...row,
      tags: [{ name: 'a b' }, null, { name: 'v5', push_time: 'soon' }],
      accessories: [7],
      references: [7, { platform: null }],
    },
    { ...row, id: 6, repository_name: 'team/A B' },
  ];
  server.faults.once(/artifacts/, answer(200, {}, JSON.stringify(rows)));
  const tags = [{ name: 'v5', pushedAt: 0 }];
  const { id, digest } = row;
  const untold = { configType: '', attested: false };
  const artifacts = [{ id, digest, repository: 'team/app', pushedAt: 0, tags, accessories: [], ...untold }];
  assert.deepEqual(await all(harbor.artifacts('team', 0)), [{ artifacts, lastId: 6 }]);
});

for (const [what, wrong] of Object.entries({
  'a digest that is none': { digest: 'sha256:0' },
  'an id that is none': { id: '6' },
  'a repository of another project': { repository_name: 'teamwork/app' },
  'a repository without its project': { repository_name: 'app' },
}))
  test(`Harbor: ${what} is no artifact to be lost in silence`, async (t) => {
    const { harbor, server } = await startStand(t);
    server.faults.once(/artifacts/, answer(200, {}, JSON.stringify([row, { ...row, id: 6, ...wrong }])));
    await failure(all(harbor.artifacts('team', 0)), 'protocol');
  });
