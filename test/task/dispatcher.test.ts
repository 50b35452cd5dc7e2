import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DispatchStore, StorageError } from '../../src/task/store.ts';
import type { Door } from '../../src/task/task.ts';
import { enter, entry, taskOf, wanted } from '../state/open.ts';
import { type Bench, policy, startBench } from './dispatch.ts';

/** A waiting task `repository:tag`; its id. */
function want({ state, clock }: Bench, name: string, door: Door = 'webhook', destination = 'acr'): number {
  const [sourceRepository = '', sourceTag = ''] = name.split(':');
  const now = clock.now();
  return enter(state, wanted({ sourceRepository, sourceTag, destination }), { door, wantedAt: now }, now).task
    .id;
}

async function finishAll({ running, settle, dispatcher }: Bench): Promise<void> {
  dispatcher.wake();
  for (await settle(); running.length > 0; await settle()) running[0]?.complete();
}

describe('slots', () => {
  test('never more at once than agreed, and every task has its turn', async (t) => {
    const bench = await startBench(t, { concurrency: 3 });
    for (let index = 0; index < 20; index++) want(bench, `library/app${index % 5}:v${index}`);
    await finishAll(bench);
    assert.equal(bench.most(), 3);
    assert.equal(bench.begun.length, 20);
    assert.equal(bench.state.tasks.counts().completed, 20);
  });

  test('events first, then what administrators want, then sweeps', async (t) => {
    const bench = await startBench(t, { concurrency: 1 });
    for (const door of ['sweep', 'admin', 'webhook'] as const) want(bench, `library/${door}:v1`, door);
    await finishAll(bench);
    assert.deepEqual(bench.begun, ['library/webhook:v1', 'library/admin:v1', 'library/sweep:v1']);
  });

  test('repositories take turns, however much one of them wants', async (t) => {
    const bench = await startBench(t, { concurrency: 1 });
    for (let index = 0; index < 4; index++) want(bench, `library/a:v${index}`);
    want(bench, 'library/b:v0');
    want(bench, 'library/c:v0');
    await finishAll(bench);
    assert.deepEqual(bench.begun.slice(0, 4), [
      'library/a:v0',
      'library/b:v0',
      'library/c:v0',
      'library/a:v1',
    ]);
  });

  test('a repository never takes the last slot', async (t) => {
    const bench = await startBench(t, { concurrency: 3 });
    for (let index = 0; index < 5; index++) want(bench, `library/stalled:v${index}`);
    bench.dispatcher.wake();
    assert.deepEqual(bench.begun, ['library/stalled:v0', 'library/stalled:v1']);
    want(bench, 'library/other:v0');
    bench.dispatcher.wake();
    assert.equal(bench.begun.at(-1), 'library/other:v0');
  });

  test('a repository has the slots of its tasks that have ended again, and so has a destination', async (t) => {
    const bench = await startBench(t, { concurrency: 3, destinations: 2 });
    for (let index = 0; index < 5; index++) want(bench, `library/stalled:v${index}`);
    want(bench, 'library/other:v0', 'webhook', 'backup');
    bench.dispatcher.wake();
    assert.deepEqual(bench.begun, ['library/stalled:v0', 'library/other:v0', 'library/stalled:v1']);
    bench.running.find(({ task }) => task.sourceTag === 'v1')?.complete();
    await bench.settle();
    assert.equal(bench.begun.at(-1), 'library/stalled:v2');
  });

  test('where there are several, a destination never takes the last slot', async (t) => {
    for (const destinations of [1, 2]) {
      const bench = await startBench(t, { concurrency: 3, destinations });
      for (const name of ['a', 'b', 'c', 'd']) want(bench, `library/${name}:v1`);
      bench.dispatcher.wake();
      assert.equal(bench.begun.length, destinations === 1 ? 3 : 2);
      want(bench, 'library/a:v1', 'webhook', 'healthy');
      bench.dispatcher.wake();
      if (destinations > 1) assert.equal(bench.running.at(-1)?.task.destination, 'healthy');
    }
  });

  for (const door of ['sweep', 'admin'] as const)
    test(`what came by the door ${door} leaves a slot free, whatever has the others`, async (t) => {
      const bench = await startBench(t, { concurrency: 3 });
      want(bench, 'library/event:v1');
      bench.dispatcher.wake();
      for (const name of ['a', 'b', 'c']) want(bench, `library/${name}:v1`, door);
      bench.dispatcher.wake();
      assert.deepEqual(bench.begun, ['library/event:v1', 'library/a:v1']);
      want(bench, 'library/late:v1');
      bench.dispatcher.wake();
      assert.equal(bench.begun.at(-1), 'library/late:v1', 'it waits for nobody');
      await finishAll(bench);
      assert.equal(bench.state.tasks.counts().completed, 5);
    });

  for (const door of ['sweep', 'admin'] as const)
    test(`what came by the door ${door} leaves room for a push into the same repository, and to the same destination`, async (t) => {
      const bench = await startBench(t, { concurrency: 4, destinations: 2 });
      for (let index = 0; index < 5; index++) want(bench, `library/one:v${index}`, door);
      bench.dispatcher.wake();
      for (const name of ['a', 'b']) want(bench, `library/${name}:v1`, door, 'other');
      bench.dispatcher.wake();
      assert.deepEqual(bench.begun, ['library/one:v0', 'library/one:v1', 'library/a:v1']);
      want(bench, 'library/one:pushed');
      bench.dispatcher.wake();
      assert.equal(bench.begun.at(-1), 'library/one:pushed', 'it waits for nobody');
      await finishAll(bench);
      assert.equal(bench.state.tasks.counts().completed, 8);
    });

  test('with one slot only, a sweep or an administrator may have it', async (t) => {
    for (const door of ['sweep', 'admin'] as const) {
      const bench = await startBench(t, { concurrency: 1 });
      want(bench, 'library/only:v1', door);
      bench.dispatcher.wake();
      assert.deepEqual(bench.begun, ['library/only:v1']);
    }
  });

  test('with one slot only, a repository may have it', async (t) => {
    const bench = await startBench(t, { concurrency: 1 });
    want(bench, 'library/only:v1');
    bench.dispatcher.wake();
    assert.deepEqual(bench.begun, ['library/only:v1']);
  });

  test('10,000 waiting tasks: no more are claimed than there are slots', async (t) => {
    const bench = await startBench(t, { concurrency: 4 });
    const copies = Array.from({ length: 10_000 }, (_, index) => {
      return wanted({ sourceRepository: `library/app${index % 7}`, sourceTag: `v${index}` });
    });
    bench.state.enqueue.enter([entry(copies)], bench.clock.now(), () => true);
    for (let wake = 0; wake < 10; wake++) bench.dispatcher.wake();
    const { available, running } = bench.state.tasks.counts();
    assert.deepEqual({ available, running }, { available: 9_996, running: 4 });
    bench.running[0]?.complete();
    await bench.settle();
    assert.deepEqual([bench.begun.length, bench.running.length], [5, 4]);
  });
});

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
