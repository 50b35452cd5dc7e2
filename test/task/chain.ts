import { setImmediate } from 'node:timers/promises';
import { BlobTraffic } from '../../src/copy/blob.ts';
import type { Event } from '../../src/event/event.ts';
import { Dispatcher } from '../../src/task/dispatcher.ts';
import type { Task } from '../../src/task/task.ts';
import { work } from '../../src/task/worker.ts';
import type { Ending } from '../support/temporary.ts';
import { type Stand, startStand } from './sweep-stand.ts';

/** `backoff.max` is 10 minutes by default: with 30 a day is over sooner. */
export const policy = { attempts: 12, first: 2_000, max: 1_800_000 };

export interface Chain extends Stand {
  dispatcher: Dispatcher;
  /** What a webhook says; the tasks that stand for it. */
  receive(event: Event): Promise<number[]>;
  /** Until nothing runs. */
  rest(): Promise<void>;
  /** Lets time pass, each task that is due on the way to its end before the next one begins. */
  pass(ms: number): Promise<void>;
  task(id: number | undefined): Task;
}

/** From the door to the destination: the queue, the dispatcher and the copy between two embedded registries, on a clock that a test moves. */
export async function startChain(t: Ending): Promise<Chain> {
  let stop = async (): Promise<void> => undefined;
  t.after(() => stop());
  const stand = await startStand(t);
  const { state, clock, registries, enqueue } = stand;
  const running = new Set<number>();
  const ends = (task: Task) => ({
    source: registries.source(task.source, task.sourceRepository),
    destination: registries.destination(task.destination, task.destinationRepository),
    traffic: new BlobTraffic(),
  });
  const dispatcher = new Dispatcher({
    store: state.dispatch,
    work: (task, signal) => work(task, { ends, wanted: () => true, policy, clock }, signal),
    clock,
    concurrency: 4,
    destinations: 1,
    longestWait: 7_200_000,
    listener: (event) => {
      if (event.kind === 'started') running.add(event.task.id);
      if (event.kind === 'settled') running.delete(event.task.id);
    },
  });
  stop = () => dispatcher.stop(0);
  const rest = async (): Promise<void> => {
    await setImmediate();
    while (running.size > 0) await setImmediate();
  };
  return {
    ...stand,
    dispatcher,
    rest,
    async receive(event) {
      const { tasks } = await enqueue.receive(event);
      dispatcher.wake();
      return tasks;
    },
    async pass(ms) {
      const end = clock.now() + ms;
      for (let at = clock.next; at !== undefined && at <= end; at = clock.next) {
        clock.advance(at - clock.now());
        await rest();
      }
      clock.advance(end - clock.now());
    },
    task(id) {
      const found = id === undefined ? undefined : state.tasks.get(id);
      if (found === undefined) throw new RangeError(`there is no task ${id}`);
      return found.task;
    },
  };
}
