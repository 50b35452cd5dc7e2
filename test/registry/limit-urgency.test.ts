import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limiter, type Limits } from '../../src/registry/limit.ts';
import type { Use } from '../../src/registry/slots.ts';
import { type Urgency, urgencies } from '../../src/registry/urgency.ts';
import { FakeClock } from '../support/clock.ts';
import { chances, pass, settle, ShiftedClock } from './limit-stand.ts';
import { limits } from './stand.ts';

function bench(options: Partial<Limits> = {}) {
  const clock = new FakeClock();
  const limiter = new Limiter('test', { ...limits, ...options }, clock);
  const entered: string[] = [];
  const enter = async (urgency: Urgency, name: string = urgency, use: Use = 'ask', size?: number) => {
    const release = await limiter.acquire(use, undefined, urgency, size);
    entered.push(name);
    return release;
  };
  return { clock, limiter, entered, enter };
}

test('who is more urgent goes first, whoever came first', async () => {
  const { entered, enter } = bench({ concurrency: 1 });
  const first = await enter('push', 'first');
  const waiting = urgencies.toReversed().map((urgency) => enter(urgency).then((release) => release()));
  first();
  await Promise.all(waiting);
  assert.deepEqual(entered, ['first', ...urgencies]);
});

test('the last slots are for pushes only: one of eight, one of less, none where there is one', async () => {
  for (const [concurrency, free] of [
    [1, 0],
    [2, 1],
    [8, 1],
    [16, 2],
    [64, 8],
  ] as const)
    for (const urgency of ['resync', 'sweep', 'look'] as const) {
      const { entered, enter } = bench({ concurrency });
      for (let index = 0; index < concurrency + 1; index++) void enter(urgency);
      await settle();
      assert.equal(entered.length, concurrency - free, `${urgency} of ${concurrency}`);
      for (let index = 0; index < concurrency; index++) void enter('push');
      await settle();
      assert.equal(entered.filter((name) => name === 'push').length, free, `pushes of ${concurrency}`);
    }
});

test('the largest blob begins first; a question keeps its place; a small one is not passed for ever', async () => {
  const { entered, enter } = bench({ concurrency: 1 });
  let release = await enter('push', 'first');
  const held: Promise<() => void>[] = [];
  for (const size of [10, 30, 20]) held.push(enter('push', `blob ${size}`, 'read', size));
  held.push(enter('push', 'question'), enter('push', 'blob 40', 'read', 40));
  release();
  for (const one of [4, 1, 2, 3, 0]) {
    await settle();
    (await Promise.race([held[one], settle().then(() => undefined)]))?.();
  }
  assert.deepEqual(entered.slice(1), ['blob 40', 'blob 30', 'blob 20', 'question', 'blob 10']);
  release = await enter('push', 'again');
  const small = enter('push', 'small', 'read', 1);
  for (let index = 0; index < 60; index++) {
    const next = Promise.race([enter('push', `large ${index}`, 'read', 100), small]);
    release();
    release = await next;
  }
  assert.equal(entered.slice(entered.indexOf('again')).indexOf('small'), 51);
});

test('however many pushes come, nobody else waits for ever, and none takes what is kept for pushes', async () => {
  const { entered, enter } = bench({ concurrency: 2 });
  const others = ['resync', 'sweep', 'look'] as const;
  const held = [await enter('push', 'push a'), await enter('push', 'push b')];
  const waiting = others.map((urgency) => enter(urgency).then((release) => held.push(release)));
  for (let index = 0; index < 400; index++) {
    void enter('push', `push ${index}`).then((release) => held.push(release));
    held.shift()?.();
    await settle();
  }
  await Promise.all(waiting);
  for (const urgency of others) assert.ok(entered.indexOf(urgency) <= 160, urgency);
});

