import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { Dispatcher } from '../task/dispatcher.ts';
import type { DispatchStore } from '../task/store.ts';
import type { Task } from '../task/task.ts';
import { work } from '../task/worker.ts';
import type { Current, Effective } from './effective.ts';
import type { Journal } from './journal.ts';

interface DispatchingOptions {
  current: Current;
  store: DispatchStore;
  journal: Journal;
  clock: Clock;
}

const hour = 3_600_000;

/** A task comes to its end under what held when it began. */
export function newDispatcher({ current, store, journal, clock }: DispatchingOptions): Dispatcher {
  return new Dispatcher({
    store,
    work: (task, signal) => current.use((effective) => workBy(effective, task, signal, clock)),
    clock,
    ...limitsOf(current.now.config),
    listener: (event) => journal.task(event),
  });
}

/** What the configuration says of all tasks together. */
export function limitsOf({ dispatch, rules }: Config): Parameters<Dispatcher['adjust']>[0] {
  return {
    concurrency: dispatch.concurrency,
    destinations: new Set(rules.map(({ destination }) => destination)).size,
    // A registry may ask for an hour (`parseRetryAfter`), whatever the configuration says.
    longestWait: Math.max(dispatch.backoff.max, hour) + hour,
  };
}

function workBy(
  { config, rules, registries }: Effective,
  task: Task,
  signal: AbortSignal,
  clock: Clock,
): ReturnType<typeof work> {
  const { attempts, backoff } = config.dispatch;
  const options = {
    ends: (of: Task) => registries.ends(of),
    wanted: ({ source, sourceRepository, destination, destinationRepository }: Task) =>
      rules.owns(source, sourceRepository, destination, destinationRepository),
    policy: { attempts, ...backoff },
    clock,
  };
  return work(task, options, signal);
}
