import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createLog } from '../../src/log.ts';
import { Journal } from '../../src/main/journal.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Task } from '../../src/task/task.ts';

const ends = {
  rule: 'all',
  source: 'harbor',
  sourceRepository: 'library/web',
  sourceTag: 'v1',
  destination: 'acr',
  destinationRepository: 'library/web',
  destinationTag: 'v1',
};
const counts = { available: 0, running: 0, retryable: 0, completed: 0, discarded: 0, cancelled: 0 };
const task: Task = {
  ...ends,
  id: 7,
  state: 'completed',
  door: 'webhook',
  force: false,
  generation: 2,
  attempts: 1,
  createdAt: 1_000,
  wantedAt: 1_000,
  runAt: 1_000,
};
const attempt = {
  number: 1,
  startedAt: 2_000,
  finishedAt: 4_000,
  bytes: 10,
  copied: 1,
  mounted: 0,
  skipped: 2,
};

function stand() {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line));
      done();
    },
  });
  const metrics = createMetrics({ taskCounts: () => counts });
  const journal = new Journal(createLog({ level: 'debug', format: 'json', stream }), metrics);
  return { journal, metrics, lines };
}

test('the lag is of what the attempt was for, though a newer push has joined', async () => {
  const { journal, metrics } = stand();
  const verdict = { kind: 'complete', outcome: 'copied', again: false } as const;
  const now: Task = { ...task, state: 'available', wantedAt: 3_900 };
  journal.task({
    kind: 'settled',
    task: now,
    attempt: { ...attempt, outcome: 'copied' },
    verdict,
    wantedAt: 1_000,
  });
  assert.match(await metrics.text(), /^tagferry_lag_seconds_sum 3$/m);
});

test("every event in a task's life is one line with its id", () => {
  const { journal, lines } = stand();
  const entry = { door: 'webhook', force: false, wantedAt: 1_000, wanted: [ends] } as const;
  journal.entered(entry, { tasks: [7], created: 1, refused: 0 });
  journal.entered(entry, { tasks: [7], created: 0, refused: 0 });
  const refused = { ...ends, reason: 'name-invalid', message: 'too long' } as const;
  journal.entered({ ...entry, wanted: [refused] }, { tasks: [8], created: 0, refused: 1 });
  journal.task({ kind: 'started', task });
  journal.task({ kind: 'released', task });
  const verdict = { kind: 'discard', reason: 'tls', message: 'expired' } as const;
  const failed = { ...attempt, reason: 'tls', message: 'expired' } as const;
  journal.task({
    kind: 'settled',
    task: { ...task, state: 'discarded' },
    attempt: failed,
    verdict,
    wantedAt: 1,
  });
  journal.asked('retry', 7);
  journal.asked('cancel', 7);
  assert.deepEqual(
    lines.map(({ level, message, task: id }) => [level, message, id]),
    [
      ['info', 'task enqueued', 7],
      ['debug', 'task enqueued', 7],
      ['error', 'task discarded', 8],
      ['info', 'task started', 7],
      ['info', 'task put back', 7],
      ['error', 'task discarded', 7],
      ['info', 'task to be tried again', 7],
      ['info', 'task to be cancelled', 7],
    ],
  );
  assert.deepEqual([lines[2]?.reason, lines[2]?.detail], ['name-invalid', 'too long']);
  assert.deepEqual([lines[5]?.reason, lines[5]?.detail], ['tls', 'expired']);
});

test('names that are never copied: a line each, once a sweep, and how many more there are', () => {
  const { journal, lines } = stand();
  const counts = { listed: 0, unchanged: 0, enqueued: 0, missed: 0, audited: 0, mismatched: 0, failed: 0 };
  const names = {
    collisions: 2,
    invalidNames: 3,
    nameErrors: ['a and b would both become c', 'd would become e'],
  };
  const what = { id: 3, dryRun: false, trigger: 'schedule', state: 'completed', startedAt: 0 } as const;
  journal.sweep({ ...what, ...counts, ...names, causes: {}, errors: [] });
  const told = lines.map(({ level, message, detail, names: more, collisions, invalidNames }) => [
    level,
    message,
    detail ?? more ?? [collisions, invalidNames],
  ]);
  assert.deepEqual(told, [
    ['error', 'a name that is never copied', 'a and b would both become c'],
    ['error', 'a name that is never copied', 'd would become e'],
    ['error', 'more names that are never copied', 3],
    ['info', 'sweep done', [2, 3]],
  ]);
});
