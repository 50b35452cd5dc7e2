import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { Renewing } from '../../src/aliyun/renewing.ts';
import { RegistryError } from '../../src/copy/error.ts';
import { FakeClock } from '../support/clock.ts';

const second = 1_000;
const minute = 60 * second;

/** A giver that counts what it gave: `1`, `2`, … */
class Giver {
  life: number;
  asked = 0;
  /** What happens instead. */
  trouble: (() => Promise<never>) | undefined;
  readonly clock = new FakeClock();
  readonly renewing = new Renewing(() => this.#give(), this.clock);

  constructor(life: number) {
    this.life = life;
  }

  async #give(): Promise<{ value: number; expiresAt: number }> {
    const value = ++this.asked;
    if (this.trouble !== undefined) return this.trouble();
    return { value, expiresAt: this.clock.now() + this.life };
  }

  away(): void {
    this.trouble = () => Promise.reject(new RegistryError('unreachable', 'nobody there'));
  }
}

test('given once to all who wait, and kept', async () => {
  const giver = new Giver(60 * minute);
  const got = await Promise.all(Array.from({ length: 20 }, () => giver.renewing.get()));
  assert.deepEqual(new Set(got), new Set([1]));
  giver.clock.advance(54 * minute - 1);
  assert.equal(await giver.renewing.get(), 1);
  assert.equal(giver.asked, 1);
});

test('renewed a tenth of its life before the end, at least a minute, at most half of it', async () => {
  for (const [life, until] of [
    [60 * minute, 54 * minute],
    [15 * minute, 13.5 * minute],
    [5 * minute, 4 * minute],
    [90 * second, 45 * second],
    [40 * second, 20 * second],
    [10 * second, 5 * second],
  ] as const) {
    const giver = new Giver(life);
    await giver.renewing.get();
    giver.clock.advance(until - 1);
    assert.equal(await giver.renewing.get(), 1, `${life}`);
    giver.clock.advance(1);
    assert.equal(await giver.renewing.get(), 2, `${life}`);
  }
});

test('what comes with next to no life, or after its end, is not asked for again and again', async () => {
  for (const life of [second, 0, -20 * minute]) {
    const giver = new Giver(life);
    for (let turn = 0; turn < 100; turn++) {
      await giver.renewing.get();
      giver.clock.advance(100);
    }
    assert.equal(giver.asked, 2, `${life}`);
  }
});

test('an outage stops nothing while the old one is good, and is asked about every five seconds', async () => {
  const giver = new Giver(15 * minute);
  await giver.renewing.get();
  giver.clock.advance(13.5 * minute);
  giver.away();
  for (let tenth = 0; tenth < 600; tenth++) {
    assert.equal(await giver.renewing.get(), 1);
    giver.clock.advance(100);
  }
  assert.equal(giver.asked, 1 + 12);
  giver.trouble = undefined;
  giver.clock.advance(5 * second);
  assert.equal(await giver.renewing.get(), 14);
});

test('after its end all hear why there is none, and the next one asks again', async () => {
  const giver = new Giver(15 * minute);
  await giver.renewing.get();
  giver.clock.advance(15 * minute);
  giver.away();
  const both = [giver.renewing.get(), giver.renewing.get()];
  for (const one of both) await assert.rejects(one, /nobody there/);
  assert.equal(giver.asked, 2);
  giver.trouble = undefined;
  assert.equal(await giver.renewing.get(), 3);
});

test('a giver that is silent is waited for five seconds while the old one is good, and then goes on alone', async () => {
  const giver = new Giver(15 * minute);
  await giver.renewing.get();
  giver.clock.advance(14 * minute);
  const { promise, reject } = Promise.withResolvers<never>();
  giver.trouble = () => promise;
  const waiting = giver.renewing.get();
  await setImmediate();
  giver.clock.advance(5 * second);
  assert.equal(await waiting, 1);
  assert.equal(await giver.renewing.get(), 1);
  assert.equal(giver.asked, 2);
  // Past the end there is nothing else to be had.
  giver.clock.advance(minute);
  const late = giver.renewing.get();
  reject(new RegistryError('timeout', 'gave up'));
  await assert.rejects(late, /gave up/);
  assert.equal(giver.asked, 2);
});

test('who waits for a silent giver beyond the end hears what comes', async () => {
  const giver = new Giver(15 * minute);
  await giver.renewing.get();
  giver.clock.advance(15 * minute - second);
  const { promise, reject } = Promise.withResolvers<never>();
  giver.trouble = () => promise;
  const waiting = giver.renewing.get();
  await setImmediate();
  giver.clock.advance(5 * second);
  reject(new RegistryError('timeout', 'gave up'));
  await assert.rejects(waiting, /gave up/);
});

test('a mistake is no outage', async () => {
  const giver = new Giver(15 * minute);
  await giver.renewing.get();
  giver.clock.advance(14 * minute);
  giver.trouble = () => Promise.reject(new TypeError('a mistake'));
  await assert.rejects(giver.renewing.get(), TypeError);
});

test('what is forgotten is given again, unless it has been already', async () => {
  const giver = new Giver(15 * minute);
  assert.equal(await giver.renewing.get(), 1);
  giver.renewing.forget(1);
  assert.equal(await giver.renewing.get(), 2);
  giver.renewing.forget(1);
  assert.equal(await giver.renewing.get(), 2);
});

test('what has hardly come is not forgotten, where that is asked for', async () => {
  const giver = new Giver(15 * minute);
  const held = await giver.renewing.get();
  giver.clock.advance(30 * second - 1);
  giver.renewing.forget(held, 30 * second);
  assert.equal(await giver.renewing.get(), 1);
  giver.clock.advance(1);
  giver.renewing.forget(held, 30 * second);
  assert.equal(await giver.renewing.get(), 2);
});

test('a clock that is set back makes nothing good for longer: a new one is fetched', async () => {
  const giver = new Giver(60 * minute);
  giver.clock.advance(24 * 60 * minute);
  assert.equal(await giver.renewing.get(), 1);
  giver.clock.advance(-2 * 60 * minute);
  assert.equal(await giver.renewing.get(), 2);
  giver.clock.advance(53 * minute);
  assert.equal(await giver.renewing.get(), 2);
  giver.clock.advance(-10 * 60 * minute);
  giver.away();
  for (let turn = 0; turn < 100; turn++) {
    assert.equal(await giver.renewing.get(), 2);
    giver.clock.advance(40);
  }
  assert.equal(giver.asked, 3);
});

test('a life that is no life of a key is held for a day at most', async () => {
  const giver = new Giver(1e18);
  await giver.renewing.get();
  giver.clock.advance(24 * 60 * minute);
  assert.equal(await giver.renewing.get(), 2);
});
