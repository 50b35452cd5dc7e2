import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { parseHarbor } from '../../src/event/harbor.ts';
import { reset } from '../support/connection-fault.ts';
import { registryError } from '../support/fault.ts';
import { indexOf, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type Chain, policy, startChain } from './chain.ts';

const hour = 3_600_000;

/** As Harbor sends it; without a tag Harbor says the digest in its place. */
function told(type: string, resource: { tag?: string; digest: string }, now: number) {
  const repository = {
    name: 'app',
    namespace: 'library',
    repo_full_name: 'library/app',
    repo_type: 'private',
  };
  const event = { type, occur_at: Math.floor(now / 1000), event_data: { resources: [resource], repository } };
  return parseHarbor('application/json', Buffer.from(JSON.stringify(event)), now);
}

function pushed({ receive, clock }: Chain, tag: string, digest: string): Promise<number[]> {
  return receive(told('PUSH_ARTIFACT', { tag, digest }, clock.now()));
}

const refused = registryError(412, 'PROJECTPOLICYVIOLATION', 'The image is not signed by cosign.');
const image = ociImage('held back');
const index = indexOf([{ image }]);
const signature = ociImage('signature').descriptor.digest;
const child = image.descriptor.digest;

const releases: [what: string, type: string, resource: { tag?: string; digest: string }][] = [
  [
    'cosign’s signature by its tag',
    'PUSH_ARTIFACT',
    { tag: `${index.descriptor.digest.replace(':', '-')}.sig`, digest: signature },
  ],
  ['a referrer by digest', 'PUSH_ARTIFACT', { tag: signature, digest: signature }],
  ['a scan of the image', 'SCANNING_COMPLETED', { tag: 'v1', digest: index.descriptor.digest }],
  ['a scan of a child, which has no tag', 'SCANNING_COMPLETED', { digest: child }],
];

for (const [what, type, resource] of releases)
  test(`what Harbor’s policy holds back waits, and is copied at once after ${what}`, async (t) => {
    const chain = await startChain(t);
    const { harbor, acr, clock, receive, rest, pass, task } = chain;
    const digest = await push(harbor.url, 'library/app', 'v1', index);
    // The index is given out; its child is not.
    harbor.faults.always(new RegExp(`manifests/${child}`), refused);
    const [id] = await pushed(chain, 'v1', digest);
    await rest();
    await pass(hour);
    assert.partialDeepStrictEqual(task(id), { state: 'retryable', reason: 'source-policy', attempts: 0 });
    harbor.faults.clear();
    const before = clock.now();
    assert.ok((await receive(told(type, resource, before))).includes(id ?? 0));
    await rest();
    assert.deepEqual([task(id).outcome, clock.now()], ['copied', before]);
    assert.equal(await digestOfTag(acr.url, 'mirror/library/app', 'v1'), digest);
  });

test('a destination that is away for 24 hours costs no task, no attempt, and a bounded number of requests', async (t) => {
  const chain = await startChain(t);
  const { harbor, acr, state, rest, pass, task } = chain;
  let asked = 0;
  const away: Misbehaviour = (call, next) => (asked++, reset(call, next));
  acr.faults.always(/./, away);
  const tags = ['v1', 'v2'];
  const ids: (number | undefined)[] = [];
  for (const tag of tags)
    ids.push((await pushed(chain, tag, await push(harbor.url, 'library/app', tag, ociImage(tag))))[0]);
  await rest();
  await pass(12 * hour);
  const newer = await push(harbor.url, 'library/app', 'v1', ociImage('newer'));
  assert.deepEqual(await pushed(chain, 'v1', newer), [ids[0]], 'it joins');
  await rest();
  await pass(12 * hour);
  for (const id of ids)
    assert.partialDeepStrictEqual(task(id), { state: 'retryable', reason: 'unreachable', attempts: 0 });
  // An attempt is one question, sent four times; two attempts follow each other by half of `backoff.max` at least.
  const most = (24 * 2 * hour) / policy.max + 24;
  assert.ok(asked > 100 && asked <= 4 * tags.length * most, `${asked} requests`);
  acr.faults.clear();
  await pass(policy.max);
  assert.deepEqual(
    ids.map((id) => task(id).outcome),
    ['copied', 'copied'],
  );
  assert.equal(await digestOfTag(acr.url, 'mirror/library/app', 'v1'), newer);
  assert.partialDeepStrictEqual(state.tasks.counts(), { completed: 2, discarded: 0 });
});

test('an immutable destination tag with another digest: one discarded task, tried again only for a new digest', async (t) => {
  const chain = await startChain(t);
  const { harbor, acr, sweep, dispatcher, rest, tasks, task } = chain;
  const swept = async () => {
    const { enqueued, missed } = await sweep();
    dispatcher.wake();
    await rest();
    return [enqueued, missed];
  };
  await push(acr.url, 'mirror/library/app', 'v1', ociImage('there'));
  const message = 'tag v1 is configured as immutable';
  acr.faults.always(/^PUT .*manifests\/v1/, registryError(412, 'PRECONDITION', message));
  const digest = await push(harbor.url, 'library/app', 'v1', ociImage('first'));
  const [id] = await pushed(chain, 'v1', digest);
  await rest();
  assert.partialDeepStrictEqual(task(id), { state: 'discarded', reason: 'destination-immutable', digest });
  const writes = acr.seen(/^PUT .*v1/).length;
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(await swept(), [1, 0], 'a task stands for it');
  assert.deepEqual([acr.seen(/^PUT .*v1/).length, tasks().length], [writes, 1]);
  await push(harbor.url, 'library/app', 'v1', ociImage('second'));
  await swept();
  assert.equal(acr.seen(/^PUT .*v1/).length, writes + 1, 'another digest is tried');
  await swept();
  assert.equal(acr.seen(/^PUT .*v1/).length, writes + 1, 'once');
  assert.equal(chain.state.tasks.retry(id ?? 0, chain.clock.now()), 'done');
  acr.faults.clear();
  dispatcher.wake();
  await rest();
  assert.equal(task(id).outcome, 'copied');
});

test('a tag that is gone before its first attempt, or while it waits, completes its task', async (t) => {
  const chain = await startChain(t);
  const { harbor, acr, rest, pass, task } = chain;
  const digest = await push(harbor.url, 'library/app', 'v1', image);
  acr.faults.always(/./, reset);
  const [id] = await pushed(chain, 'v1', digest);
  const [never] = await pushed(chain, 'v2', digest);
  await rest();
  assert.equal(task(never).outcome, 'source-gone');
  harbor.faults.always(/manifests\/v1/, registryError(404, 'MANIFEST_UNKNOWN', 'no such tag'));
  await pass(hour);
  assert.partialDeepStrictEqual(task(id), { state: 'completed', outcome: 'source-gone' });
});
