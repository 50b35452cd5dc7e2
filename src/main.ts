import { readFileSync } from 'node:fs';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';
import { Journal } from './main/journal.ts';
import { ConfiguredRegistries } from './main/registries.ts';
import { forgiving } from './main/uploads.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { Ruleset } from './rule/match.ts';
import { createApp } from './server/app.ts';
import type { Health } from './server/health.ts';
import { listen } from './server/listen.ts';
import { openState } from './state/state.ts';
import type { State } from './state/state.ts';
import { Dispatcher } from './task/dispatcher.ts';
import { Enqueue } from './task/enqueue.ts';
import { Prune } from './task/prune.ts';
import { resync } from './task/resync.ts';
import { Schedule } from './task/schedule.ts';
import { StorageError } from './task/store.ts';
import { Sweeper } from './task/sweep.ts';
import type { Task } from './task/task.ts';
import { work } from './task/worker.ts';

const hour = 3_600_000;

/** A running mirror. */
export interface Mirror {
  /** Where it listens. */
  url: string;
  /** Takes no new work, gives running copies `shutdownGrace`, and closes everything. */
  stop(): Promise<void>;
}

/**
 * Puts the parts together and starts them. Throws `DatabaseError`, `ListenError`, and what files that cannot be
 * read throw; nothing runs then.
 */
export async function startMirror(config: Config, log: Log, clock: Clock = systemClock): Promise<Mirror> {
  const state = openState(config.database);
  try {
    return await new Parts(config, state, log, clock).start();
  } catch (error) {
    state.close();
    throw error;
  }
}

/** The parts of a mirror, each made once and given what it needs. */
class Parts {
  readonly #config: Config;
  readonly #state: State;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #journal: Journal;
  readonly #rules: Ruleset;
  readonly #registries: ConfiguredRegistries;
  readonly #dispatcher: Dispatcher;
  readonly #enqueue: Enqueue;
  readonly #sweeper: Sweeper;
  readonly #schedule: Schedule | undefined;
  readonly #prune: Prune;
  #stopping = false;

