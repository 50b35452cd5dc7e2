import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Digest } from '../oci/digest.ts';
import type { Ruleset } from '../rule/match.ts';
import { Dispatcher } from '../task/dispatcher.ts';
import { isOf } from '../task/record.ts';
import type { RecordStore } from '../task/record.ts';
import { StorageError } from '../task/store.ts';
import type { DispatchStore } from '../task/store.ts';
import type { Task } from '../task/task.ts';
import { work } from '../task/worker.ts';
import type { Current, Effective } from './effective.ts';
import type { Journal } from './journal.ts';

interface DispatchingOptions {
  current: Current;
  store: DispatchStore;
  records: Pick<RecordStore, 'find'>;
  journal: Journal;
  clock: Clock;
}

const hour = 3_600_000;

/** A task comes to its end under what held when it began. */
export function newDispatcher({ current, store, records, journal, clock }: DispatchingOptions): Dispatcher {
  return new Dispatcher({
    store,
    work: (task, signal) =>
      current.use(async (effective) => {
        const before = recordOfImmutable(task, effective.rules, records);
        const done = await workBy(effective, task, signal, clock);
        const { digest } = done.attempt;
        // A promise about the source is no lock at the destination: it is copied all the same.
        if (before && digest && before !== digest) journal.immutableMoved(task, before, digest);
        return done;
      }),
    clock,
    ...limitsOf(current.now.config),
    listener: (event) => journal.task(event),
  });
}

/** What an immutable source tag named when it was verified at its destination. */
function recordOfImmutable(
  task: Task,
  rules: Pick<Ruleset, 'isImmutable'>,
  records: Pick<RecordStore, 'find'>,
): Digest | undefined {
  if (!rules.isImmutable(task)) return undefined;
  try {
    const record = records.find(task);
    return record && isOf(record, task) ? record.digest : undefined;
  } catch (error) {
    // It is read for the sake of a warning only.
    if (error instanceof StorageError) return undefined;
    throw error;
  }
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
