import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fixtureOutcomes } from './outcome.ts';
import type { Event } from '../../src/event/event.ts';
import { parseHarbor } from '../../src/event/harbor.ts';

const folder = join(import.meta.dirname, '../fixtures/harbor');
const receivedAt = 1_800_000_000_000;

/** The event in a few words: what the table of expected outcomes says. */
function outcome(event: Event): string {
  if (event.kind === 'ignored') return `ignored ${event.ignored}`;
  if (event.kind === 'scan') return `scan ${event.repository}`;
  return `push ${event.repository} ${event.references.map(({ tag }) => tag).join(' ')}`;
}

function deliveries(): string[] {
  const recorded = readdirSync(join(folder, 'real')).map((file) => `real/${file}`);
  return [...readdirSync(folder), ...recorded]
    .filter((file) => file.endsWith('.json') && !/(^|\/)index\.json$/.test(file))
    .toSorted();
}

function deliver(file: string): Event {
  const body = readFileSync(join(folder, file));
  const cloudEvent = body.subarray(0, 15).toString() === '{"specversion":';
  return parseHarbor(cloudEvent ? 'application/cloudevents+json' : 'application/json', body, receivedAt);
}

test('deliveries of Harbor: every fixture has an expected outcome', () => {
  assert.equal(deliveries().length, 131);
  assert.deepEqual(deliveries(), [...fixtureOutcomes.keys()].toSorted());
});

for (const [file, expected] of fixtureOutcomes)
  test(`deliveries of Harbor: ${file}: ${expected}`, () => assert.equal(outcome(deliver(file)), expected));

test('deliveries of Harbor: both formats of one push give the same, but for the id', () => {
  const { type: _, ...plain } = deliver('01-default-push-tag-robot.json');
  const { type: __, id, ...cloud } = deliver('07-cloudevents-push-tag.json');
  assert.equal(id, '4b2f89a6-548d-4c12-9993-a1f5790b97d2');
  assert.deepEqual({ ...cloud, occurredAt: plain.occurredAt }, plain);
});

test('deliveries of Harbor: the time is the event’s own, in milliseconds', () => {
  assert.equal(deliver('01-default-push-tag-robot.json').occurredAt, 1_787_212_800_000);
  assert.equal(deliver('07-cloudevents-push-tag.json').occurredAt, Date.parse('2026-08-20T08:00:00Z'));
});

test('deliveries of Harbor: a reference carries the digest that the event named, and an ignored event its repository', () => {
  const push = deliver('01-default-push-tag-robot.json');
  assert.ok(push.kind === 'push');
  assert.deepEqual(push.references, [
    {
      tag: 'v1.42.0',
      digest: 'sha256:1059717a1f2e07a2a6922831dca8952a5aab890ef56f69961a73d2647caed71f',
    },
  ]);
  assert.equal(deliver('03-default-push-by-digest-index-child.json').repository, 'library/web');
  assert.equal(deliver('17-default-replication.json').repository, undefined);
});
