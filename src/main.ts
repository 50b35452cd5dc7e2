import { readFileSync } from 'node:fs';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';
import { settleEndpoints } from './main/endpoints.ts';
import type { OnChosen } from './main/endpoints.ts';
import { forgivingUploads } from './main/forgiving.ts';
import { Journal } from './main/journal.ts';
import { ConfiguredRegistries } from './main/registries.ts';
import { Sweeping } from './main/sweeping.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { hintFor } from './doctor/hint.ts';
import { proxiesOf } from './registry/proxy.ts';
import { Ruleset } from './rule/match.ts';
import { createApp } from './server/app.ts';
import type { Health } from './server/health.ts';
import { listen } from './server/listen.ts';
import { openState } from './state/state.ts';
import type { State } from './state/state.ts';
import { Dispatcher } from './task/dispatcher.ts';
import { Enqueue } from './task/enqueue.ts';
import { explain, recall } from './task/explain.ts';
import { Prune } from './task/prune.ts';
import { resync } from './task/resync.ts';
import { StorageError } from './task/store.ts';
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
 * Puts the parts together and starts them. Throws `DatabaseError`, `ListenError`, `ProxyError`, and what files that cannot be
 * read throw; nothing runs then.
 */
export async function startMirror(written: Config, log: Log, clock: Clock = systemClock): Promise<Mirror> {
  const onChosen: OnChosen = (...chosen) => log.info(...chosen);
  const config = await settleEndpoints(written, { env: process.env, onChosen, clock });
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
  readonly #sweeping: Sweeping;
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
      forgivingUploads(state.uploads, log),
      proxiesOf(process.env),
      (...made) => journal.prepared(...made),
    );
    this.#dispatcher = this.#newDispatcher(journal);
    this.#enqueue = new Enqueue({
      store: state.enqueue,
      rules: () => this.#rules,
      clock,
      onEntered: () => this.#dispatcher.wake(),
      listener: (entry, entered) => journal.entered(entry, entered),
    });
    const [registries, rules, enqueue] = [this.#registries, this.#rules, this.#enqueue];
    this.#sweeping = new Sweeping({ config, state, registries, rules, enqueue, journal, log, clock });
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
    this.#prune.start();
    this.#sweeping.start();
    return { url: listening.url, stop: () => this.#stop(listening) };
  }

  /** Deliveries are taken to the end: what is answered with 202 is done after the next start. */
  async #stop(listening: Awaited<ReturnType<typeof listen>>): Promise<void> {
    this.#stopping = true;
    const { shutdownGrace } = this.#config.server;
    this.#log.info('stopping', { graceSeconds: shutdownGrace / 1000 });
    await Promise.all([this.#prune.stop(), this.#sweeping.stop(), this.#dispatcher.stop(shutdownGrace)]);
    await listening.close(1000);
    // Whatever was begun by a request meanwhile.
    await this.#sweeping.stop();
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
      destinations: new Set(this.#config.rules.map(({ destination }) => destination)).size,
      // A registry may ask for an hour (`parseRetryAfter`), whatever the configuration says.
      longestWait: Math.max(backoff.max, hour) + hour,
      listener: (event) => journal.task(event),
    });
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
    const { sweeper } = this.#sweeping;
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
      explain: (reference) => this.#explain(reference),
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

  #explain(reference: Parameters<typeof recall>[0]): ReturnType<typeof explain> {
    const { enqueue: events, tasks, records } = this.#state;
    const recalled = recall(reference, { rules: this.#rules, events, tasks, records });
    const hint = hintFor(this.#config.registries);
    return explain(recalled, { registries: this.#registries, hint, clock: this.#clock, from: 'mirror' });
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
