import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/event/event.ts';
import type { Rule } from '../../src/rule/rule.ts';
import { Ruleset } from '../../src/rule/match.ts';
import type { State } from '../../src/state/state.ts';
import { Enqueue, type EnqueueOptions } from '../../src/task/enqueue.ts';
import { type EnqueueStore, StorageError } from '../../src/task/store.ts';
import {
  attempt,
  claim,
  digestOf,
  entry,
  postpone,
  pushed,
  scanned,
  taskOf,
  temporaryState,
  wanted,
} from '../state/open.ts';
import type { Ending } from '../support/temporary.ts';

const day = 24 * 60 * 60 * 1000;
const now = 100 * day;

const rule: Rule = {
  name: 'library',
  source: 'harbor',
  repositories: ['library/**'],
  tags: ['v*'],
  destination: 'acr',
  destinationType: 'oci',
  repository: '{repository}',
  tag: '{tag}',
};

/** A clock that stands still: nothing here waits for time. */
const clock: EnqueueOptions['clock'] = {
  now: () => now,
  sleep: () => Promise.reject(new RangeError('nobody sleeps here')),
  after: () => ({ cancel: () => undefined }),
  random: () => 0,
};

/** The real store, and how many entries each of its commits took. */
function counted(store: EnqueueStore): { store: EnqueueStore; commits: number[] } {
  const commits: number[] = [];
  const enter: EnqueueStore['enter'] = (batch, at, stillOwns) => {
    commits.push(batch.length);
    return store.enter(batch, at, stillOwns);
  };
  const tagsOf: EnqueueStore['tagsOf'] = (repository, digest) => store.tagsOf(repository, digest);
  const awaitsRelease: EnqueueStore['awaitsRelease'] = (repository) => store.awaitsRelease(repository);
  const isKnown: EnqueueStore['isKnown'] = (event) => store.isKnown(event);
  return { store: { enter, tagsOf, awaitsRelease, isKnown }, commits };
}

async function open(t: Ending, rules: Rule[] = [rule], options: Partial<EnqueueOptions> = {}) {
  const { state } = await temporaryState(t);
  const { store, commits } = counted(state.enqueue);
  const ruleset = new Ruleset(rules);
  const enqueue = new Enqueue({ store, rules: () => ruleset, clock, ...options });
  return { state, enqueue, commits };
}

const newest = (state: State) => taskOf(state, state.tasks.list({ limit: 1 })[0]?.id);

test('a push becomes the tasks that the rules want', async (t) => {
  const second: Rule = { ...rule, name: 'second', tags: ['**'], destination: 'backup' };
  const { state, enqueue } = await open(t, [rule, second]);
  const received = await enqueue.receive(pushed('v1', { occurredAt: now - 5_000 }));
  assert.equal(received.tasks.length, 2);
  assert.equal(received.ignored, undefined);
  const [first, other] = received.tasks.map((id) => taskOf(state, id));
  assert.partialDeepStrictEqual(first, {
    ...wanted(),
    state: 'available',
    wantedAt: now - 5_000,
    createdAt: now,
  });
  assert.partialDeepStrictEqual(other, { rule: 'second', destination: 'backup' });
});

test('several tags in one push, and one task for tags that meet', async (t) => {
  const { enqueue } = await open(t, [rule, { ...rule, name: 'newest', destination: 'one', tag: 'newest' }]);
  const { tasks } = await enqueue.receive(pushed('', { references: [{ tag: 'v1' }, { tag: 'v2' }] }));
  assert.equal(tasks.length, 3, 'v1 and v2, and newest once');
});

test('no rule matches: nothing is stored', async (t) => {
  const { state, enqueue, commits } = await open(t);
  assert.deepEqual(await enqueue.receive(pushed('latest')), { tasks: [], ignored: 'no-rule' });
  assert.deepEqual(await enqueue.receive(pushed('v1', { repository: 'other/app' })), {
    tasks: [],
    ignored: 'no-rule',
  });
  assert.deepEqual(commits, []);
  assert.deepEqual(state.sweeps.repositories(), []);
});

test('of what is not for us only deletions are stored', async (t) => {
  const { enqueue, commits } = await open(t);
  const ignored = (why: string): Event => ({
    kind: 'ignored',
    ignored: why,
    type: 'X',
    repository: 'library/app',
    occurredAt: now,
  });
  assert.deepEqual(await enqueue.receive(ignored('pull')), { tasks: [], ignored: 'pull' });
  assert.deepEqual(commits, []);
  assert.deepEqual(await enqueue.receive(ignored('deletion')), { tasks: [], ignored: 'deletion' });
  assert.deepEqual(commits, [1]);
});