test('requests per second: a push takes the next turn, and a sweep has one in seventeen', async () => {
  const { clock, limiter } = bench({ requestsPerSecond: 10 });
  const begun: string[] = [];
  const turn = (name: string, urgency: Urgency) =>
    limiter.turn(undefined, urgency).then(() => begun.push(name));
  await turn('first', 'resync');
  const bulk = Array.from({ length: 300 }, (_, index) => turn(`bulk ${index}`, 'resync'));
  const look = turn('look', 'look');
  await pass(clock, clock.now() + 1000);
  const push = turn('push', 'push');
  await pass(clock, clock.now() + 200);
  assert.equal(begun.indexOf('push'), 11);
  await pass(clock);
  await Promise.all([...bulk, look, push]);
  assert.equal(begun.indexOf('look'), 17);
});

/** Copies of every kind, between two registries and within each, by chance; with questions, aborts, refusals, a clock set back. */
async function play(seed: number): Promise<void> {
  const chance = chances(seed);
  const clock = new ShiftedClock();
  const width = () => 1 + chance(4);
  const registries = [width(), width()].map((concurrency, index) => {
    const limit = { concurrency, requestsPerSecond: chance(2) * 20, bandwidth: chance(2) * 5_000 };
    return { limiter: new Limiter(`registry ${index}`, limit, clock), concurrency, inFlight: 0, reads: 0 };
  });
  type One = (typeof registries)[number];
  const held = async (
    of: One,
    use: Use,
    urgency: Urgency,
    signal: AbortSignal,
    work: () => Promise<void>,
  ) => {
    const release = await of.limiter.acquire(use, signal, urgency, chance(2) * chance(500));
    of.inFlight++;
    if (use === 'read') of.reads++;
    assert.ok(of.inFlight <= of.concurrency + 1, `${of.inFlight} in flight of ${of.concurrency}`);
    try {
      await of.limiter.turn(signal, urgency);
      const watch = of.limiter.watch();
      await clock.sleep(1 + chance(300), signal);
      if (chance(15) === 0) of.limiter.pause(clock.now() + 1000 * chance(5));
      if (chance(20) === 0) watch.failed();
      else watch.answered([200, 200, 200, 429, 503][chance(5)] ?? 200, ['HEAD', 'GET', undefined][chance(3)]);
      assert.ok(of.limiter.width >= 1 && of.limiter.width <= of.concurrency);
      await work();
    } finally {
      of.inFlight--;
      if (use === 'read') of.reads--;
      release();
    }
  };
  const nothing = async (): Promise<void> => undefined;
  const task = async (): Promise<void> => {
    const [from, to] = [registries[chance(2)], registries[chance(2)]];
    const [urgency, stop] = [urgencies[chance(4)], new AbortController()];
    assert.ok(from && to && urgency);
    const signal = stop.signal;
    if (chance(6) === 0) clock.after(chance(5_000), () => stop.abort(new Error('enough')));
    const moved = async (): Promise<void> => {
      for (let chunk = 0; chunk < 3; chunk++) {
        await from.limiter.bytes(chance(2_000), signal, urgency);
        await to.limiter.bytes(chance(2_000), signal, urgency);
      }
    };
    try {
      await held(from, 'ask', urgency, signal, nothing);
      if (urgency === 'look') return;
      await held(from, 'read', urgency, signal, () => held(to, 'write', urgency, signal, moved));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
  let ended = 0;
  const tasks = Array.from({ length: 60 }, () => task().finally(() => ended++));
  const all = Promise.all(tasks);
  for (let step = 0; ended < tasks.length; step++) {
    await settle();
    assert.ok(
      clock.next !== undefined || ended === tasks.length,
      `seed ${seed}: ${ended} of ${tasks.length}, and all stand still`,
    );
    assert.ok(step < 20_000, `seed ${seed}: no end`);
    if (chance(50) === 0) clock.setBack(chance(100_000));
    if (clock.due !== undefined) clock.advance(clock.due - clock.now());
  }
  await all;
  for (const { inFlight, limiter, concurrency } of registries) {
    assert.equal(inFlight, 0);
    const most = Math.max(1, limiter.width);
    const free = Array.from({ length: most }, () => limiter.acquire('ask', undefined));
    assert.equal((await Promise.all(free)).length, most, `every slot of ${concurrency} is free again`);
  }
}

test(
  'copies of every kind never stand still, and never have more than they may',
  { timeout: 60_000 },
  async () => {
    for (let seed = 1; seed <= 40; seed++) await play(seed);
  },
);
