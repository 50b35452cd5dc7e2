import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import type { State } from '../../src/state/state.ts';
import { Prune } from '../../src/task/prune.ts';
import { StorageError } from '../../src/task/store.ts';
import { enter, entry, temporaryState, wanted } from '../state/open.ts';

/** A clock that stands still until it is told to go on; it remembers for how long it was asked to sleep. */
class Hourglass {
  time = 0;
  readonly slept: number[] = [];
  readonly #sleeping = new Set<() => void>();

  now(): number {
    return this.time;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      this.#sleeping.add(resolve);
      signal?.addEventListener('abort', () => reject(new RangeError('aborted')), { once: true });
    });
  }

  /** Lets everybody come to his sleep, wakes all, and lets them come to the next one. */
  async turn(): Promise<void> {
    await setImmediate();
    const sleeping = [...this.#sleeping];
    this.#sleeping.clear();
    for (const wake of sleeping) wake();
    await setImmediate();
  }

  after(): { cancel(): void } {
    return { cancel: () => undefined };
  }

  random(): number {
    return 0;
  }
}

function refused(state: State, n: number, at: number): void {
  const tags = Array.from({ length: n }, (_, index) => `${at}-${index}`);
  const names = tags.map((sourceTag) => wanted({ sourceTag }));
  const what = names.map((name) => ({ ...name, reason: 'name-invalid', message: 'x' }) as const);
  state.enqueue.enter([entry(what)], at, () => true);
}

test('rounds of small steps with pauses, until nothing old is left', async (t) => {
  const { state } = await temporaryState(t);
  refused(state, 450, 1_000);
  refused(state, 5, 8_000);
  const clock = new Hourglass();
  clock.time = 10_000;
  const steps: number[] = [];
  const removed: number[] = [];
  const uploads: number[] = [];
  const store = {
    pruneUploads: (now: number) => void uploads.push(now),
    prune: (before: number, limit: number) => {
      steps.push(limit);
      const rows = state.prune.prune(before, limit);
      removed.push(rows);
      return rows;
    },
  };
  const prune = new Prune({
    store,
    clock,
    keep: () => 5_000,
    onError: (error) => assert.fail(String(error)),
  });
  prune.start();
  prune.start();
  assert.equal(state.tasks.counts().discarded, 255, 'one step, then a pause');
  await clock.turn();
  assert.equal(state.tasks.counts().discarded, 55);
  await clock.turn();
  await clock.turn();
  assert.equal(state.tasks.counts().discarded, 5);
  assert.deepEqual(removed, [200, 200, 50]);
  assert.ok(steps.length === 3 && steps.every((limit) => limit <= 500));

  clock.time = 20_000;
  await clock.turn();
  assert.equal(state.tasks.counts().discarded, 0, 'the next round');
  assert.deepEqual(uploads, [10_000, 20_000], 'by their own age, once a round');
  await prune.stop();
  const { length } = steps;
  await clock.turn();
  assert.equal(steps.length, length, 'stopped');
});

test('a round that fails is reported, and the next one comes', async (t) => {
  const { state } = await temporaryState(t);
  refused(state, 3, 1_000);
  const clock = new Hourglass();
  clock.time = 10_000;
  const errors: unknown[] = [];
  let full = true;
  const store = {
    pruneUploads: () => undefined,
    prune: (before: number, limit: number) => {
      if (full) throw new StorageError('no room');
      return state.prune.prune(before, limit);
    },
  };
  const prune = new Prune({ store, clock, keep: () => 0, onError: (error) => errors.push(error) });
  prune.start();
  await clock.turn();
  assert.equal(errors.length, 2);
  full = false;
  await clock.turn();
  assert.equal(state.tasks.counts().discarded, 0);
  await prune.stop();
});

test('stopping before a start, and in the middle of a pause', async (t) => {
  const { state } = await temporaryState(t);
  enter(state, wanted());
  const options = {
    store: state.prune,
    clock: new Hourglass(),
    keep: () => 0,
    onError: (error: unknown) => assert.fail(String(error)),
  };
  await new Prune(options).stop();
  const prune = new Prune(options);
  prune.start();
  await prune.stop();
  assert.deepEqual(options.clock.slept.length, 2, 'the pause, and the interval it did not wait for');
});
