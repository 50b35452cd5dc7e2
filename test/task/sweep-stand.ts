import { setImmediate } from 'node:timers/promises';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';
import type { State } from '../../src/state/state.ts';
import { Enqueue } from '../../src/task/enqueue.ts';
import type { Registries } from '../../src/task/registries.ts';
import type { Sweep } from '../../src/task/store.ts';
import { Sweeper, type SweepOptions } from '../../src/task/sweep.ts';
import type { Task } from '../../src/task/task.ts';
import { clientOf } from '../registry/stand.ts';
import { LeapingClock } from '../registry/clock.ts';
import { FakeClock } from '../support/clock.ts';
import { Faults } from '../support/fault.ts';
import type { Ending } from '../support/temporary.ts';
import { temporaryState } from '../state/open.ts';

interface End {
  url: string;
  faults: Faults;
  client: Registry;
  seen(expression: RegExp): string[];
}

export interface Sweeping {
  state: State;
  clock: FakeClock;
  rules: Ruleset;
  enqueue: Enqueue;
  sweeper: Sweeper;
  /** Runs one to its end. */
  sweep(request?: Partial<Pick<Sweep, 'rule' | 'dryRun'>>): Promise<Sweep>;
  /** Resolves with each sweep that ends. */
  ended(): Promise<Sweep>;
  /** `repository:tag` of all tasks, sorted. */
  tasks(): string[];
}

export interface Stand extends Sweeping {
  harbor: End;
  acr: End;
  registries: Registries;
}

export function rule(other: Partial<Rule> = {}): Rule {
  return {
    name: 'everything',
    source: 'harbor',
    repositories: ['library/**'],
    tags: ['**'],
    destination: 'acr',
    destinationType: 'oci',
    repository: 'mirror/{repository}',
    tag: '{tag}',
    ...other,
  };
}

/** A sweeper between two embedded registries, over a real database. */
export async function startStand(
  t: Ending,
  given: readonly Rule[] = [rule()],
  options: Partial<SweepOptions> = {},
): Promise<Stand> {
  const [harbor, acr] = [await startEnd(t), await startEnd(t)];
  const client = (name: string): Registry => (name === 'harbor' ? harbor : acr).client;
  const registries: Registries = {
    source: (registry, repository) => client(registry).repository(repository, 'pull'),
    destination: (registry, repository) => client(registry).repository(repository, 'push'),
    repositories: (registry, signal) => client(registry).repositories(signal),
    listing: () => undefined,
    tagListing: () => undefined,
  };
  return { harbor, acr, registries, ...(await startSweeping(t, registries, given, options)) };
}

/** A sweeper between registries that are there already. */
export async function startSweeping(
  t: Ending,
  registries: Registries,
  given: readonly Rule[],
  options: Partial<SweepOptions> = {},
): Promise<Sweeping> {
  let stop = async (): Promise<void> => undefined;
  t.after(() => stop());
  const { state } = await temporaryState(t);
  const clock = new FakeClock();
  const rules = new Ruleset(given);
  const enqueue = new Enqueue({ store: state.enqueue, rules: () => rules, clock });
  let end = Promise.withResolvers<Sweep>();
  const sweeper = new Sweeper({
    store: state.sweeps,
    names: state.names,
    positions: state.positions,
    records: state.records,
    registries,
    rules,
    submit: (entry) => enqueue.submit(entry),
    announced: (repository, digest) => state.enqueue.tagsOf(repository, digest),
    catchUp: async () => undefined,
    auditShare: 0,
    clock,
    listener: (sweep) => {
      end.resolve(sweep);
      end = Promise.withResolvers();
    },
    ...options,
  });
  stop = () => sweeper.stop();
  const sweep: Stand['sweep'] = async (request = {}) => {
    const { promise } = end;
    sweeper.start({ dryRun: false, trigger: 'admin', ...request });
    const swept = await promise;
    // The listener is told first; then the next one may begin.
    while (sweeper.running !== undefined) await setImmediate();
    return swept;
  };
  const tasks = () => state.tasks.list({ limit: 1000 }).map(nameOf).sort();
  return { state, clock, rules, enqueue, sweeper, sweep, ended: () => end.promise, tasks };
}

function nameOf({ destinationRepository, destinationTag }: Task): string {
  return `${destinationRepository}:${destinationTag}`;
}

async function startEnd(t: Ending): Promise<End> {
  const faults = new Faults();
  const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  const client = clientOf(t, registry.url, { clock: new LeapingClock() });
  t.after(() => registry.close());
  const seen = (expression: RegExp): string[] =>
    registry.requests.map(({ method, path }) => `${method} ${path}`).filter((line) => expression.test(line));
  return { url: registry.url, faults, client, seen };
}
