import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, sorted, stepFor } from '../../src/harbor/webhook.ts';
import type { WantedWebhook, WebhookPolicy, WebhookTarget } from '../../src/harbor/webhook.ts';

/* Which policies are a mirror's own, and what becomes of them. */

const address = 'https://mirror.example.com/webhooks/harbor';
const wanted: WantedWebhook = {
  address: new URL(address),
  secrets: ['Bearer new', 'Bearer old'],
  skipVerify: false,
  format: 'Default',
};
const target = { type: 'http', address, secret: 'Bearer new', skipVerify: false, format: 'Default' };
const right: WebhookPolicy = {
  id: 1,
  name: 'tagferry',
  description: 'by hand',
  enabled: true,
  events: ['SCANNING_COMPLETED', 'PUSH_ARTIFACT', 'DELETE_ARTIFACT'],
  targets: [target],
};

function at(change: Partial<WebhookTarget>, rest: Partial<WebhookPolicy> = {}): WebhookPolicy {
  return { ...right, ...rest, targets: [{ ...target, ...change }] };
}

test('webhook: where none is, one is made, switched on and with everything in it', () => {
  const step = stepFor([], wanted);
  assert.deepEqual(step, {
    do: 'create',
    body: {
      name: 'tagferry',
      description: `For the mirror at ${address}; made by \`tagferry webhook install\``,
      enabled: true,
      event_types: ['PUSH_ARTIFACT', 'DELETE_ARTIFACT', 'SCANNING_COMPLETED'],
      targets: [
        {
          type: 'http',
          address,
          auth_header: 'Bearer new',
          skip_cert_verify: false,
          payload_format: 'Default',
        },
      ],
    },
  });
});

test('webhook: one that is right stays, whatever the order of its events, and whoever made it', () => {
  assert.deepEqual(stepFor([right], wanted), { do: 'nothing', policy: right });
  const byHand = { ...right, name: 'to the mirror', description: '' };
  assert.deepEqual(stepFor([byHand], wanted), { do: 'nothing', policy: byHand });
});

const wrong: [what: string, policy: WebhookPolicy, differs: string][] = [
  ['switched off', { ...right, enabled: false }, 'enabled: false, wanted true'],
  [
    'one event alone',
    { ...right, events: ['PUSH_ARTIFACT'] },
    'event_types: PUSH_ARTIFACT, wanted DELETE_ARTIFACT, PUSH_ARTIFACT, SCANNING_COMPLETED',
  ],
  [
    'an event twice, which is sent twice',
    { ...right, events: ['PUSH_ARTIFACT', ...right.events] },
    'event_types: DELETE_ARTIFACT, PUSH_ARTIFACT, PUSH_ARTIFACT, SCANNING_COMPLETED, wanted DELETE_ARTIFACT, PUSH_ARTIFACT, SCANNING_COMPLETED',
  ],
  [
    'plain HTTP, which a redirect would lose',
    at({ address: address.replace('https', 'http') }),
    `address: http://mirror.example.com/webhooks/harbor, wanted ${address}`,
  ],
  [
    'a secret in the query',
    at({ address: `${address}?token=hush` }),
    `address: ${address} with a user or a query, wanted ${address}`,
  ],
  ['no header', at({ secret: '' }), 'auth_header: none, wanted webhook.secrets[0]'],
  ['another header', at({ secret: 'Bearer wrong' }), 'auth_header: another value, wanted webhook.secrets[0]'],
  [
    'the second secret',
    at({ secret: 'Bearer old' }),
    'auth_header: webhook.secrets[1], wanted webhook.secrets[0]',
  ],
  ['no verification', at({ skipVerify: true }), 'skip_cert_verify: true, wanted false'],
  ['another format', at({ format: 'CloudEvents' }), 'payload_format: CloudEvents, wanted Default'],
];

for (const [what, policy, differs] of wrong) {
  test(`webhook: corrected where it has ${what}; name and description stay, and no secret is in the words`, () => {
    const step = stepFor([policy], wanted);
    assert.ok(step.do === 'correct');
    assert.deepEqual(
      step.differences.map(({ member, got, wanted: should }) => `${member}: ${got}, wanted ${should}`),
      [differs],
    );
    assert.deepEqual([step.body.name, step.body.description], ['tagferry', 'by hand']);
    const [{ address: to, auth_header: secret }] = step.body.targets;
    assert.deepEqual([to, secret], [address, 'Bearer new']);
    const corrected = at({}, { name: step.body.name, events: step.body.event_types });
    assert.equal(stepFor([corrected], wanted).do, 'nothing');
  });
}

test('webhook: who lets everybody in wants no header', () => {
  const open = { ...wanted, secrets: [] };
  const step = stepFor([], open);
  assert.ok(step.do === 'create' && !('auth_header' in step.body.targets[0]));
  assert.equal(stepFor([at({ secret: '' })], open).do, 'nothing');
});

test('webhook: foreign ones are left alone: another address, another target besides, no HTTP', () => {
  const chat = at({ type: 'slack' }, { id: 2, name: 'chat' });
  const other = at({ address: 'https://other.example.com/webhooks/harbor' }, { id: 3 });
  const port = at({ address: address.replace('.com', '.com:8443') }, { id: 4, name: 'port' });
  const prefix = at({ address: 'https://mirror.example.com/b/webhooks/harbor' }, { id: 5, name: 'b' });
  const both = {
    ...right,
    id: 6,
    name: 'both',
    targets: [target, { ...target, address: 'https://x.test/' }],
  };
  const odd = at({ address: 'nowhere' }, { id: 7, name: 'odd' });
  const bare = { ...right, id: 8, name: 'bare', targets: [] };
  const policies = [chat, other, port, prefix, both, odd, bare];
  const step = stepFor(policies, wanted);
  assert.ok(step.do === 'create');
  assert.equal(step.body.name, 'tagferry-2', 'the name is taken by the other mirror');
  const { ours, doubles, shared, others } = sorted(policies, wanted);
  const ids = [shared, others].map((list) => list.map(({ id }) => id));
  assert.deepEqual([ours, doubles, ids], [undefined, [], [[6], [3, 4, 5]]]);
});

test('webhook: of two that are ours the better one is kept, and the other is known to be one too many', () => {
  const worse = { ...right, enabled: false };
  const better = { ...right, id: 9, name: 'second' };
  const { ours, doubles } = sorted([worse, better], wanted);
  assert.deepEqual([ours?.id, doubles.map(({ id }) => id)], [9, [1]]);
  assert.equal(stepFor([worse, better], wanted).do, 'nothing');
});

test('webhook: the path is added to an address unless it is there', () => {
  const addresses = [
    'https://m.test',
    'https://m.test/',
    'https://m.test/a/',
    `https://m.test/webhooks/harbor/`,
  ];
  assert.deepEqual(
    addresses.map((url) => addressOf(url).href),
    [
      'https://m.test/webhooks/harbor',
      'https://m.test/webhooks/harbor',
      'https://m.test/a/webhooks/harbor',
      'https://m.test/webhooks/harbor',
    ],
  );
});
