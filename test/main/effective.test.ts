import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Config, RegistryConfig } from '../../src/config.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { Current, type Effective, effectiveOf } from '../../src/main/effective.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { load, smallest } from '../config/document.ts';

interface Stand {
  current: Current;
  /** Whether a client answers. */
  isOpen(effective: Effective): Promise<boolean>;
  /** One whose registry is another, or the same as that of the one that holds now. */
  next(change?: Partial<RegistryConfig>): Effective;
}

async function startStand(t: TestContext): Promise<Stand> {
  const registry = await EmbeddedRegistry.start();
  const config = load(smallest);
  const [common] = config.registries;
  assert.ok(common);
  const here = { ...common, name: 'here', url: registry.url };
  const made = (configs: RegistryConfig[], before?: ConfiguredRegistries): Effective => {
    const clients = new ConfiguredRegistries({ configs, clock: systemClock, before });
    return effectiveOf({ ...config, registries: configs } satisfies Config, clients);
  };
  const current = new Current(made([here]));
  t.after(async () => {
    await current.close();
    await registry.close();
  });
  return {
    current,
    isOpen: ({ registries }) =>
      registries
        .source('here', 'a/b')
        .resolve('v1')
        .then(
          () => true,
          () => false,
        ),
    next: (change = {}) => made([{ ...here, ...change }], current.now.registries),
  };
}

test('a client that was replaced is closed at the end of its last use', async (t) => {
  const { current, isOpen, next } = await startStand(t);
  const before = current.now;
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const uses = [first, second].map(({ promise }) => current.use(() => promise));
  await current.replace(next({ concurrency: 3 }));
  first.resolve();
  await uses[0];
  assert.deepEqual([await isOpen(before), await isOpen(current.now)], [true, true]);
  second.resolve();
  await uses[1];
  assert.deepEqual([await isOpen(before), await isOpen(current.now)], [false, true]);
  await current.replace(next({ concurrency: 4 }));
  assert.equal(await isOpen(current.now), true);
});

test('a client that both have stays open, through several that follow each other', async (t) => {
  const { current, isOpen, next } = await startStand(t);
  const [first] = [current.now, await current.replace(next()), await current.replace(next())];
  assert.equal(await isOpen(first), true);
  await current.replace(next({ idleTimeout: 1234 }));
  assert.deepEqual([await isOpen(first), await isOpen(current.now)], [false, true]);
});

test('at the end all are closed, in use or not', async (t) => {
  const { current, isOpen, next } = await startStand(t);
  const before = current.now;
  const { promise, resolve } = Promise.withResolvers<void>();
  const use = current.use(() => promise);
  await current.replace(next({ concurrency: 3 }));
  await current.close();
  assert.deepEqual([await isOpen(before), await isOpen(current.now)], [false, false]);
  resolve();
  await use;
});
