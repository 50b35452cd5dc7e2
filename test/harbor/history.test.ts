import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { parseHarbor } from '../../src/event/harbor.ts';
import { all, failure } from '../registry/stand.ts';
import { answer } from '../support/fault.ts';
import { digestOf, startStand } from './stand.ts';

test('Harbor: policies are those that tell us, enabled or not', async (t) => {
  const { harbor, content } = await startStand(t);
  content.policy('team', 'ours');
  content.policy('team', 'behind a proxy', { address: 'https://mirror.example.com/a/webhooks/harbor' });
  content.policy('team', 'off').enabled = false;
  content.policy('team', 'chat', { type: 'slack', address: 'https://example.com/webhooks/harbor' });
  content.policy('team', 'another', { address: 'https://example.com/hook?to=/webhooks/harbor' });
  content.policy('team', 'none', { address: 'nowhere' });
  content.policy('other', 'not of this project');
  const policies = await harbor.policies('team');
  assert.deepEqual(policies, [
    { id: 1, enabled: true },
    { id: 2, enabled: true },
    { id: 3, enabled: false },
  ]);
});

test('Harbor: a policy that is none is passed over', async (t) => {
  const { harbor, server } = await startStand(t);
  const targets = [null, 'x', { type: 'http', address: 'http://u:s3cret@a/webhooks/harbor', auth_header: 7 }];
  const rows = [{ id: 'x', targets }, { id: 3 }, { id: 4, targets: 'x' }, { id: 5, targets }];
  server.faults.once(/policies/, answer(200, {}, JSON.stringify(rows.toSpliced(2, 1))));
  assert.deepEqual(await harbor.policies('team'), [{ id: 5, enabled: false }]);
});

for (const [what, body] of Object.entries({
  'that breaks off': '[{"auth_header":"Bearer s3cret","enabled":tru',
  'with something in the middle': '[{"auth_header":"Bearer s3cret" s3cret}]',
  'of another shape': '{"auth_header":"Bearer s3cret"}',
}))
  test(`Harbor: an answer ${what} puts no secret into an error`, async (t) => {
    const { harbor, server } = await startStand(t);
    server.faults.once(/policies/, answer(200, {}, body));
    const error = await failure(harbor.policies('team'), 'protocol');
    assert.doesNotMatch(inspect(error, { depth: 9 }), /s3cret/);
  });

test('Harbor: deliveries are given whatever became of them, as the parser of webhooks takes them', async (t) => {
  const { harbor, content } = await startStand(t);
  const { id: policy } = content.policy('team', 'mirror');
  const states = ['Success', 'Error', 'Running'] as const;
  for (const [index, status] of states.entries())
    content.push('team/app', `v${index}`, digestOf(index), { status });
  content.push('team/app', 'unseen', digestOf(9), { silent: true });
  const [page] = await all(harbor.deliveries('team', policy, 0));
  const deliveries = page?.deliveries ?? [];
  assert.deepEqual(
    deliveries.map(({ contentType, payload, startedAt, status }) => {
      const event = parseHarbor(contentType, Buffer.from(payload), startedAt);
      return [status, event.kind === 'push' && `${event.repository}:${event.references[0]?.tag}`];
    }),
    [
      ['Success', 'team/app:v0'],
      ['Error', 'team/app:v1'],
      ['Running', 'team/app:v2'],
    ],
  );
  assert.deepEqual(
    deliveries.map(({ payload }) => payload),
    content.executions.map(({ payload }) => payload),
  );
});

test('Harbor: deliveries go on after the last id, a hundred a request', async (t) => {
  const { harbor, content, server, queries } = await startStand(t);
  const { id: policy } = content.policy('team', 'mirror');
  content.policy('team', 'other');
  for (let number = 1; number <= 130; number++) content.push('team/app', 'latest', digestOf(number));
  const pages = await all(harbor.deliveries('team', policy, 0));
  assert.deepEqual(
    pages.map(({ deliveries }) => deliveries.length),
    [100, 30],
  );
  assert.equal(server.requests.length, 2);
  assert.equal(queries(/executions/)[0], '?page=1&sort=id&q=id=[1~]&page_size=100');
  const [rest] = await all(harbor.deliveries('team', policy, pages[0]?.lastId ?? 0));
  assert.deepEqual(rest, pages[1]);
});