  constructor(config: Config, state: State, log: Log, clock: Clock) {
    this.#config = config;
    this.#state = state;
    this.#log = log;
    this.#clock = clock;
    this.#metrics = createMetrics({ taskCounts: () => state.tasks.counts() });
    const journal = new Journal(log, this.#metrics);
    this.#journal = journal;
    this.#rules = new Ruleset(config.rules);
    this.#registries = new ConfiguredRegistries(
      config.registries,
      clock,
      (registry, method, status) =>
        this.#metrics.registryRequest(registry, method, status === 0 ? undefined : status),
      forgiving(state.uploads, log),
    );
    this.#dispatcher = this.#newDispatcher(journal);
    this.#enqueue = new Enqueue({
      store: state.enqueue,
      rules: () => this.#rules,
      clock,
      onEntered: () => this.#dispatcher.wake(),
      listener: (entry, entered) => journal.entered(entry, entered),
    });
    this.#sweeper = this.#newSweeper(journal);
    const { schedule } = config.sweep;
    if (schedule !== 'off') this.#schedule = new Schedule(schedule, clock, () => this.#sweep('schedule'));
    this.#prune = new Prune({
      store: state.prune,
      clock,
      keep: config.dispatch.retention,
      onError: (error) => log.error('old tasks could not be removed; trying again later', { error }),
    });
  }

  async start(): Promise<Mirror> {
    const recovered = this.#state.recover(this.#clock.now());
    if (recovered.tasks > 0)
      this.#log.warn('tasks of an interrupted run put back', { tasks: recovered.tasks });
    const { listen: address, tls } = this.#config.server;
    const files = tls && { tls: { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) } };
    const listening = await listen(this.#app(), { ...address, ...files, clock: this.#clock });
    this.#log.info('listening', { url: listening.url, database: this.#config.database });
    this.#dispatcher.wake();
    this.#schedule?.start();
    this.#prune.start();
    if (this.#config.sweep.onStart) this.#sweep('start');
    return { url: listening.url, stop: () => this.#stop(listening) };
  }

  /** Deliveries are taken to the end: what is answered with 202 is done after the next start. */
  async #stop(listening: Awaited<ReturnType<typeof listen>>): Promise<void> {
    this.#stopping = true;
    const { shutdownGrace } = this.#config.server;
    this.#log.info('stopping', { graceSeconds: shutdownGrace / 1000 });
    this.#schedule?.stop();
    await Promise.all([this.#prune.stop(), this.#sweeper.stop(), this.#dispatcher.stop(shutdownGrace)]);
    await listening.close(1000);
    // Whatever was begun by a request meanwhile.
    await this.#sweeper.stop();
    await this.#registries.close();
    this.#state.close();
    this.#log.info('stopped');
  }

  #newDispatcher(journal: Journal): Dispatcher {
    const clock = this.#clock;
    const { concurrency, attempts, backoff } = this.#config.dispatch;
    const policy = { attempts, ...backoff };
    const ends = this.#registries.ends.bind(this.#registries);
    const wanted = (task: Task): boolean =>
      this.#rules.owns(task.source, task.sourceRepository, task.destination, task.destinationRepository);
    return new Dispatcher({
      store: this.#state.dispatch,
      work: (task, signal) => work(task, { ends, wanted, policy, clock }, signal),
      clock,
      concurrency,
      // A registry may ask for an hour (`parseRetryAfter`), whatever the configuration says.
      longestWait: Math.max(backoff.max, hour) + hour,
      listener: (event) => journal.task(event),
    });
  }

  #newSweeper(journal: Journal): Sweeper {
    return new Sweeper({
      store: this.#state.sweeps,
      registries: this.#registries,
      rules: this.#rules,
      submit: (entry) => this.#enqueue.submit(entry),
      clock: this.#clock,
      listener: (sweep) => journal.sweep(sweep),
    });
  }

  #sweep(trigger: 'schedule' | 'start'): void {
    try {
      const id = this.#sweeper.start({ dryRun: false, trigger });
      if (id === undefined) this.#log.warn('sweep left out: the one before is still running', { trigger });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#log.error('sweep left out: the database does not take it', { trigger, error });
    }
  }

  #app(): ReturnType<typeof createApp> {
    const { webhook, admin } = this.#config;
    return createApp({
      clock: this.#clock,
      log: this.#log,
      webhook: { ...webhook, receive: (event) => this.#enqueue.receive(event) },
      admin: { tokens: admin.tokens, ...this.#adminApi() },
      health: { live: () => this.#live(), ready: () => this.#ready() },
      metrics: { contentType: this.#metrics.contentType, text: () => this.#metrics.text() },
      onDelivery: (outcome) => this.#metrics.webhookDelivery(outcome),
    });
  }

  #adminApi(): Omit<NonNullable<Parameters<typeof createApp>[0]['admin']>, 'tokens'> {
    const { tasks, sweeps } = this.#state;
    const sweeper = this.#sweeper;
    return {
      tasks: {
        list: (query) => tasks.list(query),
        get: (id) => tasks.get(id),
        retry: (id) => this.#retry(id),
        cancel: (id) => this.#cancel(id),
      },
      resync: (request) => this.#resync(request),
      sweeps: {
        get: (id) => sweeps.get(id),
        list: (limit, before) => sweeps.list(limit, before),
        start: (request) => sweeper.start({ ...request, trigger: 'admin' }),
        get running() {
          return sweeper.running;
        },
      },
      rules: {
        list: () => this.#config.rules,
        test: (repository, tags) => this.#rules.explain(repository, tags),
      },
    };
  }

  #retry(id: number): ReturnType<State['tasks']['retry']> {
    const done = this.#state.tasks.retry(id, this.#clock.now());
    if (done !== 'done') return done;
    this.#journal.asked('retry', id);
    this.#dispatcher.wake();
    return done;
  }

  #cancel(id: number): ReturnType<State['tasks']['cancel']> {
    const done = this.#state.tasks.cancel(id, this.#clock.now());
    if (done === 'done' || done === 'running') this.#journal.asked('cancel', id);
    if (done === 'running') this.#dispatcher.cancel(id);
    return done;
  }

  #resync(request: Parameters<typeof resync>[0]): ReturnType<typeof resync> {
    return resync(request, {
      registries: this.#registries,
      rules: this.#rules,
      submit: (entry) => this.#enqueue.submit(entry),
      clock: this.#clock,
    });
  }

  #live(): Health {
    return { status: 'ok', checks: {} };
  }

  #ready(): Health {
    if (this.#stopping) return { status: 'stopping', checks: {} };
    try {
      this.#state.writable();
      return { status: 'ok', checks: { database: 'ok', migrations: 'ok' } };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { status: 'unavailable', checks: { database: error.message, migrations: 'ok' } };
    }
  }
}
