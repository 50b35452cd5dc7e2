import { BlobTraffic } from '../../src/copy/blob.ts';
import type { Ruleset } from '../../src/rule/match.ts';
import type { State } from '../../src/state/state.ts';
import { Dispatcher, type TaskEvent } from '../../src/task/dispatcher.ts';
import { Enqueue } from '../../src/task/enqueue.ts';
import { work } from '../../src/task/worker.ts';
import type { Clock } from '../../src/clock.ts';
import type { FakeClock } from '../support/clock.ts';
import type { SlowRegistry } from './registry.ts';

const policy = { attempts: 2, first: 2_000, max: 600_000 };

/** Opened once for many schedules, for that takes longer than one of them; and anew after each crash. */
export interface Database {
  open(): State;
  close(): void;
}

export interface MirrorOptions {
  database: Database;
  clock: FakeClock;
  rules: Ruleset;
  source: SlowRegistry;
  destination: SlowRegistry;
}

/** One life of the program between two registries. A crash ends it: nothing that it waits for comes any more. */
export class Mirror {
  readonly state: State;
  readonly enqueue: Enqueue;
  readonly dispatcher: Dispatcher;
  /** What must not happen. */
  readonly faults: TaskEvent[] = [];
  dead = false;
  readonly #database: Database;

  constructor({ database, clock: time, rules, source, destination }: MirrorOptions) {
    this.#database = database;
    const state = database.open();
    this.state = state;
    const clock = this.#mortal(time);
    const ends = (task: { sourceRepository: string; destinationRepository: string }) => ({
      source: source.repository(task.sourceRepository, this),
      destination: destination.repository(task.destinationRepository, this),
      traffic: new BlobTraffic(),
    });
    const options = { ends, wanted: () => true, policy, clock };
    this.dispatcher = new Dispatcher({
      store: state.dispatch,
      work: (task, signal) => work(task, options, signal),
      clock,
      concurrency: 3,
      destinations: 1,
      longestWait: 7_200_000,
      listener: (event) => void (event.kind === 'faulted' && this.faults.push(event)),
    });
    const onEntered = (): void => this.dispatcher.wake();
    this.enqueue = new Enqueue({ store: state.enqueue, rules: () => rules, clock, onEntered });
    state.recover(clock.now());
    this.dispatcher.wake();
  }

  crash(): void {
    this.end();
    this.#database.close();
  }

  /** No more is to come; the next one takes the database as it is. */
  end(): void {
    this.dead = true;
  }

  async stop(): Promise<void> {
    await this.dispatcher.stop(0);
    this.crash();
  }

  /** Whoever is dead is not woken. */
  #mortal(clock: FakeClock): Clock {
    const never = (): Promise<void> => new Promise(() => undefined);
    return {
      now: () => clock.now(),
      random: () => clock.random(),
      after: (ms, wake) => clock.after(ms, () => void (this.dead || wake())),
      sleep: (ms, signal) => clock.sleep(ms, signal).then(() => (this.dead ? never() : undefined)),
    };
  }
}
