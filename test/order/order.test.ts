import { mkdtempSync, rmSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ruleset } from '../../src/rule/match.ts';
import { randomOf } from '../integration/random.ts';
import { rule } from '../task/sweep-stand.ts';
import { World } from './world.ts';

/*
 * Schedules of pushes, webhooks (lost, swapped, twice), cancellations, retries, sweeps, crashes and restarts, between
 * registries whose every call takes its time and may fail before or after it has had its effect, or have it long after
 * its caller gave up. The queue, the dispatcher, the copy and the database are the real ones.
 *
 *   TAGFERRY_ORDER_RUNS=10000 TAGFERRY_ORDER_SEED=1 node --test test/order/order.test.ts
 */
const runs = Number(process.env['TAGFERRY_ORDER_RUNS'] ?? 1_000);
const seed = Number(process.env['TAGFERRY_ORDER_SEED'] ?? Date.now() % 1_000_000_000);

/** One thing that happens, with the words for it in a schedule that fails. */
type Step = readonly [what: string, take: (world: World) => void | Promise<void>];

const wait = fc.oneof(fc.nat(200), fc.nat(8_000), fc.nat(120_000));
const tag = fc.constantFrom('a', 'b');
const lag = fc.oneof({ weight: 3, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(60_000) });

const push = (fewest: number) =>
  fc
    .tuple(tag, fc.array(lag, { minLength: fewest, maxLength: 2 }), fc.boolean())
    .map(([name, hooks, id]): Step => [`push ${name}`, (world) => world.push(name, hooks, id)]);

const cancel = fc.nat(9).map((pick): Step => ['cancel', (world) => world.cancel(pick)]);
const retry = fc.nat(9).map((pick): Step => ['retry', (world) => world.retry(pick)]);
const sweep = fc.nat(3_000).map((pause): Step => ['sweep', (world) => void world.sweep(pause)]);
const resync = fc
  .tuple(tag, fc.boolean())
  .map(([name, force]): Step => [`resync ${name}`, (world) => world.resync(name, force)]);

const crash = wait.map((down): Step => [`crash ${down}`, (world) => world.crashFor(down)]);
const restart = fc.constant<Step>(['restart', (world) => world.restart()]);

/** Whatever may happen to tags of their own. */
const anything = fc.oneof(
  { weight: 8, arbitrary: push(0) },
  { weight: 2, arbitrary: cancel },
  { weight: 2, arbitrary: retry },
  { weight: 1, arbitrary: resync },
  { weight: 2, arbitrary: sweep },
  { weight: 2, arbitrary: crash },
  { weight: 1, arbitrary: restart },
);

/** What may happen where two source tags meet: every push is told. */
const meetings = fc.oneof({ weight: 6, arbitrary: push(1) }, { weight: 1, arbitrary: restart });

const schedule = (step: fc.Arbitrary<Step>) =>
  fc.tuple(fc.array(fc.tuple(wait, step), { minLength: 3, maxLength: 12 }), fc.nat(2 ** 31));

/** One database for all schedules of a test, each with its own repository; on a disk of memory where there is one. */
function database(): { file: string; remove(): void } {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tagferry-test-'));
  return { file: join(folder, 'order.db'), remove: () => rmSync(folder, { recursive: true }) };
}

async function run(
  meeting: boolean,
  destinationTag: string,
  step: fc.Arbitrary<Step>,
  numRuns: number,
): Promise<void> {
  const rules = new Ruleset([
    rule({ repositories: ['**'], repository: '{repository}', tag: destinationTag }),
  ]);
  let { file, remove } = database();
  let count = 0;
  const property = fc.asyncProperty(schedule(step), async ([steps, noise]) => {
    const repository = `library/run-${++count}`;
    const world = new World({ file, repository, rules, random: randomOf(noise), meeting });
    try {
      for (const [pause, [, take]] of steps) {
        await world.pass(pause);
        await take(world);
      }
      await world.settle();
      world.checkAnnounced();
      world.checkGenerations();
      if (meeting) return;
      await Promise.all([world.sweep(1), world.pass(1_000)]);
      await world.settle();
      world.checkAll();
    } catch (error) {
      // What it has left behind is no part of the next one.
      remove();
      ({ file, remove } = database());
      throw error;
    } finally {
      world.crash();
    }
  });
  try {
    await fc.assert(property, { numRuns, seed });
  } finally {
    remove();
  }
}

test('whatever the timing, no older copy is written over a newer one, and the newest is there at the end', () =>
  run(false, '{tag}', anything, runs));

test('where two source tags meet, the newest push has the destination tag at the end', () =>
  run(true, 'newest', meetings, Math.ceil(runs / 10)));
