import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Config } from '../../src/config.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { createLog } from '../../src/log.ts';
import { Current, effectiveOf } from '../../src/main/effective.ts';
import { Journal } from '../../src/main/journal.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { Sweeping } from '../../src/main/sweeping.ts';
import { createMetrics } from '../../src/metrics.ts';
import { Enqueue } from '../../src/task/enqueue.ts';
import { load, smallest } from '../config/document.ts';
import { eventually } from '../integration/eventually.ts';
import { temporaryState } from '../state/open.ts';
import { FakeClock } from '../support/clock.ts';
import { logLines } from '../support/log-lines.ts';

const hour = 3_600_000;

async function startStand(t: TestContext) {
  const registry = await EmbeddedRegistry.start();
  const [clock, { state }] = [new FakeClock(), await temporaryState(t)];
  const document = {
    ...smallest,
    registries: { harbor: { url: registry.url }, acr: { url: registry.url } },
  };
  const configured = (sweep: object, more: object = {}): Config => load({ ...document, ...more, sweep });
  const first = configured({ schedule: 'off', onStart: false });
  const registries = new ConfiguredRegistries({ configs: first.registries, clock: systemClock });
  const current = new Current(effectiveOf(first, registries));
  const metrics = createMetrics({ taskCounts: () => state.tasks.counts() });
  const log = createLog({ level: 'info', format: 'json', stream: logLines().stream });
  const journal = new Journal(log, metrics);
  const enqueue = new Enqueue({ store: state.enqueue, rules: () => current.now.rules, clock });
  const sweeping = new Sweeping({ current, state, enqueue, journal, log, clock });
  t.after(async () => {
    await sweeping.stop();
    await current.close();
    await registry.close();
  });
  const reload = async (config: Config): Promise<void> => {
    const { registries: before, config: now } = current.now;
    const configs = now.registries;
    const next = new ConfiguredRegistries({ configs, clock: systemClock, before });
    await current.replace(effectiveOf({ ...config, registries: configs }, next));
    await sweeping.renew();
  };
  const count = (): number => state.sweeps.list(200).length;
  return { clock, sweeping, configured, reload, count };
}

test('another schedule holds from its reload on, also the first one again', async (t) => {
  const { clock, sweeping, configured, reload, count } = await startStand(t);
  /** Sweeps in the three hours that follow. */
  const begun = async (schedule: string): Promise<number> => {
    const before = count();
    await reload(configured({ schedule, onStart: false }));
    for (let hours = 0; hours < 3; hours++) {
      clock.advance(hour);
      await sweeping.sweeper.idle();
    }
    return count() - before;
  };
  sweeping.start();
  assert.equal(await begun('off'), 0);
  assert.equal(await begun('30 * * * *'), 3);
  assert.equal(await begun('0 */3 * * *'), 1);
  assert.equal(await begun('0 */3 * * *'), 1);
  assert.equal(await begun('off'), 0);
});

test('other rules are followed by a sweep, as a start would make it; other things are not', async (t) => {
  const { sweeping, configured, reload, count } = await startStand(t);
  const [rule] = smallest.rules;
  const rules = { rules: [{ ...rule, repositories: ['library/other'] }] };
  const eager = { schedule: 'off', onStart: true };
  sweeping.start();
  await reload(configured(eager));
  await sweeping.sweeper.idle();
  assert.equal(count(), 0);
  await reload(configured(eager, rules));
  await eventually('a sweep', () => count() === 1);
  await sweeping.sweeper.idle();
  await reload(configured(eager, rules));
  await reload(configured({ ...eager, onStart: false }));
  await sweeping.sweeper.idle();
  assert.equal(count(), 1);
});
