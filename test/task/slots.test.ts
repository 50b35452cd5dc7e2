import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { entry, wanted } from '../state/open.ts';
import { finishAll, startBench, want } from './dispatch.ts';

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
