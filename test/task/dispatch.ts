import { setImmediate } from 'node:timers/promises';
import { CopyError, RegistryError, type Fault } from '../../src/copy/error.ts';
import type { State } from '../../src/state/state.ts';
import { Dispatcher, type TaskEvent } from '../../src/task/dispatcher.ts';
import { verdictOf } from '../../src/task/retry.ts';
import type { DispatchStore, Verdict } from '../../src/task/store.ts';
import type { Attempt, Door, Task } from '../../src/task/task.ts';
import { FakeClock } from '../support/clock.ts';
import type { Ending } from '../support/temporary.ts';
import { enter, temporaryState, wanted } from '../state/open.ts';

export const policy = { attempts: 3, first: 1_000, max: 60_000 };

/** A task that runs: the test says how it ends. */
interface Work {
  task: Task;
  complete(): void;
  fail(fault: Fault): void;
  throws(error: Error): void;
}

/** A dispatcher over a real database, whose work is done by the test. */
export interface Bench {
  state: State;
  clock: FakeClock;
  dispatcher: Dispatcher;
  events: TaskEvent[];
  /** What runs now, in the order in which it began. */
  running: Work[];
  /** Names of all that ever began: `repository:tag`. */
  begun: string[];
  /** The most that ran at once. */
  most(): number;
  /** Lets everything happen that does not wait for the clock or the test. */
  settle(): Promise<void>;
}

type Result = { attempt: Attempt; verdict: Verdict };

export async function startBench(
  t: Ending,
  options: {
    concurrency?: number;
    destinations?: number;
    wrap?: (store: DispatchStore) => DispatchStore;
  } = {},
): Promise<Bench> {
  const { concurrency = 2, destinations = 1, wrap = (store) => store } = options;
  let stop = async (): Promise<void> => undefined;
  // Ends come in the order in which they are registered: the database's after this one.
  t.after(() => stop());
  const { state } = await temporaryState(t);
  const clock = new FakeClock(10_000);
  const [events, running, begun]: [TaskEvent[], Work[], string[]] = [[], [], []];
  let most = 0;
  const work = (task: Task, signal: AbortSignal): Promise<Result> => {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const end = (): void => void running.splice(running.indexOf(one), 1);
    const one = workOf(
      task,
      clock,
      (result) => (end(), resolve(result)),
      (error) => (end(), reject(error)),
    );
    running.push(one);
    begun.push(`${task.sourceRepository}:${task.sourceTag}`);
    most = Math.max(most, running.length);
    signal.addEventListener('abort', () => one.throws(asError(signal.reason)), { once: true });
    return promise;
  };
  const listener = (event: TaskEvent): void => void events.push(event);
  const store = wrap(state.dispatch);
  const slots = { concurrency, destinations, longestWait: 3_600_000 };
  const dispatcher = new Dispatcher({ store, work, clock, ...slots, listener });
  stop = () => dispatcher.stop(0);
  return { state, clock, dispatcher, events, running, begun, most: () => most, settle };
}

/** A waiting task `repository:tag`; its id. */
export function want(
  { state, clock }: Bench,
  name: string,
  door: Door = 'webhook',
  destination = 'acr',
): number {
  const [sourceRepository = '', sourceTag = ''] = name.split(':');
  const now = clock.now();
  return enter(state, wanted({ sourceRepository, sourceTag, destination }), { door, wantedAt: now }, now).task
    .id;
}

export async function finishAll({ running, settle, dispatcher }: Bench): Promise<void> {
  dispatcher.wake();
  for (await settle(); running.length > 0; await settle()) running[0]?.complete();
}

function workOf(
  task: Task,
  clock: FakeClock,
  resolve: (result: Result) => void,
  reject: (error: Error) => void,
): Work {
  const nothing = { bytes: 0, copied: 0, mounted: 0, skipped: 0 };
  const times = { number: task.attempts, startedAt: clock.now(), finishedAt: clock.now() };
  return {
    task,
    complete: () =>
      resolve({
        attempt: { ...times, ...nothing, outcome: 'copied' },
        verdict: { kind: 'complete', outcome: 'copied', again: false },
      }),
    fail: (fault) => {
      const error = new CopyError('write v1', 'destination', new RegistryError(fault, 'it says no'));
      const { reason, message } = error;
      resolve({
        attempt: { ...times, ...nothing, reason, message },
        verdict: verdictOf(error, task, policy, clock),
      });
    },
    throws: reject,
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Everything here goes by promises and p-queue's microtasks: a few turns of the loop are more than enough. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}
