import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { copy } from '../../src/copy/copy.ts';
import { BlobTraffic } from '../../src/copy/blob.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { Limiter } from '../../src/registry/limit.ts';
import type { Use } from '../../src/registry/slots.ts';
import type { Urgency } from '../../src/registry/urgency.ts';
import { stall } from '../support/connection-fault.ts';
import { layer, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { FakeClock } from '../support/clock.ts';
import { LeapingClock } from './clock.ts';
import { all, clientOf, limits, opens, read, startStand } from './stand.ts';

/** Lets requests wait at the registry, and tells how many were there at most. */
function meeting(): { fault: Misbehaviour; most: () => number } {
  let here = 0;
  let most = 0;
  const fault: Misbehaviour = async (_call, next) => {
    most = Math.max(most, ++here);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    here--;
    return next();
  };
  return { fault, most: () => most };
}

test('concurrency: so many requests are in flight, and no more', async (t) => {
  const { client, faults, assertFree } = await startStand(t);
  await client.repository('a/b', 'pull').resolve('v0');
  const { fault, most } = meeting();
  faults.always(/manifests/, fault);
  const tags = Array.from({ length: 20 }, (_, index) => `v${index}`);
  await Promise.all(tags.map((tag) => client.repository('a/b', 'pull').resolve(tag)));
  assert.equal(most(), limits.concurrency);
  await assertFree();
});

test('concurrency: those who leave the queue leave it for good', async (t) => {
  const { client, faults, seen, assertFree } = await startStand(t);
  await client.repository('a/b', 'pull').resolve('v0');
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.always(/manifests/, stall(promise));
  const stop = new AbortController();
  const ask = (signal?: AbortSignal) => client.repository('a/b', 'pull').resolve('v1', signal);
  const inFlight = Array.from({ length: limits.concurrency }, () => ask());
  const waiting = Array.from({ length: 50 }, () => assert.rejects(ask(stop.signal), /enough/));
  const patient = ask();
  stop.abort(new RangeError('enough'));
  await Promise.all(waiting);
  resolve();
  await Promise.all([...inFlight, patient]);
  assert.equal(seen(/^HEAD .*manifests\/v1/).length, limits.concurrency + 1);
  await assertFree();
});

test('a blob that is being read holds its slot until the end, or until it is left', async (t) => {
  const { registry, client, assertFree } = await startStand(t);
  const image = ociImage('slots', { layers: [300_000] });
  await push(registry.url, 'a/b', 'v1', image);
  const [, blob] = image.blobs;
  assert.ok(blob);
  await read(client, 'a/b', blob.descriptor);
  await assertFree();
  const stop = new AbortController();
  const bytes = await client.repository('a/b', 'pull').blob(blob.descriptor, stop.signal);
  for await (const chunk of bytes) {
    assert.ok(chunk.length > 0);
    break;
  }
  stop.abort();
  await assertFree();
});

test('requests per second: evenly spaced, all kinds together', async (t) => {
  const options = { limits: { ...limits, requestsPerSecond: 4 } };
  const { client, faults, clock } = await startStand(t, {}, options);
  const begun = clock.now();
  const times: number[] = [];
  faults.always(/./, async (_call, next) => {
    times.push(clock.now() - begun);
    return next();
  });
  const repository = client.repository('a/b', 'push');
  for (const tag of ['v1', 'v2', 'v3', 'v4']) await repository.resolve(tag);
  assert.deepEqual(times, [0, 250, 500, 750, 1_000]);
});

test('bandwidth: bytes per second, both ways together', async (t) => {
  const options = { limits: { ...limits, bandwidth: 100_000 } };
  const { registry, client, clock } = await startStand(t, {}, options);
  const image = ociImage('bandwidth', { layers: [400_000] });
  await push(registry.url, 'a/b', 'v1', image);
  const [, blob] = image.blobs;
  assert.ok(blob);
  const begun = clock.now();
  await read(client, 'a/b', blob.descriptor);
  const half = clock.now() - begun;
  const other = layer('other', 400_000);
  await client.repository('c/d', 'push').writeBlob(other.descriptor, opens(other), {});
  const whole = clock.now() - begun;
  // The last piece, of at most 64 KiB, goes without its own time.
  assert.ok(half > 3_300 && half <= 4_000, `${half}`);
  assert.ok(whole > 7_300 && whole <= 8_000, `${whole}`);
});

test('a clock that is set back makes nobody wait longer for a turn, for bytes, or for a pause to end', async () => {
  for (const [what, ahead] of [
    ['turn', 250],
    ['bytes', 1_000],
    ['pause', 10_000],
  ] as const) {
    const clock = new FakeClock();
    const limiter = new Limiter('test', { concurrency: 2, requestsPerSecond: 4, bandwidth: 1_000 }, clock);
    const ask = () => (what === 'bytes' ? limiter.bytes(1_000, undefined) : limiter.turn(undefined));
    await ask();
    if (what === 'pause') limiter.pause(clock.now() + ahead);
    clock.advance(-3_600_000);
    const second = ask();
    assert.equal((clock.next ?? 0) - clock.now(), ahead, what);
    clock.advance(ahead);
    await second;
  }
});

test('a pause that is asked for after the clock was set back is as long as it was asked for', async () => {
  const clock = new FakeClock();
  const limiter = new Limiter('test', { concurrency: 2, requestsPerSecond: 0, bandwidth: 0 }, clock);
  await limiter.turn(undefined);
  clock.advance(-3_600_000);
  limiter.pause(clock.now() + 10_000);
  const turn = limiter.turn(undefined);
  assert.equal((clock.next ?? 0) - clock.now(), 10_000);
  clock.advance(10_000);
  await turn;
});

test('a write goes ahead of nothing but reads: first come, first served otherwise', async () => {
  const limiter = new Limiter('test', { ...limits, concurrency: 2 }, new LeapingClock());
  const entered: string[] = [];
  const enter = (use: Use, name: string) =>
    limiter.acquire(use, undefined).then((release) => {
      entered.push(name);
      return release;
    });
  const reads = await Promise.all([enter('read', 'read 1'), enter('read', 'read 2')]);
  const third = enter('read', 'read 3');
  const question = enter('ask', 'ask');
  const write = await enter('write', 'write 1');
  const second = enter('write', 'write 2');
  await setImmediate();
  assert.deepEqual(entered, ['read 1', 'read 2', 'write 1'], 'one write beyond the limit, and only one');
  write();
  (await second)();
  reads[0]?.();
  (await third)();
  (await question)();
  assert.deepEqual(entered.slice(3), ['write 2', 'read 3', 'ask']);
  reads[1]?.();
  assert.equal((await Promise.all([enter('ask', 'a'), enter('ask', 'b')])).length, 2);
});

/** Asks for slots one after the other, and tells who has got one. */
function slotsOf(concurrency: number) {
  const limiter = new Limiter('test', { ...limits, concurrency }, new LeapingClock());
  const entered: string[] = [];
  const enter = async (use: Use | 'look', name: string = use) => {
    const release = await (use === 'look'
      ? limiter.acquire('ask', undefined, 'look')
      : limiter.acquire(use, undefined));
    entered.push(name);
    return release;
  };
  return { enter, entered };
}

test('a question in the background takes no last slot, and goes after everybody else', async () => {
  const { enter, entered } = slotsOf(3);
  const looks = await Promise.all([enter('look', 'look 1'), enter('look', 'look 2')]);
  const third = enter('look', 'look 3');
  const ask = await enter('ask', 'ask 1');
  const second = enter('ask', 'ask 2');
  looks[0]?.();
  const held = await second;
  looks[1]?.();
  await setImmediate();
  assert.deepEqual(entered, ['look 1', 'look 2', 'ask 1', 'ask 2'], 'one slot is free, and is kept free');
  ask();
  (await third)();
  held();
  assert.equal((await Promise.all([enter('look'), enter('look')])).length, 2, 'every slot is free again');
});

test('where there is one slot only, a question in the background waits for everybody else', async () => {
  const { enter, entered } = slotsOf(1);
  const first = await enter('look', 'look 1');
  const second = enter('look', 'look 2');
  const others = [enter('ask'), enter('write'), enter('read')];
  first();
  for (const other of others) (await other)();
  (await second)();
  assert.deepEqual(entered, ['look 1', 'ask', 'write', 'read', 'look 2']);
});

test('however many come, a question in the background is not overtaken for ever', async () => {
  const { enter, entered } = slotsOf(1);
  let release = await enter('ask', 'first');
  const look = enter('look');
  for (let index = 0; index < 60; index++) {
    const next = Promise.race([enter('ask', `ask ${index}`), look]);
    release();
    release = await next;
  }
  assert.equal(entered.indexOf('look'), 51);
});

test('requests per second: a question in the background books no turn ahead', async () => {
  const clock = new FakeClock();
  const limiter = new Limiter('test', { ...limits, requestsPerSecond: 10 }, clock);
  const begun: string[] = [];
  const turn = (name: string, urgency: Urgency) =>
    limiter.turn(undefined, urgency).then(() => begun.push(`${name} ${clock.now() - start}`));
  const start = clock.now();
  const turns = ['look 1', 'look 2', 'look 3'].map((name) => turn(name, 'look'));
  await setImmediate();
  turns.push(turn('ask 1', 'push'), turn('ask 2', 'push'));
  for (let passed = 0; passed < 500; passed += 100) {
    await setImmediate();
    clock.advance(100);
  }
  await Promise.all(turns);
  assert.deepEqual(begun, ['look 1 0', 'ask 1 100', 'ask 2 200', 'look 2 300', 'look 3 400']);
});

test('a repository in the background asks so, lists and manifests alike; so do lists of repositories', async (t) => {
  const options = { limits: { ...limits, concurrency: 2 } };
  const { registry, client, faults, seen } = await startStand(t, {}, options);
  await client.repository('a/b', 'pull').resolve('v0');
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.always(/held/, stall(promise));
  const held = client.repository('a/b', 'pull').resolve('held');
  const behind = client.repository('a/b', 'pull', 'look');
  const url = new URL('/v2/c/d/tags/list', registry.url);
  const list = { method: 'GET', url, scopes: [], expect: [404] } as const;
  const looks = [
    all(behind.tags()),
    behind.resolve('v1'),
    all(client.repositories()),
    client.send({ ...list, urgency: 'look' }, 1000),
  ];
  const free = await client.repository('a/b', 'pull').resolve('v2');
  const before = seen(/v1|tags|_catalog/);
  resolve();
  await held;
  await Promise.all(looks);
  assert.deepEqual([free, before.length], [undefined, 0]);
});

test(
  'copies within one registry, and both ways between two, do not wait for each other',
  { timeout: 20_000 },
  async (t) => {
    const one = await startStand(t, {}, { limits: { ...limits, concurrency: 2 } });
    const two = await startStand(t, {}, { limits: { ...limits, concurrency: 1 } });
    const image = ociImage('crossing', {
      layers: Array(6)
        .fill(150_000)
        .map((size: number, index) => size + index),
    });
    const other = ociImage('the other way', { layers: [150_000, 160_000, 170_000] });
    await push(one.registry.url, 'a/b', 'v1', image);
    await push(two.registry.url, 'c/d', 'v1', other);
    const move = (from: typeof one, repository: string, to: typeof one, target: string) =>
      copy({
        source: from.client.repository(repository, 'pull'),
        sourceTag: 'v1',
        destination: to.client.repository(target, 'push'),
        destinationTag: 'v1',
        blobs: new BlobTraffic().mover(target, { copied: 0, mounted: 0, skipped: 0, bytes: 0 }),
        force: false,
        signal: new AbortController().signal,
      });
    await Promise.all([
      move(one, 'a/b', one, 'e/f'),
      move(one, 'a/b', two, 'a/b'),
      move(two, 'c/d', one, 'c/d'),
    ]);
    for (const [url, repository, { descriptor }] of [
      [one.registry.url, 'e/f', image],
      [two.registry.url, 'a/b', image],
      [one.registry.url, 'c/d', other],
    ] as const)
      assert.equal(await digestOfTag(url, repository, 'v1'), descriptor.digest);
  },
);

test('many requests share one signal without a warning, and leave no listener behind', async (t) => {
  const { registry, client } = await startStand(t);
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  const { signal } = new AbortController();
  await push(registry.url, 'a/b', 'v1', ociImage('signal'));
  const repository = client.repository('a/b', 'pull');
  await Promise.all(Array.from({ length: 100 }, () => repository.resolve('v1', signal)));
  await setImmediate();
  assert.deepEqual([warnings, getEventListeners(signal, 'abort').length], [[], 0]);
});

test('what was asked is counted by method and status', async (t) => {
  const counted: string[] = [];
  const onRequest = (method: string, status: number) => counted.push(`${method} ${status}`);
  const { client } = await startStand(t, {}, { onRequest });
  await client.repository('a/b', 'pull').resolve('v1');
  const nowhere = clientOf(t, 'http://127.0.0.1:1', { onRequest, clock: new LeapingClock() });
  await assert.rejects(nowhere.repository('a/b', 'pull').resolve('v1'));
  assert.deepEqual(counted, ['GET 200', 'HEAD 404', 'GET 404', ...Array<string>(4).fill('GET 0')]);
});
