import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { begin, hostOf, startRegistry } from './embedded.ts';
import { HastyClock } from './watched.ts';

/*
 * A registry that is away: not every tag waits for it by itself, and each is tried as often as it should be.
 */

const count = 300;
const tags = Array.from({ length: count }, (_, index) => `v${index}`);

/** A registry that cuts every connection while it is away, and how many requests it has had then. */
function absence(away: 'now' | 'later') {
  const state = { away: false, cut: 0 };
  const misbehave: Misbehaviour = async (_call, next) => {
    if (!state.away) {
      // How it is spoken to is found out.
      if (away === 'now') state.away = true;
      return next();
    }
    state.cut++;
    return 'reset';
  };
  return { state, misbehave };
}

for (const end of ['source', 'destination'] as const)
  test(`${count} tags of a ${end} that has gone away fail with few requests, each after all of its attempts`, async (t) => {
    const { state, misbehave } = absence('now');
    const source = await startRegistry(t, end === 'source' ? { misbehave } : {});
    const destination = await startRegistry(t, end === 'destination' ? { misbehave } : {});
    const given = {
      images: { [`${hostOf(source)}/p/x:${tags.join(',')}`]: `${hostOf(destination)}/n/x` },
      registries: [source, destination],
    };
    const { report } = await begin(t, given, { proc: 5, retries: 1 }, new HastyClock());
    const told = await report;
    assert.equal(told.counts.failed, count);
    for (const { reason, attempts, message } of told.tags) {
      assert.deepEqual([reason, attempts], ['unreachable', 2]);
      assert.match(message ?? '', new RegExp(`(?:reach|resolve) \\S+ at the ${end}: `));
    }
    t.diagnostic(`${state.cut} requests`);
    assert.ok(state.cut < count, `${state.cut} requests`);
  });

test('a registry that goes away in the middle and comes back for the next round gets everything', async (t) => {
  const { state, misbehave } = absence('later');
  const source = await startRegistry(t);
  const destination = await startRegistry(t, { misbehave });
  for (const tag of tags.slice(0, 40)) await push(source.url, 'p/x', tag, ociImage('one'));
  const given = {
    images: { [`${hostOf(source)}/p/x`]: `${hostOf(destination)}/n/x` },
    registries: [source, destination],
  };
  const running = await begin(t, given, { proc: 3, retries: 2 }, new HastyClock());
  running.onLine((line) => {
    if (/Finish synchronizing/.test(line) && state.cut === 0) state.away = true;
    if (/Start to retry/.test(line)) state.away = false;
  });
  const { counts, tags: told } = await running.report;
  assert.equal(counts.copied, 40);
  assert.ok(told.some(({ attempts }) => attempts === 2));
});
