import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Limiter, type Limits } from '../../src/registry/limit.ts';
import { FakeClock } from '../support/clock.ts';
import { pass, settle } from './limit-stand.ts';

/** A registry that answers so many questions at once, each in so much time (ms), and lets the others stand in line. */
interface Remote {
  roundTrip: number;
  service: number;
  atOnce: number;
  /** With more than so many it answers 429. */
  most?: number;
}

function stand(remote: Remote, limits: Partial<Limits> = {}) {
  const clock = new FakeClock();
  const limiter = new Limiter(
    'test',
    { concurrency: 64, start: 8, requestsPerSecond: 0, bandwidth: 0, ...limits },
    clock,
  );
  const free = Array.from({ length: remote.atOnce }, () => 0);
  let here = 0;
  let most = 0;
  let refused = 0;
  let status = 200;
  const answer = async (): Promise<number> => {
    most = Math.max(most, ++here);
    const isRefused = here > (remote.most ?? Number.POSITIVE_INFINITY);
    free.sort((one, other) => one - other);
    const begin = Math.max(clock.now(), free[0] ?? 0);
    if (!isRefused) free[0] = begin + remote.service;
    await clock.sleep(remote.roundTrip + (isRefused ? 0 : begin + remote.service - clock.now()));
    here--;
    if (isRefused) refused++;
    return isRefused ? 429 : status;
  };
  const ask = async (): Promise<void> => {
    const release = await limiter.acquire('ask', undefined);
    await limiter.turn(undefined);
    const watch = limiter.watch();
    watch.answered(await answer(), 'HEAD');
    release();
  };
  /** Asks so many questions; the time that they took. */
  const run = async (count: number): Promise<number> => {
    const begun = clock.now();
    const all = Promise.all(Array.from({ length: count }, ask));
    await pass(clock);
    await all;
    return clock.now() - begun;
  };
  const told = () => ({ most, refused });
  return { clock, limiter, run, told, say: (next: number) => (status = next), remote };
}

test('on a long line the number in flight grows to the ceiling, and the time comes near to that of the ceiling', async () => {
  const far = { roundTrip: 40, service: 1, atOnce: 64 };
  const adaptive = stand(far);
  const time = await adaptive.run(3000);
  assert.equal(adaptive.limiter.width, 64);
  const wide = await stand(far, { start: 64 }).run(3000);
  const narrow = await stand(far, { start: 8, concurrency: 8 }).run(3000);
  assert.ok(time < 1.2 * wide, `${time} ms, with the ceiling from the start ${wide} ms`);
  assert.ok(time < narrow / 5, `${time} ms, with eight ${narrow} ms`);
});

test('a small registry is not given more than it can use, and nothing is lost by that', async () => {
  const small = { roundTrip: 2, service: 20, atOnce: 2 };
  const { run, told, limiter } = stand(small);
  const time = await run(3000);
  // With so many a question takes three times as long as with nobody else.
  assert.ok(told().most <= 24, `${told().most} at once, where two are answered`);
  assert.ok(limiter.width <= 24);
  assert.ok(time < 1.02 * (3000 / 2) * 20, `${time} ms`);
});

test('a registry that becomes slow is left room, and asked as before when it is well again', async () => {
  const { run, limiter, remote } = stand({ roundTrip: 5, service: 5, atOnce: 64 });
  await run(1000);
  assert.equal(limiter.width, 64);
  remote.service = 700;
  await run(600);
  assert.ok(limiter.width < 32, `${limiter.width}`);
  remote.service = 5;
  await run(4000);
  assert.equal(limiter.width, 64);
});

test('a longer line is no sign of weakness: what is slow with nobody else becomes the measure', async () => {
  const { run, limiter, remote } = stand({ roundTrip: 5, service: 1, atOnce: 64 });
  await run(500);
  remote.roundTrip = 400;
  await run(6000);
  assert.equal(limiter.width, 64);
});

test('refusals: fewer at once, hardly any refused, and no standstill', async () => {
  const { run, told, limiter } = stand({ roundTrip: 20, service: 20, atOnce: 64, most: 16 });
  await run(5000);
  assert.ok(told().refused < 5000 * 0.05, `${told().refused} of 5000 refused`);
  assert.ok(limiter.width <= 20 && limiter.width >= 8, `${limiter.width}`);
});

test('an outage leaves one request in flight, and afterwards it goes on as before', async () => {
  for (const status of [429, 503]) {
    const { run, say, limiter } = stand({ roundTrip: 5, service: 5, atOnce: 64 });
    await run(1000);
    say(status);
    await run(500);
    assert.equal(limiter.width, 1, `${status}`);
    say(200);
    await run(300);
    assert.ok(limiter.width >= 32, `${limiter.width} after ${status}`);
  }
});

test('one refusal among many costs an eighth; what was in flight with it costs no more', async () => {
  const limiter = new Limiter(
    'test',
    { concurrency: 64, requestsPerSecond: 0, bandwidth: 0 },
    new FakeClock(),
  );
  const together = Array.from({ length: 10 }, () => limiter.watch());
  for (const watch of together) watch.failed();
  assert.equal(limiter.width, 56);
});

test('who is told when to come back keeps silent; that a few are refused says nothing of how many it bears', () => {
  const limits = { concurrency: 64, requestsPerSecond: 0, bandwidth: 0 };
  const rare = new Limiter('test', limits, new FakeClock());
  for (let index = 0; index < 2000; index++)
    rare.watch().answered(index % 20 === 0 ? 429 : 200, undefined, index % 20 === 0);
  assert.equal(rare.width, 64);
  const many = new Limiter('test', limits, new FakeClock());
  for (let index = 0; index < 40; index++)
    many.watch().answered(index % 2 === 0 ? 429 : 200, undefined, index % 2 === 0);
  assert.ok(many.width < 16, `${many.width}`);
});

test('it does not grow while nobody waits, nor beyond the ceiling', async () => {
  const clock = new FakeClock();
  const limiter = new Limiter(
    'test',
    { concurrency: 16, start: 4, requestsPerSecond: 0, bandwidth: 0 },
    clock,
  );
  for (let index = 0; index < 100; index++) limiter.watch().answered(200, 'HEAD');
  assert.equal(limiter.width, 4);
  const held = await Promise.all(Array.from({ length: 4 }, () => limiter.acquire('ask', undefined)));
  const waiting = Array.from({ length: 20 }, () => limiter.acquire('ask', undefined));
  for (let index = 0; index < 6; index++) limiter.watch().answered(200, 'HEAD');
  await settle();
  assert.equal(limiter.width, 7);
  for (const release of held) release();
  for (const one of waiting) (await one)();
  for (let index = 0; index < 100; index++) limiter.watch().answered(200, 'HEAD');
  assert.ok(limiter.width <= 16);
});

test('after a 429 fewer are begun each second, and in the end as many as before', async () => {
  const clock = new FakeClock();
  const limiter = new Limiter('test', { concurrency: 64, requestsPerSecond: 0, bandwidth: 0 }, clock);
  const begun = async (ms: number): Promise<number> => {
    const end = clock.now() + ms;
    let count = 0;
    const run = async (): Promise<void> => {
      while (clock.now() < end) {
        await limiter.turn(undefined);
        count++;
        await clock.sleep(100);
      }
    };
    const all = Promise.all(Array.from({ length: 10 }, run));
    await pass(clock);
    await all;
    return count;
  };
  assert.equal(await begun(1000), 100);
  limiter.watch().answered(429);
  const slow = await begun(1000);
  assert.ok(slow > 75 && slow < 100, `${slow}`);
  await begun(20_000);
  assert.ok((await begun(1000)) >= 99);
});