const signature = `sha256-${'a'.repeat(64)}.sig`;
const byDigest: Event = { ...scanned(), kind: 'ignored', type: 'PUSH_ARTIFACT', ignored: 'by-digest' };
const signed: [what: string, event: Event, ignored: string][] = [
  ['an artifact by digest, which may be a referrer', byDigest, 'by-digest'],
  ['a signature by its tag, which no rule wants', pushed(signature), 'no-rule'],
];

for (const [what, event, ignored] of signed)
  test(`what the policy held back is awake when there comes ${what}`, async (t) => {
    const { state, enqueue, commits } = await open(t);
    const { tasks } = await enqueue.receive(pushed('v1'));
    assert.deepEqual(await enqueue.receive(event), { tasks: [], ignored }, 'nothing waits for it yet');
    postpone(state, now + day, 'source-policy');
    const elsewhere = { ...event, repository: 'library/other' };
    assert.deepEqual(await enqueue.receive(elsewhere), { tasks: [], ignored });
    assert.deepEqual(commits, [1], 'and nothing was written');
    assert.deepEqual(await enqueue.receive(event), { tasks });
    assert.partialDeepStrictEqual(newest(state), { state: 'available', runAt: now });
  });

test('a signature that goes with its image wakes the image, too', async (t) => {
  const { state, enqueue } = await open(t);
  const digest = `sha256:${'a'.repeat(64)}` as const;
  const { tasks } = await enqueue.receive(pushed('v1', { references: [{ tag: 'v1', digest }] }));
  postpone(state, now + day, 'source-policy');
  const received = await enqueue.receive(pushed(signature));
  assert.deepEqual([received.tasks.length, received.tasks[1]], [2, tasks[0]]);
  assert.equal(taskOf(state, tasks[0]).state, 'available');
});

for (const reason of ['source-policy', 'unreachable'] as const)
  test(`an attempt that asked before the scan ended, and was refused before for ${reason}`, async (t) => {
    const { state, enqueue } = await open(t);
    await enqueue.receive(pushed('v1'));
    postpone(state, now, reason);
    state.dispatch.promote(now, 1, day);
    const running = claim(state, now);
    await enqueue.receive(scanned());
    const why = { reason: 'source-policy', message: 'scan' } as const;
    const verdict = { kind: 'retry', at: now + day, waited: true, ...why } as const;
    const { state: then } = state.dispatch.settle(running, attempt(running, why), verdict, now);
    assert.equal(then, reason === 'source-policy' ? 'available' : 'retryable');
  });

test('a scan that ended while its image was copied asks for no further copy', async (t) => {
  const { state, enqueue } = await open(t);
  await enqueue.receive(pushed('v1'));
  postpone(state, now, 'source-policy');
  state.dispatch.promote(now, 1, day);
  const running = claim(state, now);
  await enqueue.receive(scanned());
  const verdict = { kind: 'complete', outcome: 'copied', again: false } as const;
  const did = attempt(running, { outcome: 'copied' });
  assert.equal(state.dispatch.settle(running, did, verdict, now).state, 'completed');
});

test('a time that cannot be is replaced by the arrival', async (t) => {
  const { state, enqueue } = await open(t);
  const wantedAt = async (occurredAt: number) => {
    const { tasks } = await enqueue.receive(pushed(`v${occurredAt}`, { occurredAt }));
    return taskOf(state, tasks[0]).wantedAt;
  };
  assert.equal(await wantedAt(now - day), now - day);
  assert.equal(await wantedAt(now - day - 1), now);
  assert.equal(await wantedAt(now + 1), now, 'not in the future');
  assert.equal(await wantedAt(0), now);
  assert.equal(await wantedAt(-5), now);
});

test('no time at all is replaced too, however early the clock', async (t) => {
  const { state, enqueue } = await open(t, [rule], { clock: { ...clock, now: () => 1_000 } });
  const { tasks } = await enqueue.receive(pushed('v1', { occurredAt: 0 }));
  assert.equal(taskOf(state, tasks[0]).wantedAt, 1_000);
});

test('a scan event wakes what waits and returns it', async (t) => {
  let entered = 0;
  const { state, enqueue } = await open(t, [rule], { onEntered: () => entered++ });
  const { tasks } = await enqueue.receive(pushed());
  const task = claim(state);
  const why = { reason: 'source-policy', message: 'scan is pending' } as const;
  const told = {
    number: 1,
    startedAt: 1,
    finishedAt: 2,
    bytes: 0,
    copied: 0,
    mounted: 0,
    skipped: 0,
    ...why,
  };
  state.dispatch.settle(task, told, { kind: 'retry', at: now + day, waited: true, ...why }, now);
  assert.deepEqual(await enqueue.receive(scanned('library/other')), { tasks: [] });
  assert.equal(entered, 1);
  assert.deepEqual(await enqueue.receive(scanned()), { tasks });
  assert.equal(entered, 2, 'the dispatcher is woken by a push and by a scan');
  assert.equal(newest(state).state, 'available');
});

