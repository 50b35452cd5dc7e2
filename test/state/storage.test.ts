import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Refused } from '../../src/rule/rule.ts';
import type { State } from '../../src/state/state.ts';
import { StorageError } from '../../src/task/store.ts';
import { entry, pushed, temporaryState, wanted } from './open.ts';

/** One batch of twenty wanted copies that nobody has wanted before. */
function batch(name: string) {
  return Array.from({ length: 20 }, (_, index) => {
    const sourceTag = `${name}-${index}`;
    return entry([wanted({ sourceTag })], { event: pushed(sourceTag, { id: sourceTag }) });
  });
}

/** Enters batches until there is no room. */
function fill(state: State): unknown {
  for (let round = 0; ; round++) {
    try {
      state.enqueue.enter(batch(`fill-${round}`), 2_000, () => true);
    } catch (error) {
      return error;
    }
  }
}

test('no room: nothing of the batch is stored, reading goes on, and with room it works again', async (t) => {
  const { state, file } = await temporaryState(t, { maxPages: 160 });
  const refused = Array.from({ length: 100 }, (_, index): Refused => {
    const names = wanted({ sourceTag: `old-${index}` });
    return { ...names, reason: 'name-invalid', message: 'x'.repeat(1_000) };
  });
  state.enqueue.enter([entry(refused)], 1_000, () => true);
  state.writable();

  const error = fill(state);
  assert.ok(error instanceof StorageError, String(error));
  assert.equal(
    error.message,
    `database ${file} did not take it: database or disk is full (SQLITE_FULL); it is tried again when there is room`,
  );
  const counts = state.tasks.counts();
  assert.equal(counts.available % 20, 0, 'batches are stored whole');
  assert.equal(state.tasks.list({ limit: 10_000, state: 'available' }).length, counts.available);
  assert.throws(() => state.enqueue.enter(batch('longer-and-late'), 2_000, () => true), StorageError);
  assert.deepEqual(state.tasks.counts(), counts);

  assert.equal(state.prune.prune(1_500, 100), 100);
  state.writable();
  const entered = state.enqueue.enter(batch('longer-and-late'), 3_000, () => true);
  assert.equal(
    entered.every(({ created }) => created === 1),
    true,
    'the ids were not taken as known',
  );
});

test('readiness sees that there is no room, and leaves nothing behind', async (t) => {
  const { state } = await temporaryState(t, { maxPages: 80 });
  state.writable();
  fill(state);
  assert.throws(() => state.writable(), StorageError);
});

test('a mistake of the program is not taken for a full disk', async (t) => {
  const { state } = await temporaryState(t);
  const broken = entry([wanted()], { wantedAt: Number.NaN });
  assert.throws(
    () => state.enqueue.enter([broken], 1_000, () => true),
    (error) => !(error instanceof StorageError),
  );
});
