import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/event/event.ts';
import {
  claim,
  digestOf,
  enter,
  entry,
  finish,
  postpone,
  pushed,
  scanned,
  taskOf,
  temporaryState,
  wanted,
} from './open.ts';

const yes = () => true;

test('the same CloudEvents id again changes nothing and returns the tasks it made then', async (t) => {
  const { state, reopen } = await temporaryState(t);
  const push = entry([wanted(), wanted({ destination: 'second' })], { event: pushed('v1', { id: 'e-1' }) });
  const [first] = state.enqueue.enter([push], 1_000, yes);
  finish(state);
  const [again, other] = reopen().enqueue.enter(
    [push, { ...push, event: pushed('v1', { id: 'e-2' }) }],
    2_000,
    yes,
  );
  assert.deepEqual(again, { tasks: first?.tasks, created: 0, refused: 0 });
  assert.equal(other?.created, 1, 'a new id is a new push');
});

test('events without an id are never duplicates', async (t) => {
  const { state } = await temporaryState(t);
  const push = entry([wanted()], { event: pushed() });
  state.enqueue.enter([push, push, push], 1_000, yes);
  assert.equal(claim(state).generation, 3);
});

test('an id is remembered even if it came twice in one batch, or made no task', async (t) => {
  const { state } = await temporaryState(t);
  const deletion: Event = {
    kind: 'ignored',
    ignored: 'deletion',
    type: 'DELETE_ARTIFACT',
    id: 'd',
    occurredAt: 1,
  };
  const push = entry([wanted()], { event: pushed('v1', { id: 'p' }) });
  const entered = state.enqueue.enter([push, push, entry([], { event: deletion })], 1_000, yes);
  assert.deepEqual(entered, [
    { tasks: [1], created: 1, refused: 0 },
    { tasks: [1], created: 0, refused: 0 },
    { tasks: [], created: 0, refused: 0 },
  ]);
  assert.equal(claim(state).generation, 1);
});

test('tags that events have named for a digest, also when the tag has moved on', async (t) => {
  const { state } = await temporaryState(t);
  const push = (tag: string, n: number, repository = 'library/app') =>
    state.enqueue.enter(
      [
        entry([wanted()], {
          event: pushed(tag, { repository, references: [{ tag, digest: digestOf(n) }, { tag: 'bare' }] }),
        }),
      ],
      1_000,
      yes,
    );
  push('v1', 1);
  push('latest', 1);
  push('latest', 2);
  push('elsewhere', 1, 'library/other');
  assert.deepEqual(state.enqueue.tagsOf('library/app', digestOf(1)).sort(), ['latest', 'v1']);
  assert.deepEqual(state.enqueue.tagsOf('library/app', digestOf(2)), ['latest']);
  assert.deepEqual(state.enqueue.tagsOf('library/app', digestOf(3)), []);
});

test('a scan wakes what waits for the policy in its repository, and nothing else', async (t) => {
  const { state } = await temporaryState(t);
  const waiting = enter(state, wanted()).task;
  postpone(state, 90_000, 'source-policy');
  const elsewhere = enter(state, wanted({ sourceRepository: 'library/other' })).task;
  postpone(state, 90_000, 'source-policy');
  const broken = enter(state, wanted({ sourceTag: 'v2' })).task;
  postpone(state, 90_000, 'unreachable');

  const [entered] = state.enqueue.enter([entry([], { event: scanned() })], 5_000, yes);
  assert.deepEqual(entered, { tasks: [waiting.id], created: 0, refused: 0 });
  assert.partialDeepStrictEqual(taskOf(state, waiting.id), { state: 'available', runAt: 5_000, attempts: 0 });
  assert.equal(taskOf(state, elsewhere.id).state, 'retryable');
  assert.equal(taskOf(state, broken.id).state, 'retryable');
});

test('a batch is one transaction: what one entry breaks, none of it stays', async (t) => {
  const { state } = await temporaryState(t);
  const broken = entry([wanted({ sourceTag: 'v2' })], { wantedAt: Number.NaN });
  assert.throws(() => state.enqueue.enter([entry([wanted()]), broken], 1_000, yes), /NOT NULL/);
  assert.deepEqual(state.tasks.list({ limit: 10 }), []);
  assert.deepEqual(state.sweeps.repositories(), []);
});
