import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotPermitted } from '../../src/harbor/permission.ts';
import type { Policies } from '../../src/harbor/policies.ts';
import { type WantedWebhook, stepFor } from '../../src/harbor/webhook.ts';
import { failure, robot } from '../registry/stand.ts';
import { answer, registryError } from '../support/fault.ts';
import { allPermissions } from '../support/harbor-rest.ts';
import { startStand } from './stand.ts';

/* The client of webhook policies, against the stand-in. */

const wanted: WantedWebhook = {
  address: new URL('https://mirror.example.com/webhooks/harbor'),
  secrets: ['Bearer s3cret'],
  skipVerify: false,
  format: 'Default',
};

function bodyOf() {
  const step = stepFor([], wanted);
  assert.ok(step.do === 'create');
  return step.body;
}

test('policies: one is made, read as it was made, replaced and removed, and no cookie comes back', async (t) => {
  const { harbor, rest, content } = await startStand(t, allPermissions);
  const { webhooks } = harbor;
  await webhooks.create('team', bodyOf());
  const [made] = await webhooks.list('team');
  assert.ok(made);
  assert.equal(stepFor([made], wanted).do, 'nothing');
  assert.equal(content.policies[0]?.targets[0]?.auth_header, 'Bearer s3cret');
  const elsewhere = { ...wanted, skipVerify: true, format: 'CloudEvents' } as const;
  const step = stepFor([made], elsewhere);
  assert.ok(step.do === 'correct');
  await webhooks.replace('team', made.id, step.body);
  assert.equal(stepFor(await webhooks.list('team'), elsewhere).do, 'nothing');
  await webhooks.remove('team', made.id);
  await webhooks.remove('team', made.id);
  assert.deepEqual([content.policies, rest.cookies], [[], []]);
});

test('policies: an odd target stays one, so that a policy with two is not taken for ours', async (t) => {
  const { harbor, content, server } = await startStand(t);
  const target = { address: wanted.address.href, auth_header: 'Bearer s3cret' };
  const odd = content.policy('team', 'odd', target);
  // A member of a kind that no release has.
  odd.targets.push({ type: { kind: 'http' }, address: 7 });
  const [read] = await harbor.webhooks.list('team');
  assert.equal(read?.targets.length, 2);
  assert.equal(stepFor(await harbor.webhooks.list('team'), wanted).do, 'create');
  const rows = [{ id: 1, name: 'odder', targets: [{ type: 'http', ...target }, null] }];
  server.faults.once(/policies/, answer(200, {}, JSON.stringify(rows)));
  assert.equal(stepFor(await harbor.webhooks.list('team'), wanted).do, 'create');
});

const missing: [permission: string, call: (webhooks: Policies, id: number) => Promise<unknown>][] = [
  ['notification-policy:list', (webhooks) => webhooks.list('team')],
  ['notification-policy:create', (webhooks) => webhooks.create('team', bodyOf())],
  ['notification-policy:update', (webhooks, id) => webhooks.replace('team', id, bodyOf())],
  ['notification-policy:delete', (webhooks, id) => webhooks.remove('team', id)],
  ['notification-policy:read', (webhooks) => webhooks.lastTriggers('team')],
];

for (const [permission, call] of missing) {
  test(`policies: without ${permission}, that is said, and with nothing else all is well`, async (t) => {
    const { harbor, rest, content } = await startStand(
      t,
      allPermissions.filter((one) => one !== permission),
    );
    const { id } = content.policy('team', 'mirror');
    const error = await call(harbor.webhooks, id).then(
      () => assert.fail('expected a refusal'),
      (error: unknown) => error,
    );
    assert.ok(error instanceof NotPermitted);
    assert.deepEqual([error.permission, error.project], [permission, 'team']);
    const [account] = rest.accounts;
    if (account) account.projects.team = [permission];
    await call(harbor.webhooks, id);
  });
}

test('policies: with a wrong password no permission is missing, but the account', async (t) => {
  const { harbor, rest } = await startStand(t, allPermissions);
  rest.accounts.length = 0;
  const error = await failure(harbor.webhooks.create('team', bodyOf()), 'denied');
  assert.equal(error.status, 401);
  assert.ok(!error.message.includes(robot.password) && !error.message.includes('s3cret'));
});

test('policies: one is not made twice when the answer is lost, and a replacement is sent again', async (t) => {
  const { harbor, content, server } = await startStand(t, allPermissions);
  server.faults.once(/policies$/, async (_, next) => (await next(), 'reset'));
  await failure(harbor.webhooks.create('team', bodyOf()), 'unreachable');
  const posts = server.requests.filter(({ method }) => method === 'POST');
  assert.deepEqual([posts.length, content.policies.length], [1, 1]);
  server.faults.once(/policies\/\d+$/, registryError(500, 'UNKNOWN', 'internal server error'));
  await harbor.webhooks.replace('team', content.policies[0]?.id ?? 0, bodyOf());
  const puts = server.requests.filter(({ method }) => method === 'PUT');
  assert.deepEqual(
    puts.map(({ status }) => status),
    [500, 200],
  );
});

test('policies: when each told of something last', async (t) => {
  const { harbor, content } = await startStand(t);
  content.policy('team', 'mirror');
  content.policy('team', 'idle').enabled = false;
  assert.deepEqual([...(await harbor.webhooks.lastTriggers('team'))].toSorted(), [
    ['idle', 0],
    ['mirror', 0],
  ]);
  content.push('team/app', 'v1', `sha256:${'1'.repeat(64)}`);
  const at = Date.parse(content.executions[0]?.startedAt ?? '');
  assert.deepEqual(
    await harbor.webhooks.lastTriggers('team'),
    new Map([
      ['idle', 0],
      ['mirror', at],
    ]),
  );
});

const post = 'error to send request: Post "http://u:hush@mirror.test:8080/webhooks/harbor?token=hush"';
const lost: [log: string, told: string][] = [
  ['abnormal response code: 500, body: storage down', 'abnormal response code: 500, body: storage down'],
  [
    `${post}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    'Post http://mirror.test:8080/webhooks/harbor: context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
  ],
  [
    `${post}: dial tcp 10.0.0.1:8080: connect: connection refused`,
    'Post http://mirror.test:8080/webhooks/harbor: dial tcp 10.0.0.1:8080: connect: connection refused',
  ],
  [`Post "http://u:hush@mirror.test?${'hush'.repeat(10_000)}`, 'Post http://mirror.test'],
  // Looked at from every place anew, these would take hours.
  [`"https://${'a'.repeat(1_000_000)}`, ''],
  [`x${'[ERROR]'.repeat(1_000_000)}`, ''],
];

for (const [log, told] of lost) {
  test(`policies: a lost delivery is told in Harbor's own words, without a query: ${told.slice(0, 60)}`, async (t) => {
    const { harbor, content } = await startStand(t);
    const policy = content.policy('team', 'mirror');
    content.delivery(policy);
    content.delivery(policy, log);
    const { looked, lost, arrivedAt } = await harbor.webhooks.deliveries('team', policy.id);
    assert.deepEqual([looked, lost.map(({ id }) => id)], [2, [2]]);
    assert.equal(arrivedAt, Date.parse(content.executions[0]?.startedAt ?? ''));
    assert.equal(await harbor.webhooks.whyLost('team', policy.id, 2), told);
    assert.equal(await harbor.webhooks.whyLost('team', policy.id, 99), '');
  });
}
