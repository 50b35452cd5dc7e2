import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Sweep } from '../../src/task/store.ts';
import { stall } from '../support/connection-fault.ts';
import { registryError, unavailable } from '../support/fault.ts';
import { cosignSignature, cosignTag, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { rule, startStand } from './sweep-stand.ts';

const [old, current] = [ociImage('old'), ociImage('current')];
const denied = registryError(401, 'UNAUTHORIZED', 'authentication required');

function countsOf({ state, listed, unchanged, enqueued, missed, failed }: Sweep): object {
  return { state, listed, unchanged, enqueued, missed, failed };
}

const nothing = { state: 'completed', listed: 0, unchanged: 0, enqueued: 0, missed: 0, failed: 0 };

describe('differences', () => {
  test('missing and moved tags become tasks, what is equal does not', async (t) => {
    const { harbor, acr, sweep, tasks } = await startStand(t);
    for (const tag of ['equal', 'moved', 'missing']) await push(harbor.url, 'library/app', tag, current);
    await push(acr.url, 'mirror/library/app', 'equal', current);
    await push(acr.url, 'mirror/library/app', 'moved', old);
    await push(acr.url, 'mirror/library/app', 'only-here', old);
    const swept = await sweep();
    assert.deepEqual(countsOf(swept), { ...nothing, listed: 3, unchanged: 1, enqueued: 2, missed: 2 });
    assert.deepEqual(tasks(), ['mirror/library/app:missing', 'mirror/library/app:moved']);
  });

  test('both ends are listed once, and a missing tag costs no request of its own', async (t) => {
    const { harbor, acr, sweep } = await startStand(t);
    for (let index = 0; index < 5; index++) await push(harbor.url, 'library/app', `v${index}`, current);
    await push(acr.url, 'mirror/library/app', 'v0', current);
    await sweep();
    assert.deepEqual(
      [harbor.seen(/tags\/list/).length, acr.seen(/tags\/list/).length, acr.seen(/^HEAD .*manifests/).length],
      [1, 1, 1],
    );
  });

  test('a task that stands already is not counted as missed', async (t) => {
    const { harbor, sweep } = await startStand(t);
    await push(harbor.url, 'library/app', 'v1', current);
    assert.equal((await sweep()).missed, 1);
    const again = await sweep();
    assert.deepEqual([again.enqueued, again.missed], [1, 0]);
  });

  test('a dry run only counts', async (t) => {
    const { harbor, acr, sweep, tasks, state } = await startStand(t);
    await push(harbor.url, 'library/app', 'v1', current);
    const swept = await sweep({ dryRun: true });
    assert.deepEqual(countsOf(swept), { ...nothing, listed: 1, enqueued: 1 });
    assert.deepEqual(tasks(), []);
    assert.deepEqual(acr.seen(/^(PUT|POST|DELETE|PATCH) /), []);
    assert.equal(state.sweeps.get(swept.id)?.dryRun, true);
  });

  test('only the rule that is asked for', async (t) => {
    const { harbor, sweep, tasks } = await startStand(t, [
      rule(),
      rule({ name: 'elsewhere', repositories: ['library/app'], repository: 'elsewhere/{base}' }),
    ]);
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/other', 'v1', current);
    await sweep({ rule: 'elsewhere' });
    assert.deepEqual(tasks(), ['elsewhere/app:v1']);
  });

  test('a name that the destination cannot have is told as a discarded task', async (t) => {
    const { harbor, sweep, state } = await startStand(t, [rule({ destinationType: 'acr-ee' })]);
    await push(harbor.url, 'library/app', 'v1', current);
    await sweep();
    const [task] = state.tasks.list({ limit: 10 });
    assert.deepEqual([task?.state, task?.reason], ['discarded', 'name-invalid']);
  });
});

describe('lists that are refused', () => {
  test('without the destination’s tags each tag is asked for', async (t) => {
    const { harbor, acr, sweep } = await startStand(t);
    for (const tag of ['equal', 'missing']) await push(harbor.url, 'library/app', tag, current);
    await push(acr.url, 'mirror/library/app', 'equal', current);
    acr.faults.always(/tags\/list/, denied);
    assert.deepEqual(countsOf(await sweep()), {
      ...nothing,
      listed: 2,
      unchanged: 1,
      enqueued: 1,
      missed: 1,
    });
    assert.equal(acr.seen(/^HEAD .*manifests/).length, 2);
  });

  test('without the catalog the known repositories are compared, and a line says so', async (t) => {
    const { harbor, enqueue, clock, sweep, tasks } = await startStand(t, [
      rule(),
      rule({ name: 'spelled-out', repositories: ['base/os'] }),
    ]);
    for (const repository of ['library/known', 'library/unknown', 'base/os'])
      await push(harbor.url, repository, 'v2', current);
    const references = [{ tag: 'v1' }];
    const event = { kind: 'push', type: 'PUSH_ARTIFACT', occurredAt: clock.now() } as const;
    await enqueue.receive({ ...event, repository: 'library/known', references });
    harbor.faults.always(/_catalog/, denied);
    const swept = await sweep();
    assert.equal(swept.failed, 1);
    assert.match(
      swept.errors.join(),
      /^harbor does not list its repositories, so only the 2 known ones are compared: /,
    );
    assert.deepEqual(tasks(), ['mirror/base/os:v2', 'mirror/library/known:v1', 'mirror/library/known:v2']);
  });
});

describe('what cannot be compared', () => {
  test('one broken repository does not stop the rest', async (t) => {
    const { harbor, sweep, tasks } = await startStand(t);
    for (const name of ['a', 'b', 'c']) await push(harbor.url, `library/${name}`, 'v1', current);
    harbor.faults.always(/library\/b\/tags\/list/, unavailable());
    const swept = await sweep();
    assert.deepEqual(countsOf(swept), { ...nothing, listed: 2, enqueued: 2, missed: 2, failed: 1 });
    assert.match(swept.errors.join(), /^harbor\/library\/b: .*503/);
    assert.deepEqual(tasks(), ['mirror/library/a:v1', 'mirror/library/c:v1']);
  });

  test('one broken tag does not stop the others', async (t) => {
    const { harbor, acr, sweep, tasks } = await startStand(t);
    for (const tag of ['v1', 'v2', 'v3']) {
      await push(harbor.url, 'library/app', tag, current);
      await push(acr.url, 'mirror/library/app', tag, old);
    }
    harbor.faults.always(/manifests\/v2/, unavailable());
    const swept = await sweep();
    assert.deepEqual([swept.enqueued, swept.failed], [2, 1]);
    assert.match(swept.errors.join(), /^library\/app:v2 → mirror\/library\/app: .*503/);
    assert.deepEqual(tasks(), ['mirror/library/app:v1', 'mirror/library/app:v3']);
  });

  test('of many errors all are counted and the first few kept', async (t) => {
    const { harbor, sweep } = await startStand(t);
    for (let index = 10; index < 40; index++) await push(harbor.url, `library/a${index}`, 'v1', current);
    harbor.faults.always(/tags\/list/, unavailable());
    const swept = await sweep();
    assert.deepEqual([swept.failed, swept.errors.length], [30, 20]);
  });
});

describe('signatures', () => {
  const tag = cosignTag(current.descriptor.digest);
  const strayTag = cosignTag(old.descriptor.digest);

  test('go where their image goes, though no pattern takes them', async (t) => {
    const { harbor, sweep, tasks } = await startStand(t, [rule({ tags: ['v*'] })]);
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/app', 'latest', old);
    await push(harbor.url, 'library/app', tag, cosignSignature(current));
    await push(harbor.url, 'library/app', strayTag, cosignSignature(old));
    await sweep();
    assert.deepEqual(tasks(), [`mirror/library/app:${tag}`, 'mirror/library/app:v1']);
  });

  test('follow by one rule and fit the patterns of another', async (t) => {
    const { harbor, sweep, tasks } = await startStand(t, [
      rule(),
      rule({ name: 'releases', tags: ['v*'], repository: 'releases/{base}' }),
    ]);
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/app', tag, cosignSignature(current));
    await sweep();
    assert.deepEqual(tasks(), [
      `mirror/library/app:${tag}`,
      'mirror/library/app:v1',
      `releases/app:${tag}`,
      'releases/app:v1',
    ]);
  });

  test('are found although another tag of the repository cannot be read', async (t) => {
    const { harbor, sweep, tasks } = await startStand(t, [rule({ tags: ['v*'] })]);
    for (const name of ['v1', 'v2']) await push(harbor.url, 'library/app', name, current);
    await push(harbor.url, 'library/app', tag, cosignSignature(current));
    harbor.faults.always(/manifests\/v1/, registryError(412, 'PROJECTPOLICYVIOLATION', 'not scanned'));
    const swept = await sweep();
    assert.equal(swept.state, 'completed');
    assert.deepEqual(tasks(), [
      `mirror/library/app:${tag}`,
      'mirror/library/app:v1',
      'mirror/library/app:v2',
    ]);
  });
});

describe('one at a time', () => {
  test('a second one does not begin; stopping interrupts the first, which can go on', async (t) => {
    const { harbor, sweeper, ended, state } = await startStand(t);
    await push(harbor.url, 'library/app', 'v1', current);
    const arrived = Promise.withResolvers<void>();
    const forever = new Promise<never>(() => undefined);
    harbor.faults.always(/tags\/list/, () => (arrived.resolve(), forever));
    const id = sweeper.start({ dryRun: false, trigger: 'admin' });
    assert.equal(sweeper.running, id);
    assert.equal(sweeper.start({ dryRun: false, trigger: 'schedule' }), undefined);
    await arrived.promise;
    const end = ended();
    await sweeper.stop();
    assert.equal(sweeper.running, undefined);
    assert.partialDeepStrictEqual(state.sweeps.get(id ?? 0), { id, state: 'running', errors: [] });
    harbor.faults.clear();
    assert.equal(sweeper.resume(), id);
    assert.partialDeepStrictEqual(await end, { id, state: 'completed', listed: 1, enqueued: 1 });
  });

  test('one that is running is not gone on with a second time', async (t) => {
    const { harbor, sweeper, ended, state } = await startStand(t);
    await push(harbor.url, 'library/app', 'v1', current);
    const [arrived, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    harbor.faults.once(/tags\/list/, (...call) => (arrived.resolve(), stall(held.promise)(...call)));
    const id = sweeper.start({ dryRun: false, trigger: 'admin' });
    await arrived.promise;
    assert.equal(sweeper.resume(), undefined);
    assert.equal(sweeper.running, id);
    const end = ended();
    held.resolve();
    assert.partialDeepStrictEqual(await end, { id, state: 'completed', listed: 1, enqueued: 1, missed: 1 });
    await sweeper.idle();
    assert.deepEqual([harbor.seen(/tags\/list/).length, state.sweeps.list(10).length], [1, 1]);
  });

  test('a new one takes the place of one that was interrupted, which is never gone on with', async (t) => {
    const { harbor, sweeper, ended, state, clock } = await startStand(t);
    // As a crash leaves it.
    const { id: interrupted } = state.sweeps.begin({ dryRun: false, trigger: 'schedule' }, clock.now());
    const [arrived, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    harbor.faults.once(/_catalog/, (...call) => (arrived.resolve(), stall(held.promise)(...call)));
    const id = sweeper.start({ dryRun: false, trigger: 'admin' });
    await arrived.promise;
    assert.equal(sweeper.resume(), undefined);
    assert.equal(state.sweeps.get(interrupted)?.state, 'failed');
    const end = ended();
    held.resolve();
    assert.partialDeepStrictEqual(await end, { id, state: 'completed' });
    await sweeper.idle();
    assert.equal(sweeper.resume(), undefined);
  });

  test('after the end the next one may begin', async (t) => {
    const { sweep } = await startStand(t);
    assert.deepEqual(countsOf(await sweep()), nothing);
    assert.equal((await sweep()).id, 2);
  });
});