test('a companion tag goes with the tags of its digest, whether these are stored or wait for it', async (t) => {
  const { state, enqueue } = await open(t);
  const hex = digestOf(1).replace('sha256:', '');
  const signature = pushed(`sha256-${hex}.sig`, { references: [{ tag: `sha256-${hex}.sig` }] });
  assert.deepEqual(await enqueue.receive(signature), { tasks: [], ignored: 'no-rule' });
  const [, together] = await Promise.all([enqueue.receive(pushed('v1')), enqueue.receive(signature)]);
  assert.equal(together?.tasks.length, 1);
  assert.equal(newest(state).destinationTag, `sha256-${hex}.sig`);
  assert.deepEqual(await enqueue.receive(signature), together, 'it joins');
  const other = `sha256-${digestOf(2).replace('sha256:', '')}.sig`;
  assert.equal((await enqueue.receive(pushed(other, { references: [{ tag: other }] }))).ignored, 'no-rule');
});

test('two repositories that meet: only while a rule still speaks for the first', async (t) => {
  const flat: Rule = { ...rule, repository: 'mirror/{base}', repositories: ['library/**', 'team/**'] };
  const { state } = await temporaryState(t);
  let rules = new Ruleset([flat]);
  const enqueue = new Enqueue({ store: state.enqueue, rules: () => rules, clock });
  const push = async (repository: string) =>
    taskOf(state, (await enqueue.receive(pushed('v1', { repository }))).tasks[0]);
  assert.equal((await push('library/app')).state, 'available');
  assert.equal((await push('team/app')).reason, 'name-collision');
  rules = new Ruleset([{ ...flat, repositories: ['team/**'] }]);
  assert.partialDeepStrictEqual(await push('team/app'), { state: 'available', sourceRepository: 'team/app' });
});

test('deliveries that arrive together share one commit', async (t) => {
  const entries: number[] = [];
  const { state, enqueue, commits } = await open(t, [rule], {
    listener: (_, { created }) => entries.push(created),
  });
  const received = await Promise.all(
    Array.from({ length: 200 }, (_, index) => enqueue.receive(pushed(`v${index % 50}`))),
  );
  assert.deepEqual(commits, [200]);
  assert.equal(new Set(received.flatMap(({ tasks }) => tasks)).size, 50);
  assert.equal(newest(state).generation, 4);
  assert.equal(entries.length, 200);
  assert.equal(entries.filter((created) => created === 1).length, 50);
});

test('a commit takes at most 500 copies, but an entry is never divided', async (t) => {
  const { enqueue, commits } = await open(t);
  const copies = (n: number, name: string) =>
    entry(Array.from({ length: n }, (_, index) => wanted({ sourceTag: `${name}-${index}` })));
  await Promise.all(Array.from({ length: 1_100 }, (_, index) => enqueue.receive(pushed(`v${index}`))));
  assert.deepEqual(commits.splice(0), [500, 500, 100]);
  await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => enqueue.submit(copies(name === 'b' ? 900 : 200, name))),
  );
  assert.deepEqual(commits, [1, 1, 2]);
});

test('what arrives while others wait for the next commit is not forgotten', async (t) => {
  const { enqueue, commits } = await open(t);
  const first = enqueue.receive(pushed('v1')).then(() => enqueue.receive(pushed('v2')));
  const many = Promise.all(Array.from({ length: 700 }, (_, index) => enqueue.receive(pushed(`v${index}`))));
  await Promise.all([first, many]);
  assert.equal(
    commits.reduce((sum, entries) => sum + entries),
    702,
  );
});

test('the database refuses: all of the batch may be delivered again, and later it works', async (t) => {
  const { state } = await temporaryState(t, { maxPages: 60 });
  const ruleset = new Ruleset([rule]);
  const enqueue = new Enqueue({ store: state.enqueue, rules: () => ruleset, clock });
  const push = (tag: string) => enqueue.receive(pushed(tag, { repository: `library/${'long'.repeat(60)}` }));
  const results = await Promise.allSettled(Array.from({ length: 450 }, (_, index) => push(`v${index}`)));
  for (const result of results)
    assert.ok(result.status === 'rejected' && result.reason instanceof StorageError);
  assert.equal(state.tasks.counts().available, 0);
  assert.equal((await push('v1')).tasks.length, 1);
});

test('a mistake in one entry does not cost the others their commit', async (t) => {
  const { state, enqueue } = await open(t);
  const results = await Promise.allSettled([
    enqueue.receive(pushed('v1')),
    enqueue.submit(entry([wanted({ sourceTag: 'v2' })], { wantedAt: Number.NaN })),
    enqueue.receive(pushed('v3')),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(state.tasks.counts().available, 2);
});
