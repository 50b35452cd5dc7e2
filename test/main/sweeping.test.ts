import assert from 'node:assert/strict';
import { test } from 'node:test';
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
import { temporaryState } from '../state/open.ts';
import { FakeClock } from '../support/clock.ts';
import { logLines } from '../support/log-lines.ts';

const hour = 3_600_000;

test('another schedule holds from its reload on, also the first one again', async (t) => {
  const [registry, clock, { state }] = [
    await EmbeddedRegistry.start(),
    new FakeClock(),
    await temporaryState(t),
  ];
  const document = {
    ...smallest,
    registries: { harbor: { url: registry.url }, acr: { url: registry.url } },
  };
  const scheduled = (schedule: string): Config => load({ ...document, sweep: { schedule, onStart: false } });
  const first = scheduled('off');
  const registries = new ConfiguredRegistries(first.registries, systemClock, () => undefined);
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
  /** Sweeps in the three hours that follow. */
  const begun = async (schedule: string): Promise<number> => {
    const before = state.sweeps.list(200).length;
    const live = { before: current.now.registries };
    const none = [undefined, undefined] as const;
    const { registries: configs } = current.now.config;
    const next = new ConfiguredRegistries(configs, systemClock, () => undefined, ...none, live);
    await current.replace(effectiveOf({ ...scheduled(schedule), registries: configs }, next));
    await sweeping.renew();
    for (let hours = 0; hours < 3; hours++) {
      clock.advance(hour);
      await sweeping.sweeper.idle();
    }
    return state.sweeps.list(200).length - before;
  };
  sweeping.start();
  assert.equal(await begun('off'), 0);
  assert.equal(await begun('30 * * * *'), 3);
  assert.equal(await begun('0 */3 * * *'), 1);
  assert.equal(await begun('0 */3 * * *'), 1);
  assert.equal(await begun('off'), 0);
});
