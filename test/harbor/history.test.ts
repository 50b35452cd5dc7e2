import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHarbor } from '../../src/event/harbor.ts';
import { all, failure } from '../registry/stand.ts';
import { answer } from '../support/fault.ts';
import { digestOf, startStand } from './stand.ts';

test('Harbor: policies say where they go, and none of their secrets', async (t) => {
  const { harbor, content } = await startStand(t);
  content.policy('team', 'mirror');
  content.policy('team', 'chat', { type: 'slack', address: 'https://hooks.example.com/T0/B0/x' });
  const [mirror, chat] = await harbor.policies('team');
  assert.deepEqual(mirror, {
    id: 1,
    name: 'mirror',
    enabled: true,
    addresses: ['http://127.0.0.1:8080/webhooks/harbor'],
  });
  assert.deepEqual(chat?.addresses, []);
  assert.doesNotMatch(JSON.stringify([mirror, chat]), /s3cret/);
});

test('Harbor: deliveries are given whatever became of them, as the parser of webhooks takes them', async (t) => {
  const { harbor, content } = await startStand(t);
  const { id: policy } = content.policy('team', 'mirror');
  const states = ['Success', 'Error', 'Running'] as const;
  for (const [index, status] of states.entries())
    content.push('team/app', `v${index}`, digestOf(index), { status });
  content.push('team/app', 'unseen', digestOf(9), { silent: true });
  const pages = await all(harbor.deliveries('team', policy, 0));
  const events = pages.flatMap(({ rows }) =>
    rows.map(({ payload, startedAt }) => parseHarbor('application/json', payload, startedAt ?? 0)),
  );
  assert.deepEqual(
    events.map((event) => event.kind === 'push' && `${event.repository}:${event.references[0]?.tag}`),
    ['team/app:v0', 'team/app:v1', 'team/app:v2'],
  );
});

test('Harbor: deliveries go on after the last id, a hundred a request', async (t) => {
  const { harbor, content, server } = await startStand(t);
  const { id: policy } = content.policy('team', 'mirror');
  const other = content.policy('team', 'other');
  for (let number = 1; number <= 130; number++) content.push('team/app', 'latest', digestOf(number));
  const pages = await all(harbor.deliveries('team', policy, 0));
  assert.deepEqual(
    pages.map(({ rows }) => rows.length),
    [100, 30],
  );
  assert.equal(server.requests.length, 2);
  const lastId = pages[0]?.lastId ?? 0;
  const [rest] = await all(harbor.deliveries('team', policy, lastId));
  assert.deepEqual(rest?.rows, pages[1]?.rows);
  assert.notDeepEqual((await all(harbor.deliveries('team', other.id, 0)))[0]?.lastId, lastId);
});

test('Harbor: a delivery without a payload is passed over, and its id counts', async (t) => {
  const { harbor, server } = await startStand(t);
  const rows = [
    { id: 4, extra_attrs: null },
    { id: 5 },
    { id: 6, extra_attrs: { event_type: 'PUSH_ARTIFACT' } },
  ];
  server.faults.once(/executions/, answer(200, {}, JSON.stringify(rows)));
  assert.deepEqual(await all(harbor.deliveries('team', 1, 0)), [{ lastId: 6, rows: [] }]);
});

test('Harbor: a policy of another project is not found', async (t) => {
  const { harbor, content } = await startStand(t);
  const { id } = content.policy('other', 'mirror');
  await failure(all(harbor.deliveries('team', id, 0)), 'not-found');
});

test('Harbor: the audit log tells tags that were pushed from tags that were made in Harbor', async (t) => {
  const { harbor, content, queries } = await startStand(t);
  content.push('team/app', 'v1', digestOf(1));
  content.push('team/app', undefined, digestOf(2));
  content.tag('team/app', 'stable', digestOf(1));
  const [page] = await all(harbor.tagCreations('team', 0));
  assert.deepEqual(
    page?.rows.map(({ repository, tag, by }) => [repository, tag, by]),
    [
      ['team/app', 'v1', 'push'],
      ['team/app', 'stable', 'tag'],
    ],
  );
  assert.equal(page?.lastId, 3);
  assert.deepEqual(queries(/auditlog/), ['?page=1&sort=id&q=id=[1~],operation=create&page_size=100']);
  assert.deepEqual(await all(harbor.tagCreations('team', 3)), []);
});

test('Harbor: of a copy with several tags neither audit log nor delivery names more than one', async (t) => {
  const { harbor, content } = await startStand(t);
  const { id } = content.policy('team', 'mirror');
  content.push('other/app', 'v1', digestOf(1));
  content.tag('other/app', 'stable', digestOf(1));
  content.copy('other/app', digestOf(1), 'team/app');
  const [log] = await all(harbor.tagCreations('team', 0));
  const [sent] = await all(harbor.deliveries('team', id, 0));
  const [listed] = await all(harbor.artifacts('team', 0));
  assert.deepEqual([log?.rows.length, sent?.rows.length, listed?.rows[0]?.tags.length], [1, 1, 2]);
});

const releases = {
  'v2.7.4-abc': [false, false, false],
  'v2.8.0-abc': [false, true, false],
  'v2.10.3-abc': [false, true, false],
  'v2.11.0-abc': [false, true, false],
  'v2.11.1-abc': [true, true, false],
  'v2.12.0-rc1': [true, true, false],
  'v2.13.0-abc': [true, true, true],
  'v2.16.0-c50c7ddd': [true, true, true],
  'v3.0.0-abc': [true, true, true],
  dev: [true, true, true],
};

for (const [version, [artifacts, deliveries, tagCreations]] of Object.entries(releases))
  test(`Harbor: what ${version} can`, async (t) => {
    const { harbor, rest } = await startStand(t);
    rest.version = version;
    assert.deepEqual(await harbor.release(), { version, artifacts, deliveries, tagCreations });
  });

test('Harbor: an account that it does not know sees no release', async (t) => {
  const { harbor, rest } = await startStand(t);
  rest.accounts.length = 0;
  assert.equal(await harbor.release(), undefined);
});

const nothing = {
  repositories: false,
  artifacts: false,
  repositoryArtifacts: false,
  policies: false,
  deliveries: false,
  tagCreations: false,
};

const permissions: readonly [string, Partial<typeof nothing>][] = [
  ['repository:pull', {}],
  ['repository:list', { repositories: true }],
  ['artifact:list', { artifacts: true, repositoryArtifacts: true }],
  ['notification-policy:list', { policies: true }],
  ['notification-policy:read', { deliveries: true }],
  ['log:list', { tagCreations: true }],
];

for (const [permission, expected] of permissions)
  test(`Harbor: what ${permission} permits`, async (t) => {
    const { harbor } = await startStand(t, [permission]);
    assert.deepEqual(await harbor.permitted('team'), { ...nothing, ...expected });
  });

test('Harbor: what a release does not have is permitted to nobody', async (t) => {
  const { harbor, rest } = await startStand(t);
  rest.version = 'v2.10.0-abc';
  const { artifacts, repositoryArtifacts, tagCreations } = await harbor.permitted('team');
  assert.deepEqual([artifacts, repositoryArtifacts, tagCreations], [false, true, false]);
});

test('Harbor: a failure while asking for permissions is no refusal', async (t) => {
  const { harbor, server } = await startStand(t);
  server.faults.always(/auditlog/, answer(500));
  await failure(harbor.permitted('team'), 'unreachable');
});
