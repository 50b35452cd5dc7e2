import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHarbor } from '../../src/event/harbor.ts';
import { CatchUp } from '../../src/task/catch-up.ts';
import type { Cause } from '../../src/task/task.ts';
import { registryError, unavailable } from '../support/fault.ts';
import { listingPermissions } from '../support/harbor-rest.ts';
import type { Ending } from '../support/temporary.ts';
import { type Stand, bare, hourBefore, startVendors } from './listing-stand.ts';

const { digest } = bare('one').descriptor;
const other = bare('two').descriptor.digest;

/** What one look back has found. */
interface Found {
  missed: Partial<Record<Cause, number>>;
  failed: string[];
}

interface Looking extends Stand {
  lookBack(): Promise<Found>;
  /** `repository:tag cause` of all tasks. */
  causes(): string[];
}

/** It looks ten minutes after everything was pushed, unless told. */
async function startLooking(t: Ending, now = () => hourBefore + 10 * 60_000): Promise<Looking> {
  const stand = await startVendors(t, ['library', 'team'], { permissions: listingPermissions });
  const { registries, rules, enqueue, state, rest } = stand;
  rest.content.policy('library', 'tagferry');
  const catchUp = new CatchUp({
    positions: state.positions,
    source: (name) => registries.listing(name),
    reaches: (source, project) => rules.reads(source, project),
    isKnown: (event) => state.enqueue.isKnown(event),
    makeUp: (event, cause) => enqueue.makeUp(event, cause),
    now,
  });
  const lookBack = async (): Promise<Found> => {
    const found: Found = { missed: {}, failed: [] };
    const missed = (cause: Cause, count: number): void => {
      if (count > 0) found.missed[cause] = (found.missed[cause] ?? 0) + count;
    };
    const failed = (line: string): void => void found.failed.push(line);
    await catchUp.run('harbor', { missed, failed }, new AbortController().signal);
    return found;
  };
  const causes = (): string[] =>
    state.tasks
      .list({ limit: 100 })
      .map(({ sourceRepository, sourceTag, cause }) => `${sourceRepository}:${sourceTag} ${cause}`)
      .toSorted();
  return { ...stand, lookBack, causes };
}

test('deliveries that never came are made up for, whatever Harbor says of them, and each once', async (t) => {
  const { rest, enqueue, lookBack, causes, state } = await startLooking(t);
  rest.content.push('library/app', 'came', digest);
  const [came] = rest.content.executions;
  await enqueue.receive(parseHarbor('application/json', Buffer.from(came?.payload ?? ''), 0));
  for (const status of ['Success', 'Error', 'Running'] as const)
    rest.content.push('library/app', status.toLowerCase(), other, { status });
  assert.deepEqual(await lookBack(), { missed: { 'delivery-failed': 3 }, failed: [] });
  assert.deepEqual(causes(), [
    'library/app:came undefined',
    'library/app:error delivery-failed',
    'library/app:running delivery-failed',
    'library/app:success delivery-failed',
  ]);
  assert.deepEqual(await lookBack(), { missed: {}, failed: [] });
  assert.equal(state.tasks.list({ limit: 100 }).length, 4);
});

test('policies that lead elsewhere, and deliveries that are no pushes, are not ours', async (t) => {
  const { rest, lookBack, causes } = await startLooking(t);
  rest.content.policies.length = 0;
  rest.content.policy('library', 'chat', { address: 'https://hooks.example.com/harbor' });
  rest.content.push('library/app', 'v1', digest, { status: 'Error' });
  assert.deepEqual(await lookBack(), { missed: {}, failed: [] });
  assert.deepEqual(causes(), []);
});

test('tags made in Harbor’s UI or API are found in its audit log, from the first look on', async (t) => {
  const { rest, lookBack, causes } = await startLooking(t);
  rest.content.tag('library/app', 'older', digest);
  assert.deepEqual(await lookBack(), { missed: {}, failed: [] });
  rest.content.tag('library/app', 'made', digest);
  rest.content.push('library/app', 'pushed', other, { silent: true });
  assert.deepEqual(await lookBack(), { missed: { 'tag-created-in-harbor': 1 }, failed: [] });
  assert.deepEqual(causes(), ['library/app:made tag-created-in-harbor']);
  assert.deepEqual((await lookBack()).missed, {});
});

