import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, startStand } from './stand.ts';
import type { Stand } from './stand.ts';

const repository = 'team/app';
const signatureOf = (signed: string): string => `${signed.replace(':', '-')}.sig`;

test('Harbor: all tags of a repository of one page are shown with their digests, by one request', async (t) => {
  const { harbor, content, server } = await startStand(t);
  for (let number = 1; number <= 100; number++) content.push(repository, `v${number}`, digestOf(number));
  content.tag(repository, 'stable', digestOf(7));
  const { digests, whole } = await harbor.shown(repository);
  assert.deepEqual([digests.size, digests.get('stable'), digests.get('v7')], [101, digestOf(7), digestOf(7)]);
  assert.equal(whole, true);
  assert.equal(server.requests.length, 1);
});

/** Each has, or may have, a tag that Harbor's list does not show. */
const hiding: Record<string, (stand: Stand) => void> = {
  'a signature': ({ content }) => content.push(repository, signatureOf(digestOf(1)), digestOf(2)),
  'an artifact with a subject': ({ content }) =>
    content.push(repository, 'report', digestOf(2), { subject: digestOf(1) }),
  'a signature of an image that has lost its tag': ({ content }) => {
    content.push(repository, signatureOf(digestOf(1)), digestOf(2));
    content.push(repository, 'v1', digestOf(3));
  },
  'an index, whose members may be signed': ({ content }) =>
    content.push(repository, 'v2', digestOf(4), { children: [digestOf(1)] }),
  'a signature of what is not there': ({ content }) =>
    content.push(repository, signatureOf(digestOf(9)), digestOf(2)),
};

for (const [what, add] of Object.entries(hiding))
  test(`Harbor: ${what} makes the shown tags not all that there may be`, async (t) => {
    const stand = await startStand(t);
    stand.content.push(repository, 'v1', digestOf(1));
    assert.equal((await stand.harbor.shown(repository)).whole, true);
    add(stand);
    const { digests, whole } = await stand.harbor.shown(repository);
    assert.equal(whole, false);
    assert.ok(digests.has('v1'));
  });

test('Harbor: of more than a page only what has a tag is read on, and other tags may be there', async (t) => {
  const { harbor, content, queries } = await startStand(t);
  for (let number = 1; number <= 500; number++) content.push(repository, undefined, digestOf(number));
  content.push(repository, 'v1', digestOf(501));
  const { digests, whole } = await harbor.shown(repository);
  assert.deepEqual([...digests], [['v1', digestOf(501)]]);
  assert.equal(whole, false);
  assert.deepEqual(
    queries(/artifacts$/).map((query) => /q=(.*?)&/.exec(query)?.[1]),
    ['id=[1~]', 'id=[101~],tags=*'],
  );
});

test('Harbor: a tag that moved from page to page meanwhile is told without a digest', async (t) => {
  const { harbor, content, server } = await startStand(t);
  for (let number = 1; number <= 150; number++) content.push(repository, `v${number}`, digestOf(number));
  const moving = harbor.shown(repository);
  server.faults.once(/artifacts/, async (_call, next) => {
    const answer = await next();
    content.tag(repository, 'v1', digestOf(150));
    return answer;
  });
  const { digests } = await moving;
  assert.deepEqual([digests.has('v1'), digests.get('v2')], [false, digestOf(2)]);
});

test('Harbor: a repository that is not there shows nothing', async (t) => {
  const { harbor } = await startStand(t);
  assert.equal((await harbor.shown('team/nosuch')).digests.size, 0);
});
