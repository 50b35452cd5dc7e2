import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, type Metrics } from '../../src/metrics.ts';

const counts = { available: 1, running: 2, retryable: 3, completed: 4, discarded: 5, cancelled: 6 };

function open(taskCounts = () => counts): Metrics {
  return createMetrics({ taskCounts });
}

/** The samples of our own metrics, buckets left out. */
async function samples(metrics: Metrics): Promise<string[]> {
  const text = await metrics.text();
  return text.split('\n').filter((line) => line.startsWith('tagferry_') && !line.includes('_bucket'));
}

test('the metrics of the contract, and those of the process', async () => {
  const text = await open().text();
  const types = [...text.matchAll(/^# TYPE (tagferry_\w+) (\w+)$/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  assert.deepEqual(types.toSorted(), [
    'tagferry_audit_mismatched_total counter',
    'tagferry_blobs_total counter',
    'tagferry_copied_bytes_total counter',
    'tagferry_lag_seconds histogram',
    'tagferry_missed_events_total counter',
    'tagferry_registry_concurrency gauge',
    'tagferry_registry_requests_total counter',
    'tagferry_sweep_duration_seconds histogram',
    'tagferry_sweep_last_success_timestamp_seconds gauge',
    'tagferry_task_attempts_total counter',
    'tagferry_tasks gauge',
    'tagferry_webhook_deliveries_total counter',
  ]);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
});

test('how many requests each registry may have in flight is asked when the metrics are read', async () => {
  let width = 8;
  const metrics = createMetrics({ taskCounts: () => counts, registryWidths: () => [['harbor', width]] });
  await metrics.text();
  width = 3;
  const found = (await samples(metrics)).filter((line) => line.startsWith('tagferry_registry_concurrency'));
  assert.deepEqual(found, ['tagferry_registry_concurrency{registry="harbor"} 3']);
});

test('what happened is counted under its labels', async () => {
  const metrics = open();
  metrics.webhookDelivery('accepted');
  metrics.taskAttempt('copied');
  metrics.taskAttempt('retryable', 'unreachable');
  metrics.lag(1.5);
  metrics.lag(-1);
  metrics.copied(1000);
  metrics.copied(24);
  metrics.blobs('mounted', 3);
  metrics.registryRequest('harbor', 'GET', 200);
  metrics.registryRequest('harbor', 'GET');
  metrics.sweepDuration(2);
  metrics.sweepSucceeded(1_795_000_000);
  metrics.missed('delivery-failed', 2);
  metrics.mismatched(3);
  const lines = await samples(metrics);
  for (const expected of [
    'tagferry_webhook_deliveries_total{outcome="accepted"} 1',
    'tagferry_webhook_deliveries_total{outcome="ignored"} 0',
    'tagferry_tasks{state="retryable"} 3',
    'tagferry_task_attempts_total{result="copied",reason=""} 1',
    'tagferry_task_attempts_total{result="retryable",reason="unreachable"} 1',
    'tagferry_lag_seconds_sum 1.5',
    'tagferry_lag_seconds_count 2',
    'tagferry_copied_bytes_total 1024',
    'tagferry_blobs_total{outcome="mounted"} 3',
    'tagferry_registry_requests_total{registry="harbor",method="GET",status="200"} 1',
    'tagferry_registry_requests_total{registry="harbor",method="GET",status="none"} 1',
    'tagferry_sweep_duration_seconds_sum 2',
    'tagferry_sweep_last_success_timestamp_seconds 1795000000',
    'tagferry_missed_events_total{cause="delivery-failed"} 2',
    'tagferry_audit_mismatched_total 3',
    'tagferry_missed_events_total{cause="tag-created-in-harbor"} 0',
    'tagferry_missed_events_total{cause="copy-with-several-tags"} 0',
    'tagferry_missed_events_total{cause="proxy-cache"} 0',
    'tagferry_missed_events_total{cause="unknown"} 0',
  ]) {
    assert.ok(lines.includes(expected), `${expected} is not among\n${lines.join('\n')}`);
  }
});

test('a sweep that never succeeded has no time of success', async () => {
  const lines = await samples(open());
  assert.ok(!lines.some((line) => line.startsWith('tagferry_sweep_last_success')));
});

test('no number of strange values makes more than a bounded number of series', async () => {
  const metrics = open();
  for (let index = 0; index < 1000; index++) {
    metrics.registryRequest('harbor', `METHOD${index}`, 1000 + index);
  }
  const lines = await samples(metrics);
  assert.ok(
    lines.includes('tagferry_registry_requests_total{registry="harbor",method="other",status="other"} 1000'),
  );
});

test('while the database cannot be read the other metrics are still there', async () => {
  let broken = false;
  const metrics = open(() => {
    if (broken) throw new Error('disk I/O error');
    return counts;
  });
  assert.ok((await samples(metrics)).includes('tagferry_tasks{state="running"} 2'));
  broken = true;
  const lines = await samples(metrics);
  assert.ok(!lines.some((line) => line.startsWith('tagferry_tasks{')));
  assert.ok(lines.includes('tagferry_copied_bytes_total 0'));
});

test('two sets in one process share nothing', async () => {
  const first = open();
  const second = open();
  first.copied(5);
  assert.ok((await samples(second)).includes('tagferry_copied_bytes_total 0'));
  assert.match(first.contentType, /^text\/plain; version=0\.0\.4/);
});
