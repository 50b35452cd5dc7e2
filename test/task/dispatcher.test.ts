import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DispatchStore, StorageError } from '../../src/task/store.ts';
import { taskOf } from '../state/open.ts';
import { finishAll, policy, startBench, want } from './dispatch.ts';

describe('failures', () => {
  test('a task is tried again at its time, not before', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    bench.running[0]?.fail('corrupt');
    await bench.settle();
    const { state, runAt, attempts } = taskOf(bench.state, id);
    assert.deepEqual([state, attempts, bench.begun.length], ['retryable', 1, 1]);
    bench.clock.advance(runAt - bench.clock.now() - 1);
    assert.equal(bench.begun.length, 1);
    bench.clock.advance(1);
    assert.equal(bench.begun.length, 2);
    await finishAll(bench);
    assert.equal(taskOf(bench.state, id).state, 'completed');
  });

  test('given up after the last attempt, with the reason', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    for (let attempt = 1; attempt <= policy.attempts; attempt++) {
      bench.running[0]?.fail('not-found');
      await bench.settle();
      bench.clock.advance(policy.max);
    }
    const task = taskOf(bench.state, id);
    assert.deepEqual([task.state, task.reason, task.attempts], ['discarded', 'not-found', policy.attempts]);
    assert.match(task.message ?? '', /gave up after 3 attempts/);
    assert.equal(bench.begun.length, policy.attempts);
  });

  test('waiting for the other side costs no attempt', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    for (let wait = 0; wait < 10; wait++) {
      bench.running[0]?.fail('unreachable');
      await bench.settle();
      assert.deepEqual([taskOf(bench.state, id).state, taskOf(bench.state, id).attempts], ['retryable', 0]);
      bench.clock.advance(policy.max);
    }
    assert.equal(bench.begun.length, 11);
  });

  test('what can never work is discarded at once', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    bench.running[0]?.fail('immutable');
    await bench.settle();
    assert.deepEqual(
      [taskOf(bench.state, id).state, taskOf(bench.state, id).reason],
      ['discarded', 'destination-immutable'],
    );
  });

  test('a mistake of our own is told, and does not spin', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    bench.running[0]?.throws(new TypeError('a mistake'));
    await bench.settle();
    assert.deepEqual(
      bench.events.map(({ kind }) => kind),
      ['started', 'faulted'],
    );
    bench.clock.advance(1_000);
    await bench.settle();
    assert.deepEqual(
      bench.events.map(({ kind }) => kind),
      ['started', 'faulted', 'released', 'started'],
    );
    assert.deepEqual([taskOf(bench.state, id).state, taskOf(bench.state, id).attempts], ['running', 1]);
  });
});

describe('interruptions', () => {
  test('stopping puts running tasks back, with no attempt lost, and begins no others', async (t) => {
    const bench = await startBench(t);
    const ids = ['library/a:v1', 'library/b:v1', 'library/c:v1'].map((name) => want(bench, name));
    bench.dispatcher.wake();
    const stopped = bench.dispatcher.stop(5_000);
    bench.running[0]?.complete();
    await bench.settle();
    assert.equal(bench.begun.length, 2);
    bench.clock.advance(5_000);
    await stopped;
    const tasks = ids.map((id) => taskOf(bench.state, id));
    assert.deepEqual(
      tasks.map(({ state, attempts }) => [state, attempts]),
      [
        ['completed', 1],
        ['available', 0],
        ['available', 0],
      ],
    );
  });

  test('a running task that is cancelled ends so', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    assert.equal(bench.state.tasks.cancel(id, bench.clock.now()), 'running');
    bench.dispatcher.cancel(id);
    await bench.settle();
    assert.equal(taskOf(bench.state, id).state, 'cancelled');
    assert.equal(bench.running.length, 0);
  });

  test('a push that joins a running task has it run once more', async (t) => {
    const bench = await startBench(t);
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    assert.equal(want(bench, 'library/app:v1'), id);
    bench.running[0]?.complete();
    await bench.settle();
    assert.deepEqual([bench.begun.length, taskOf(bench.state, id).state], [2, 'running']);
    await finishAll(bench);
    assert.deepEqual([bench.begun.length, taskOf(bench.state, id).state], [2, 'completed']);
  });
});

/** A store that fails as often as told, as a full disk makes it. */
function failing(method: 'claim' | 'settle' | 'release', disk: { full: boolean }) {
  return (store: DispatchStore): DispatchStore =>
    new Proxy(store, {
      get(target, name) {
        if (name === method && disk.full) {
          return () => {
            throw new StorageError('the disk is full');
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
}

describe('a database that takes no writes', () => {
  test('a result is kept until it can be stored', async (t) => {
    const disk = { full: true };
    const bench = await startBench(t, { wrap: failing('settle', disk) });
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    bench.running[0]?.complete();
    await bench.settle();
    bench.clock.advance(1_000);
    await bench.settle();
    assert.deepEqual(
      bench.events.map(({ kind }) => kind),
      ['started', 'storage-failed', 'storage-failed'],
    );
    disk.full = false;
    bench.clock.advance(1_000);
    await bench.settle();
    assert.equal(taskOf(bench.state, id).state, 'completed');
    assert.equal(bench.begun.length, 1);
  });

  test('claiming goes on by itself when there is room', async (t) => {
    const disk = { full: true };
    const bench = await startBench(t, { wrap: failing('claim', disk) });
    want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    assert.deepEqual([bench.begun.length, bench.events.length], [0, 1]);
    disk.full = false;
    bench.clock.advance(1_000);
    assert.equal(bench.begun.length, 1);
  });

  test('stopping does not wait for room: the task is put back at the next start', async (t) => {
    const disk = { full: true };
    const bench = await startBench(t, { wrap: failing('settle', disk) });
    const id = want(bench, 'library/app:v1');
    bench.dispatcher.wake();
    bench.running[0]?.complete();
    await bench.settle();
    await bench.dispatcher.stop(5_000);
    assert.equal(taskOf(bench.state, id).state, 'running');
    assert.equal(bench.state.recover(bench.clock.now()).tasks, 1);
    assert.equal(taskOf(bench.state, id).state, 'available');
  });
});