test('Harbor: a delivery without a payload, or of another policy, is passed over, and its id counts', async (t) => {
  const { harbor, server } = await startStand(t);
  const extra_attrs = { payload: '{}' };
  const rows = [
    { id: 3, extra_attrs, vendor_id: 1 },
    { id: 4, extra_attrs: null },
    { id: 5 },
    { id: 6, extra_attrs: { event_type: 'PUSH_ARTIFACT' } },
    { id: 7, extra_attrs: { payload: { type: 'PUSH_ARTIFACT' } }, status: 7, start_time: 7 },
    { id: 8, extra_attrs, vendor_id: 2 },
  ];
  server.faults.once(/executions/, answer(200, {}, JSON.stringify(rows)));
  const delivery = { id: 3, contentType: 'application/json', payload: '{}', startedAt: 0, status: '' };
  assert.deepEqual(await all(harbor.deliveries('team', 1, 0)), [{ lastId: 8, deliveries: [delivery] }]);
});

test('Harbor: a policy of another project is not found', async (t) => {
  const { harbor, content } = await startStand(t);
  const { id } = content.policy('other', 'mirror');
  await failure(all(harbor.deliveries('team', id, 0)), 'not-found');
});

test('Harbor: tags that were made in Harbor are told from tags that were pushed', async (t) => {
  const { harbor, content, queries } = await startStand(t);
  content.push('team/app', 'v1', digestOf(1));
  content.push('team/app', undefined, digestOf(2));
  content.tag('team/app', 'stable', digestOf(1));
  const [page] = await all(harbor.tagsCreated('team', 0));
  const at = Date.parse(content.audit[2]?.at ?? '');
  assert.deepEqual(page, { created: [{ id: 3, repository: 'team/app', tag: 'stable', at }], lastId: 3 });
  assert.deepEqual(queries(/auditlog/), ['?page=1&sort=id&q=id=[1~],operation=create&page_size=100']);
  assert.deepEqual(await all(harbor.tagsCreated('team', 3)), []);
});

test('Harbor: of a copy with several tags the audit log tells no tag, and the list all', async (t) => {
  const { harbor, content } = await startStand(t);
  content.push('other/app', 'v1', digestOf(1));
  content.tag('other/app', 'stable', digestOf(1));
  content.copy('other/app', digestOf(1), 'team/app');
  const [log] = await all(harbor.tagsCreated('team', 0));
  const [listed] = await all(harbor.artifacts('team', 0));
  assert.deepEqual([log?.created, listed?.artifacts[0]?.tags.length], [[], 2]);
});

test('Harbor: a row of the audit log that is no tag of the project is passed over, and its id counts', async (t) => {
  const { harbor, server } = await startStand(t);
  const row = { operation: 'create', resource_type: 'tag', resource: 'team/app:v1' };
  const rows = [
    row,
    { ...row, operation: 'delete' },
    { ...row, operation_result: false },
    { ...row, resource: 'team/app@sha256:0' },
    { ...row, resource: 'team/app:v1:v2' },
    { ...row, resource: 'teams/app:v1' },
    { ...row, resource: 'team/A:v1' },
    { ...row, resource: null },
    {},
  ].map((one, index) => ({ ...one, id: index + 1 }));
  server.faults.once(/auditlog/, answer(200, {}, JSON.stringify(rows)));
  const created = [{ id: 1, repository: 'team/app', tag: 'v1', at: 0 }];
  assert.deepEqual(await all(harbor.tagsCreated('team', 0)), [{ created, lastId: 9 }]);
});

test('Harbor: the newest id of the audit log, in one small request', async (t) => {
  const { harbor, content, queries } = await startStand(t);
  assert.equal(await harbor.newestAudit('team'), 0);
  for (const tag of ['v1', 'v2', 'v3']) content.push('team/app', tag, digestOf(1));
  content.push('other/app', 'v1', digestOf(1));
  assert.equal(await harbor.newestAudit('team'), 3);
  assert.equal(queries(/auditlog/)[0], '?page=1&page_size=1&sort=-id');
});

test('Harbor: a release before 2.13 has no such audit log', async (t) => {
  const { harbor, rest } = await startStand(t);
  rest.version = 'v2.12.4-abcdef12';
  await failure(harbor.newestAudit('team'), 'not-found');
  await failure(all(harbor.tagsCreated('team', 0)), 'not-found');
});

test('Harbor: each part of the past needs its permission', async (t) => {
  const { harbor, content } = await startStand(t, ['artifact:list', 'repository:list']);
  const { id } = content.policy('team', 'mirror');
  await failure(harbor.policies('team'), 'denied');
  await failure(all(harbor.deliveries('team', id, 0)), 'denied');
  await failure(all(harbor.tagsCreated('team', 0)), 'denied');
  await failure(harbor.newestAudit('team'), 'denied');
});
