import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/clock.ts';
import type { Reason } from '../../src/copy/error.ts';
import { hintFor } from '../../src/doctor/hint.ts';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';
import { createApp, type AppOptions } from '../../src/server/app.ts';
import type { Health } from '../../src/server/health.ts';
import { listen, type Listening, type ListenOptions } from '../../src/server/listen.ts';
import type { Reload } from '../../src/server/reload.ts';
import type { Sweeps } from '../../src/server/sweeps.ts';
import type { Resync } from '../../src/server/tasks.ts';
import type { WebhookProtection } from '../../src/server/webhook.ts';
import { openState, type State } from '../../src/state/state.ts';
import { Enqueue } from '../../src/task/enqueue.ts';
import { explain, recall } from '../../src/task/explain.ts';
import type { Registries } from '../../src/task/registries.ts';
import type { ResyncRequest } from '../../src/task/resync.ts';
import { LeapingClock } from '../registry/clock.ts';
import { clientOf as registryClientOf } from '../registry/stand.ts';
import { type Received, type Sent, send } from '../support/http.ts';
import { harborConfig, registryConfig } from '../support/registry-config.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

export const secret = 'Bearer s3cret';
export const token = 'a-token-for-the-admin-api';
export const now = Date.UTC(2026, 10, 23, 12);

export const rules: Rule[] = [
  {
    name: 'everything',
    source: 'harbor',
    repositories: ['**', '!private/**'],
    tags: ['**', '!*-rc*'],
    destination: 'acr',
    destinationType: 'oci',
    repository: 'mirror/{repository}',
    tag: '{tag}',
  },
];

export interface Stand {
  url: string;
  state: State;
  server: Listening;
  /** Outcomes of deliveries, in order. */
  deliveries: string[];
  /** Everything that was logged. */
  logged: { level: string; message: string; fields: Record<string, unknown> }[];
  /** What the health checks say; a test may change it. */
  health: { live: Health; ready: Health };
  post(body: string | Uint8Array, headers?: Record<string, string>): Promise<Received>;
  /** A request to `/api/v1` with the token; `body` is sent as JSON. */
  api(method: string, path: string, body?: unknown): Promise<Received>;
}

/** The oldest task is begun, and its first attempt fails; it is tried again at `at`. */
export function failOnce(
  { dispatch }: State,
  { at, waited = false, ...failure }: { reason: Reason; message: string; at: number; waited?: boolean },
) {
  const claimed = dispatch.claim(now, {});
  assert.ok(claimed);
  const amounts = { bytes: 7, copied: 1, mounted: 2, skipped: 3 };
  const attempt = { number: 1, startedAt: now, finishedAt: now + 500, ...amounts };
  dispatch.settle(claimed, { ...attempt, ...failure }, { kind: 'retry', at, ...failure, waited }, now + 500);
  return { claimed, attempt };
}

export interface StandOptions {
  webhook?: Partial<WebhookProtection> & Partial<Pick<AppOptions['webhook'], 'receive'>>;
  tokens?: string[];
  resync?: Resync;
  /** Of `harbor` and `acr`; where there are none, each connection is refused. */
  registries?: Pick<Registries, 'source' | 'destination'>;
  reload?: Reload;
  maxPages?: number;
  timeouts?: NonNullable<ListenOptions['timeouts']>;
  clock?: Clock;
}

/** The real thing behind a real socket: state in a temporary SQLite file, rules, and what takes events in. */
export async function startStand(t: Ending, options: StandOptions = {}): Promise<Stand> {
  const { maxPages, timeouts } = options;
  const folder = await temporaryFolder(t);
  const state = openState(join(folder, 'tagferry.db'), maxPages === undefined ? {} : { maxPages });
  const told = { deliveries: [], logged: [], health: healthy() } satisfies Partial<Stand>;
  const app = createApp(appOptions(state, told, { registries: nowhere(t), ...options }));
  const clock = options.clock ?? systemClock;
  const server = await listen(app, { host: '127.0.0.1', port: 0, clock, ...(timeouts && { timeouts }) });
  t.after(async () => {
    await server.close(0);
    state.close();
  });
  return { url: server.url, state, server, ...told, ...clientOf(server.url) };
}

