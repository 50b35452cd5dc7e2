import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobTraffic } from '../../src/copy/blob.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import type { Task } from '../../src/task/task.ts';
import { type Ends, work } from '../../src/task/worker.ts';
import { enter, taskOf, temporaryState, wanted } from '../state/open.ts';
import { unavailable } from '../support/fault.ts';
import { dockerImage, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import type { Ending } from '../support/temporary.ts';
import { type Stand, startStand } from './sweep-stand.ts';

const policy = { attempts: 3, first: 1_000, max: 60_000 };
const image = ociImage('worker');
const bytes = image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);

/** A claimed task `library/app:v1`, between two registries. */
async function startWork(t: Ending, other: Partial<Task> = {}) {
  const { state } = await temporaryState(t);
  const task = { ...taskOf(state, enter(state, wanted()).task.id), attempts: 1, ...other };
  const stand = await startStand(t);
  return { ...stand, task, ends: () => endsOf(stand, task) };
}

function endsOf({ registries }: Stand, task: Task): Ends {
  return {
    source: registries.source(task.source, task.sourceRepository),
    destination: registries.destination(task.destination, task.destinationRepository),
    traffic: new BlobTraffic(),
  };
}

const always = (): boolean => true;
const never = new AbortController().signal;

test('a copy: what was done, and that it is complete', async (t) => {
  const { harbor, acr, clock, task, ends } = await startWork(t);
  const digest = await push(harbor.url, 'library/app', 'v1', image);
  const { attempt, verdict } = await work(task, { ends, wanted: always, policy, clock }, never);
  const times = { number: 1, startedAt: clock.now(), finishedAt: clock.now() };
  const counts = { copied: 3, mounted: 0, skipped: 0, bytes };
  assert.deepEqual(attempt, { ...times, ...counts, outcome: 'copied', digest });
  assert.deepEqual(verdict, { kind: 'complete', outcome: 'copied', again: false });
  assert.equal(await digestOfTag(acr.url, 'library/app', 'v1'), digest);
});

test('nothing to do, and nothing there', async (t) => {
  const { harbor, clock, task, ends } = await startWork(t);
  const gone = await work(task, { ends, wanted: always, policy, clock }, never);
  assert.deepEqual([gone.attempt.outcome, gone.attempt.digest], ['source-gone', undefined]);
  const digest = await push(harbor.url, 'library/app', 'v1', image);
  await work(task, { ends, wanted: always, policy, clock }, never);
  const same = await work(task, { ends, wanted: always, policy, clock }, never);
  assert.deepEqual([same.attempt.outcome, same.attempt.digest, same.attempt.bytes], ['unchanged', digest, 0]);
});

test('a tag that moved meanwhile is to be copied once more', async (t) => {
  const { harbor, acr, clock, task, ends } = await startWork(t);
  await push(harbor.url, 'library/app', 'v1', image);
  acr.faults.once(/^PUT .*manifests/, async (_call, next) => {
    await push(harbor.url, 'library/app', 'v1', ociImage('newer'));
    return next();
  });
  const { verdict } = await work(task, { ends, wanted: always, policy, clock }, never);
  assert.deepEqual(verdict, { kind: 'complete', outcome: 'copied', again: true });
});

test('a failure: the reason, and what was done before it', async (t) => {
  const { harbor, acr, clock, task, ends } = await startWork(t);
  await push(harbor.url, 'library/app', 'v1', image);
  acr.faults.always(/^PUT .*manifests/, unavailable());
  const { attempt, verdict } = await work(task, { ends, wanted: always, policy, clock }, never);
  assert.deepEqual(
    [attempt.outcome, attempt.reason, attempt.copied, attempt.bytes, attempt.digest],
    [undefined, 'unreachable', 3, bytes, image.descriptor.digest],
  );
  assert.match(attempt.message ?? '', /^write v1 at the destination: PUT .* answered 503/);
  assert.equal(verdict.kind, 'retry');
});

test('what no rule wants any more is cancelled, and no registry is asked', async (t) => {
  const { clock, task } = await startWork(t);
  const ends = (): never => assert.fail('nothing is to be copied');
  const { attempt, verdict } = await work(task, { ends, wanted: () => false, policy, clock }, never);
  assert.equal(attempt.message, 'no rule sends harbor/library/app to acr/library/app any more');
  assert.deepEqual([attempt.reason, verdict], [undefined, { kind: 'cancel' }]);
});

test('a registry that is not configured any more', async (t) => {
  const { clock, task } = await startWork(t, { attempts: policy.attempts });
  const ends = (): never => {
    throw new Error('registry harbor is not in the configuration any more');
  };
  const { attempt, verdict } = await work(task, { ends, wanted: always, policy, clock }, never);
  assert.equal(attempt.reason, 'internal');
  assert.deepEqual([verdict.kind, 'reason' in verdict && verdict.reason], ['discard', 'internal']);
});

test('an abort is no failure of the task', async (t) => {
  const { harbor, clock, task, ends } = await startWork(t);
  const controller = new AbortController();
  const reason = new Error('stopping');
  harbor.faults.always(/manifests/, async (_call, next) => {
    controller.abort(reason);
    return next();
  });
  await assert.rejects(
    work(task, { ends, wanted: always, policy, clock }, controller.signal),
    (error) => error === reason,
  );
});

test('a copy that no platform is wanted of: nothing to do, and no outcome that a task could have', async (t) => {
  const { harbor, acr, clock, task, ends } = await startWork(t);
  const digest = await push(harbor.url, 'library/app', 'v1', dockerImage('worker'));
  const platforms = parsePlatforms({ os: ['windows'], arch: [] });
  assert.ok(platforms);
  const options = { ends, wanted: always, policy, clock, asked: { platforms } };
  const { attempt, verdict, result } = await work(task, options, never);
  assert.deepEqual([attempt.outcome, attempt.reason, attempt.digest], [undefined, undefined, digest]);
  assert.equal(attempt.message, 'no manifest fits the platforms that are wanted');
  assert.deepEqual(verdict, { kind: 'cancel' });
  assert.deepEqual(result, { outcome: 'filtered', digest });
  assert.equal(await digestOfTag(acr.url, 'library/app', 'v1'), undefined);
});