test('a robot that may not look is no failure; an outage is one, and loses nothing', async (t) => {
  const { rest, harbor, lookBack } = await startLooking(t);
  rest.content.push('library/app', 'v1', digest, { status: 'Error' });
  harbor.faults.times(2, /webhook\/policies/, registryError(403, 'FORBIDDEN', 'forbidden'));
  assert.deepEqual(await lookBack(), { missed: {}, failed: [] });
  harbor.faults.clear();
  harbor.faults.always(/executions/, unavailable());
  const { failed } = await lookBack();
  assert.equal(failed.length, 1);
  assert.match(failed[0] ?? '', /^harbor does not tell of its past: .*executions answered 503/);
  harbor.faults.clear();
  assert.deepEqual((await lookBack()).missed, { 'delivery-failed': 1 });
});

test('what Harbor still tries to deliver is left to it, and everything behind', async (t) => {
  let now = hourBefore;
  const { rest, lookBack } = await startLooking(t, () => now);
  rest.content.push('library/app', 'given-up', digest, { status: 'Error' });
  rest.content.push('library/app', 'tried', digest, { status: 'Running' });
  rest.content.push('library/app', 'behind', digest, { status: 'Error' });
  assert.deepEqual((await lookBack()).missed, { 'delivery-failed': 1 });
  now += 6 * 60_000;
  assert.deepEqual((await lookBack()).missed, { 'delivery-failed': 2 });
});

test('what was taken long ago is not taken again when its event has been forgotten here', async (t) => {
  let now = hourBefore + 10 * 60_000;
  const { rest, state, lookBack } = await startLooking(t, () => now);
  await lookBack();
  rest.content.push('library/app', 'v1', digest, { status: 'Error' });
  rest.content.tag('library/app', 'made', digest);
  assert.deepEqual((await lookBack()).missed, { 'delivery-failed': 1, 'tag-created-in-harbor': 1 });
  for (const { id } of state.tasks.list({ limit: 10 })) state.tasks.cancel(id, now);
  now += 31 * 24 * 3_600_000;
  while (state.prune.prune(now, 100) > 0);
  assert.deepEqual((await lookBack()).missed, {});
});

test('a delivery of another policy is known by what it says', async (t) => {
  const { rest, enqueue, lookBack } = await startLooking(t);
  rest.content.push('library/app', 'v1', digest);
  const [execution] = rest.content.executions;
  const event = parseHarbor('application/json', Buffer.from(execution?.payload ?? ''), 0);
  await enqueue.receive({ ...event, id: 'as our own policy calls it' });
  assert.deepEqual(await lookBack(), { missed: {}, failed: [] });
});

test('the first look leaves what is older than a day to the sweep', async (t) => {
  const { rest, lookBack } = await startLooking(t);
  rest.content.push('library/app', 'old', digest, { status: 'Error' });
  const [old] = rest.content.executions;
  assert.ok(old);
  old.startedAt = new Date(hourBefore - 25 * 3_600_000).toISOString();
  rest.content.push('library/app', 'young', other, { status: 'Error' });
  assert.deepEqual((await lookBack()).missed, { 'delivery-failed': 1 });
});

test('a delivery that is dated in the future does not hold up what is behind it', async (t) => {
  const { rest, lookBack } = await startLooking(t);
  rest.content.push('library/app', 'future', digest, { status: 'Running' });
  const [future] = rest.content.executions;
  assert.ok(future);
  future.startedAt = new Date(hourBefore + 365 * 24 * 3_600_000).toISOString();
  rest.content.push('library/app', 'behind', other, { status: 'Error' });
  assert.deepEqual((await lookBack()).missed, { 'delivery-failed': 2 });
});

test('tags made while nobody looked are told apart, however few and old they are', async (t) => {
  const { rest, lookBack } = await startLooking(t);
  rest.content.tag('library/app', 'older', digest);
  await lookBack();
  for (let index = 0; index < 9; index++) rest.content.tag('library/app', `made-${index}`, digest);
  for (const row of rest.content.audit) row.at = new Date(hourBefore - 5 * 3_600_000).toISOString();
  assert.deepEqual((await lookBack()).missed, { 'tag-created-in-harbor': 9 });
});
