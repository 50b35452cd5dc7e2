import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Reason } from './copy/error.ts';
import { causes } from './task/task.ts';
import type { Cause, Outcome, TaskState } from './task/task.ts';

export type DeliveryOutcome =
  'accepted' | 'ignored' | 'unauthorized' | 'invalid' | 'too-large' | 'unsupported' | 'unavailable';

/** How an attempt ended: the outcome of a completed task, or the state that the task is in now. */
export type AttemptResult = Outcome | 'available' | 'retryable' | 'discarded' | 'cancelled';

export type BlobOutcome = 'copied' | 'mounted' | 'skipped';

export interface MetricsSources {
  /** Asked each time the metrics are read; may throw. */
  taskCounts(): Record<TaskState, number>;
  /** Likewise: how many requests each registry may have in flight now. */
  registryWidths?(): Iterable<readonly [registry: string, width: number]>;
}

/** Everything that Tagferry counts. Label values come from closed sets, and registries' names from the configuration. */
export interface Metrics {
  webhookDelivery(outcome: DeliveryOutcome): void;
  /** `reason` is missing when nothing went wrong. */
  taskAttempt(result: AttemptResult, reason?: Reason): void;
  /** Seconds from the event, or when the change was first seen, to the tag verified at its destination. */
  lag(seconds: number): void;
  copied(bytes: number): void;
  blobs(outcome: BlobOutcome, count: number): void;
  /** `status` is missing when there was no answer. */
  registryRequest(registry: string, method: string, status?: number): void;
  sweepDuration(seconds: number): void;
  /** Seconds since 1970. */
  sweepSucceeded(timestamp: number): void;
  /** Changes that no webhook has told of. */
  missed(cause: Cause, count: number): void;
  /** Destination tags that the audit has found to name something else, or nothing. */
  mismatched(count: number): void;
  /** What Prometheus reads. */
  text(): Promise<string>;
  readonly contentType: string;
}

const deliveryOutcomes: readonly DeliveryOutcome[] = [
  'accepted',
  'ignored',
  'unauthorized',
  'invalid',
  'too-large',
  'unsupported',
  'unavailable',
];
const blobOutcomes: readonly BlobOutcome[] = ['copied', 'mounted', 'skipped'];
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
const lagBuckets = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600];
const sweepBuckets = [1, 5, 15, 60, 300, 900, 3600, 14_400];

/** A set of metrics of its own: nothing is shared with another one in the same process. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addTaskCounts(registry, sources);
  addRegistryWidths(registry, sources);
  return {
    ...webhookMetrics(registry),
    ...taskMetrics(registry),
    ...copyMetrics(registry),
    ...sweepMetrics(registry),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function counter<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
): Counter<L> {
  return new Counter({ name, help, labelNames, registers: [registry] });
}

/** Counted in the database at the moment of reading, so that a restart does not change it. */
function addTaskCounts(registry: Registry, { taskCounts }: MetricsSources): void {
  const tasks = new Gauge({
    name: 'tagferry_tasks',
    help: 'Tasks by state',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      tasks.reset();
      for (const [state, count] of Object.entries(countsOrNone())) tasks.set({ state }, count);
    },
  });

  /** While the database cannot be read its figures are missing; `/readyz` says why, the others are needed all the more. */
  function countsOrNone(): Partial<Record<TaskState, number>> {
    try {
      return taskCounts();
    } catch {
      return {};
    }
  }
}

/** Of the registries that are configured now. */
function addRegistryWidths(registry: Registry, { registryWidths = () => [] }: MetricsSources): void {
  const widths = new Gauge({
    name: 'tagferry_registry_concurrency',
    help: 'Requests to a registry that may be in flight now: as configured, or fewer where it does not bear so many',
    labelNames: ['registry'],
    registers: [registry],
    collect() {
      widths.reset();
      for (const [name, width] of registryWidths()) widths.set({ registry: name }, width);
    },
  });
}

function webhookMetrics(registry: Registry): Pick<Metrics, 'webhookDelivery'> {
  const help = 'Webhook deliveries by what became of them';
  const deliveries = counter(registry, 'tagferry_webhook_deliveries_total', help, ['outcome']);
  for (const outcome of deliveryOutcomes) deliveries.inc({ outcome }, 0);
  return { webhookDelivery: (outcome) => deliveries.inc({ outcome }) };
}

function taskMetrics(registry: Registry): Pick<Metrics, 'taskAttempt' | 'lag'> {
  const help = 'Attempts by how they ended, and the reason of those that failed';
  const attempts = counter(registry, 'tagferry_task_attempts_total', help, ['result', 'reason']);
  const lag = new Histogram({
    name: 'tagferry_lag_seconds',
    help: "From the event's time, or when the change was first seen, to the tag verified at its destination",
    buckets: lagBuckets,
    registers: [registry],
  });
  return {
    taskAttempt: (result, reason) => attempts.inc({ result, reason: reason ?? '' }),
    lag: (seconds) => lag.observe(Math.max(0, seconds)), // the sender's clock may be ahead of ours
  };
}

function copyMetrics(registry: Registry): Pick<Metrics, 'copied' | 'blobs' | 'registryRequest'> {
  const bytes = counter(
    registry,
    'tagferry_copied_bytes_total',
    'Bytes of the blobs that were copied to destinations',
    [],
  );
  const blobs = counter(registry, 'tagferry_blobs_total', 'Blobs by what had to be done', ['outcome']);
  for (const outcome of blobOutcomes) blobs.inc({ outcome }, 0);
  const help = 'Requests to registries; status `none` when there was no answer';
  const labels = ['registry', 'method', 'status'];
  const requests = counter(registry, 'tagferry_registry_requests_total', help, labels);
  return {
    copied: (count) => bytes.inc(count),
    blobs: (outcome, count) => blobs.inc({ outcome }, count),
    registryRequest: (name, method, status) =>
      requests.inc({ registry: name, method: knownMethod(method), status: knownStatus(status) }),
  };
}

function knownMethod(method: string): string {
  return methods.has(method) ? method : 'other';
}

function knownStatus(status: number | undefined): string {
  if (status === undefined) return 'none';
  return status >= 100 && status <= 599 ? String(status) : 'other';
}

function sweepMetrics(
  registry: Registry,
): Pick<Metrics, 'sweepDuration' | 'sweepSucceeded' | 'missed' | 'mismatched'> {
  const registers = [registry];
  const duration = new Histogram({
    name: 'tagferry_sweep_duration_seconds',
    help: 'Time that a sweep took',
    buckets: sweepBuckets,
    registers,
  });
  const success = new Gauge({
    name: 'tagferry_sweep_last_success_timestamp_seconds',
    help: 'When the last sweep that compared everything ended; missing until there was one',
    registers,
  });
  success.remove(); // a 0 would say 1970
  const missed = counter(registry, 'tagferry_missed_events_total', 'Changes that no webhook has told of', [
    'cause',
  ]);
  for (const cause of causes) missed.inc({ cause }, 0);
  const help = 'Destination tags that the audit has found changed, or gone';
  const mismatched = counter(registry, 'tagferry_audit_mismatched_total', help, []);
  return {
    sweepDuration: (seconds) => duration.observe(seconds),
    sweepSucceeded: (timestamp) => success.set(timestamp),
    missed: (cause, count) => missed.inc({ cause }, count),
    mismatched: (count) => mismatched.inc(count),
  };
}