/** Nobody answers there. */
function nowhere(t: Ending): Pick<Registries, 'source' | 'destination'> {
  const client = registryClientOf(t, 'http://127.0.0.1:1', { clock: new LeapingClock() });
  const repository = (_registry: string, name: string) => client.repository(name, 'pull', 'look');
  return { source: repository, destination: repository };
}

function healthy(): Stand['health'] {
  return { live: { status: 'ok', checks: {} }, ready: { status: 'ok', checks: { database: 'ok' } } };
}

function appOptions(
  state: State,
  { deliveries, logged, health }: Pick<Stand, 'deliveries' | 'logged' | 'health'>,
  {
    webhook = {},
    tokens = [token],
    resync,
    reload,
    registries,
    clock = { ...systemClock, now: () => now },
  }: StandOptions & Required<Pick<StandOptions, 'registries'>>,
): AppOptions {
  const ruleset = new Ruleset(rules);
  const enqueue = new Enqueue({ store: state.enqueue, rules: () => ruleset, clock });
  const protection = { secrets: [secret], allowUnauthenticated: false, ...webhook };
  const log =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      void logged.push({ level, message, fields });
  return {
    clock,
    log: { error: log('error'), warn: log('warn') },
    webhook: {
      protection: () => protection,
      receive: webhook.receive ?? ((event) => enqueue.receive(event)),
    },
    admin: {
      tokens: () => tokens,
      tasks: {
        list: (query) => state.tasks.list(query),
        get: (id) => state.tasks.get(id),
        retry: (id) => state.tasks.retry(id, now),
        cancel: (id) => state.tasks.cancel(id, now),
      },
      resync: resync ?? ((request) => copyAgain(enqueue, ruleset, request)),
      sweeps: sweepsOf(state),
      rules: { list: () => rules, test: (repository, tags) => ruleset.explain(repository, tags) },
      explain: (reference) => {
        const { enqueue: events, tasks, records } = state;
        const recalled = recall(reference, { rules: ruleset, events, tasks, records });
        const hint = hintFor([harborConfig(), registryConfig()]);
        return explain(recalled, { registries, hint, clock, from: 'mirror' });
      },
      reload: reload ?? (() => Promise.resolve('stopping')),
    },
    health: { live: () => health.live, ready: () => health.ready },
    metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'tagferry_up 1\n' },
    onDelivery: (outcome) => void deliveries.push(outcome),
  };
}

async function copyAgain(
  enqueue: Enqueue,
  ruleset: Ruleset,
  { repository, tag = 'latest', force }: ResyncRequest,
): Promise<number[] | undefined> {
  const wanted = ruleset.match(repository, tag);
  if (wanted.length === 0) return undefined;
  const entered = await enqueue.submit({ door: 'admin', force, wantedAt: now, wanted });
  return entered.tasks;
}

/** Sweeps that begin, are kept, and end when the test says so: by `state.sweeps.save`. */
function sweepsOf({ sweeps }: State): Sweeps {
  return {
    get: (id) => sweeps.get(id),
    list: (limit, before) => sweeps.list(limit, before),
    start(request) {
      if (this.running !== undefined) return undefined;
      return sweeps.begin({ ...request, trigger: 'admin' }, now).id;
    },
    get running() {
      return sweeps.list(200).find(({ state }) => state === 'running')?.id;
    },
  };
}

function clientOf(url: string): Pick<Stand, 'post' | 'api'> {
  return {
    post(body, headers = {}) {
      const all = { 'Content-Type': 'application/json', Authorization: secret, ...headers };
      return send(`${url}/webhooks/harbor`, { method: 'POST', headers: all, body: Buffer.from(body) });
    },
    api(method, path, body) {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
      const sent: Sent = { method, headers };
      if (body !== undefined) sent.body = Buffer.from(JSON.stringify(body));
      return send(`${url}/api/v1${path}`, sent);
    },
  };
}

/** A push of one tag in Harbor's Default format. */
export function push(repository: string, tag: string): string {
  const digest = `sha256:${'0'.repeat(64)}`;
  const event = { resources: [{ digest, tag }], repository: { repo_full_name: repository } };
  return JSON.stringify({ type: 'PUSH_ARTIFACT', occur_at: now / 1000, operator: 'me', event_data: event });
}

export function jsonOf(received: Received) {
  return JSON.parse(received.body.toString());
}
