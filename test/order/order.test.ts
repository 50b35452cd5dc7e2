import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ruleset } from '../../src/rule/match.ts';
import { randomOf } from '../integration/random.ts';
import { openState, type State } from '../../src/state/state.ts';
import { rule } from '../task/sweep-stand.ts';
import type { Database } from './mirror.ts';
import { World } from './world.ts';

/*
 * Schedules of pushes, webhooks (lost, swapped, twice), cancellations, retries, sweeps, crashes and restarts, between
 * registries whose every call takes its time and may fail before or after it has had its effect, or have it long after
 * its caller gave up. The queue, the dispatcher, the copy and the database are the real ones.
 *
 * A fifth as many again where two source tags meet.
 *
 *   TAGFERRY_ORDER_RUNS=10000 TAGFERRY_ORDER_SEED=1 node --test test/order/order.test.ts
 */
const runs = Number(process.env['TAGFERRY_ORDER_RUNS'] ?? 500);
const seed = Number(process.env['TAGFERRY_ORDER_SEED'] ?? Date.now() % 1_000_000_000);

/** One thing that happens, with the words for it in a schedule that fails. */
type Step = readonly [what: string, take: (world: World) => void | Promise<void>];

const wait = fc.oneof(fc.nat(200), fc.nat(3_000), fc.nat(8_000), fc.nat(120_000));
const tag = fc.constantFrom('a', 'b');
// Mostly sooner than a call is answered: what matters is told while an attempt believes that it is the last.
const lag = fc.oneof(
  { weight: 3, arbitrary: fc.nat(20) },
  { weight: 1, arbitrary: fc.nat(2_000) },
  { weight: 1, arbitrary: fc.nat(60_000) },
);

const push = (fewest: number) =>
  fc
    .tuple(tag, fc.array(lag, { minLength: fewest, maxLength: 2 }), fc.boolean())
    .map(([name, hooks, id]): Step => [`push ${name}`, (world) => world.push(name, hooks, id)]);

const ambush = fc
  .tuple(tag, fc.nat(3))
  .map(([name, after]): Step => [`ambush ${name} ${after}`, (world) => world.ambush(name, after)]);

const cancel = fc.nat(9).map((pick): Step => ['cancel', (world) => world.cancel(pick)]);
const retry = fc.nat(9).map((pick): Step => ['retry', (world) => world.retry(pick)]);
const sweep = fc.nat(3_000).map((pause): Step => ['sweep', (world) => void world.sweep(pause)]);
const resync = fc
  .tuple(tag, fc.boolean())
  .map(([name, force]): Step => [`resync ${name}`, (world) => world.resync(name, force)]);

const crash = wait.map((down): Step => [`crash ${down}`, (world) => world.crash(down)]);
const restart = fc.constant<Step>(['restart', (world) => world.restart()]);

/** Whatever may happen to tags of their own. */
const anything = fc.oneof(
  { weight: 16, arbitrary: push(0) },
  { weight: 4, arbitrary: ambush },
  { weight: 4, arbitrary: cancel },
  { weight: 4, arbitrary: retry },
  { weight: 2, arbitrary: resync },
  { weight: 4, arbitrary: sweep },
  // Rarer than the others: each opens the database anew, which takes longer than all the rest.
  { weight: 2, arbitrary: crash },
  { weight: 1, arbitrary: restart },
);

/** What may happen where two source tags meet: every push is told. */
const meetings = fc.oneof({ weight: 10, arbitrary: push(1) }, { weight: 1, arbitrary: restart });

const schedule = (step: fc.Arbitrary<Step>) =>
  fc.tuple(fc.array(fc.tuple(wait, step), { minLength: 3, maxLength: 12 }), fc.nat(2 ** 31));

/** On a disk of memory where there is one. */
class TemporaryDatabase implements Database {
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tagferry-test-'));
  #state: State | undefined;

  open(): State {
    return (this.#state ??= openState(join(this.#folder, 'order.db')));
  }

  close(): void {
    this.#state?.close();
    this.#state = undefined;
  }

  remove(): void {
    this.close();
    rmSync(this.#folder, { recursive: true });
  }
}

interface Kind {
  /** Whether both source tags go to one destination tag. */
  meeting: boolean;
  step: fc.Arbitrary<Step>;
  numRuns: number;
}

async function check({ meeting, step, numRuns }: Kind): Promise<void> {
  const names = { repository: '{repository}', tag: meeting ? 'newest' : '{tag}' };
  const rules = new Ruleset([rule({ repositories: ['**'], ...names })]);
  let database = new TemporaryDatabase();
  let count = 0;
  const property = fc.asyncProperty(schedule(step), async ([steps, noise]) => {
    const repository = `library/run-${++count}`;
    const world = new World({ database, repository, rules, random: randomOf(noise), meeting });
    try {
      await follow(world, steps, meeting);
    } catch (error) {
      // What it has left behind is no part of the next one.
      database.remove();
      database = new TemporaryDatabase();
      throw error;
    } finally {
      world.end();
    }
  });
  try {
    await fc.assert(property, { numRuns, seed });
  } finally {
    database.remove();
  }
}

async function follow(world: World, steps: readonly [number, Step][], meeting: boolean): Promise<void> {
  for (const [pause, [, take]] of steps) {
    await world.pass(pause);
    await take(world);
  }
  await world.settle();
  world.checkAnnounced();
  world.checkGenerations();
  // Which of two source tags a sweep prefers is a matter of the sweep.
  if (meeting) return;
  await Promise.all([world.sweep(1), world.pass(1_000)]);
  await world.settle();
  world.checkAll();
}

test('whatever the timing, no older copy is written over a newer one, and the newest is there at the end', () =>
  check({ meeting: false, step: anything, numRuns: runs }));

test('where two source tags meet, the newest push has the destination tag at the end', () =>
  check({ meeting: true, step: meetings, numRuns: Math.ceil(runs / 5) }));
