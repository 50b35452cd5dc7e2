import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import type { Event } from '../../src/event/event.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { Enqueue } from '../../src/task/enqueue.ts';
import { OtherTags } from '../../src/task/other-tags.ts';
import { eventually } from '../integration/eventually.ts';
import { stall } from '../support/connection-fault.ts';
import { registryError, unavailable } from '../support/fault.ts';
import { cosignTag } from '../support/image.ts';
import { push } from '../support/push.ts';
import { FakeClock } from '../support/clock.ts';
import type { Ending } from '../support/temporary.ts';
import { bare, hourBefore, startVendors, type VendorOptions } from './listing-stand.ts';
import { rule } from './sweep-stand.ts';

const wanted = rule({ repositories: ['library/**'], tags: ['v*'], repository: 'mirror/{flat}' });
const lists = /^GET \/api\/v2\.0\/projects\/library\/repositories\/.*artifacts/;
const image = bare('copied');
const digest = image.descriptor.digest;

/** A Harbor, and the corridor with the look behind its events. */
async function stand(t: Ending, options: VendorOptions = {}) {
  const vendors = await startVendors(t, ['library'], { rules: [wanted], ...options });
  const { state, rules, clock, harbor, registries } = vendors;
  const missed: [string, number][] = [];
  const errors: unknown[] = [];
  const enqueue = new Enqueue({
    store: state.enqueue,
    rules: () => rules,
    clock,
    onPush: (event) => otherTags.told(event),
  });
  const otherTags = new OtherTags({
    sources(repository) {
      const listing = registries.listing('harbor');
      return listing && rules.matchesRepository('everything', repository)
        ? [{ name: 'harbor', listing }]
        : [];
    },
    announced: (repository, of) => state.enqueue.tagsOf(repository, of),
    makeUp: async (event, cause) => {
      const made = await enqueue.makeUp(event, cause);
      missed.push([cause, made]);
      return made;
    },
    onError: (_, error) => errors.push(error),
    clock,
  });
  t.after(() => otherTags.stop());
  const asked = (): number =>
    harbor.registry.requests.filter(({ method, path }) => lists.test(`${method} ${path}`)).length;
  const tell = (tag: string, of: Digest = digest, repository = 'library/app') =>
    enqueue.receive(pushed(tag, of, repository));
  /** Lets the looks begin, and waits until so many have ended. */
  const looked = async (until: () => boolean): Promise<void> => {
    clock.advance(10_000);
    await eventually('the look', until);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  };
  return { ...vendors, enqueue, otherTags, missed, errors, asked, tell, looked };
}

function pushed(tag: string, of: Digest, repository: string): Event {
  const event = { kind: 'push', type: 'PUSH_ARTIFACT', occurredAt: hourBefore } as const;
  return { ...event, repository, references: [{ tag, digest: of }] };
}

test('a copy with several tags: the one that is told of is behind nobody, the others come within seconds, in one request', async (t) => {
  const { harbor, rest, tell, looked, tasks, missed, asked, state } = await stand(t);
  await push(harbor.url, 'library/app', 'v1', image);
  for (const tag of ['v1.0', 'v1.0.0', 'other', cosignTag(digest)])
    rest.content.tag('library/app', tag, digest);
  const { tasks: told } = await tell('v1');
  assert.deepEqual([told.length, tasks(), asked()], [1, ['mirror/app:v1'], 0]);
  await looked(() => missed.length > 0);
  assert.deepEqual(tasks(), ['mirror/app:v1', 'mirror/app:v1.0', 'mirror/app:v1.0.0']);
  assert.deepEqual([missed, asked()], [[['copy-with-several-tags', 2]], 1]);
  assert.deepEqual(
    state.tasks.list({ limit: 9 }).map(({ sourceTag, cause }) => [sourceTag, cause]),
    [
      ['v1.0.0', 'copy-with-several-tags'],
      ['v1.0', 'copy-with-several-tags'],
      ['v1', undefined],
    ],
  );
});

test('the tag that is told of need not be wanted', async (t) => {
  const { harbor, rest, tell, looked, tasks, missed } = await stand(t);
  await push(harbor.url, 'library/app', 'stable', image);
  rest.content.tag('library/app', 'v1', digest);
  assert.deepEqual(await tell('stable'), { tasks: [], ignored: 'no-rule' });
  await looked(() => missed.length > 0);
  assert.deepEqual(tasks(), ['mirror/app:v1']);
});

test('pushes cost one request a repository within ten seconds, one digest none a second time, and nothing counts as missed', async (t) => {
  const { harbor, tell, looked, missed, asked, tasks } = await stand(t);
  for (let index = 0; index < 20; index++) {
    const one = bare(`image ${index}`);
    await push(harbor.url, 'library/app', `v${index}`, one);
    await push(harbor.url, 'library/app', `v${index}-again`, one);
    for (const tag of [`v${index}`, `v${index}-again`]) await tell(tag, one.descriptor.digest);
  }
  await looked(() => asked() === 1);
  await tell('v3', bare('image 3').descriptor.digest);
  await looked(() => asked() === 1);
  assert.deepEqual([asked(), missed, tasks().length], [1, [], 40]);
});

test('a tag that was made later than its artifact is not taken for one of a copy', async (t) => {
  let at = hourBefore;
  const { harbor, rest, tell, looked, tasks, asked } = await stand(t, { pushedAt: () => at });
  await push(harbor.url, 'library/app', 'v1', image);
  at += 60_000;
  rest.content.tag('library/app', 'v2', digest);
  await tell('v1');
  await looked(() => asked() === 1);
  assert.deepEqual(tasks(), ['mirror/app:v1']);
});

test('no rule reads the repository, or the event names no digest: nobody is asked', async (t) => {
  const { harbor, enqueue, tell, looked, asked } = await stand(t);
  await push(harbor.url, 'library/app', 'v1', image);
  await tell('v1', digest, 'elsewhere/app');
  const event = { kind: 'push', type: 'PUSH_ARTIFACT', occurredAt: hourBefore } as const;
  await enqueue.receive({ ...event, repository: 'library/app', references: [{ tag: 'v1' }] });
  await looked(() => true);
  assert.equal(asked(), 0);
});

test('a look that fails is told, and the sweep finds the tags with the same cause', async (t) => {
  const { harbor, rest, tell, looked, errors, tasks, sweep } = await stand(t);
  await push(harbor.url, 'library/app', 'v1', image);
  rest.content.tag('library/app', 'v2', digest);
  harbor.faults.always(lists, unavailable());
  await tell('v1');
  await looked(() => errors.length > 0);
  assert.deepEqual(tasks(), ['mirror/app:v1']);
  harbor.faults.clear();
  assert.partialDeepStrictEqual(await sweep(), { causes: { 'copy-with-several-tags': 1 } });
});

test('a project that may not be listed is not asked again within the hour', async (t) => {
  const { harbor, tell, looked, asked, errors, clock } = await stand(t);
  harbor.faults.always(lists, registryError(403, 'FORBIDDEN', 'no'));
  for (const [round, name] of ['one', 'two', 'three'].entries()) {
    await push(harbor.url, 'library/app', `v${round}`, bare(name));
    if (round === 2) clock.advance(3_600_000);
    await tell(`v${round}`, bare(name).descriptor.digest);
    await looked(() => asked() === (round === 2 ? 2 : 1));
  }
  assert.deepEqual([asked(), errors.length], [2, 2]);
});

test('a stop ends a look, and none begins behind it', async (t) => {
  const { harbor, tell, asked, otherTags, clock, errors, tasks } = await stand(t);
  await push(harbor.url, 'library/app', 'v1', image);
  harbor.faults.always(lists, stall(new Promise<never>(() => undefined)));
  await tell('v1');
  await tell('v2', bare('another').descriptor.digest, 'library/other');
  clock.advance(10_000);
  await eventually('the look', () => asked() > 0);
  await otherTags.stop();
  await tell('v3', bare('late').descriptor.digest, 'library/late');
  clock.advance(10_000);
  assert.deepEqual([errors, tasks().length], [[], 3]);
});

test('a Harbor that stands still in a storm of pushes: what waits for it does not grow', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const listing = {
    newest: (_repository: string, _count: number, signal: AbortSignal) => {
      asked++;
      return new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      });
    },
  };
  const otherTags = new OtherTags({
    sources: () => [{ name: 'harbor', listing }],
    announced: () => [],
    makeUp: async () => 0,
    onError: () => undefined,
    clock,
  });
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 700; index++)
      otherTags.told({
        kind: 'push',
        type: 'PUSH_ARTIFACT',
        occurredAt: hourBefore,
        repository: `library/app-${round}-${index}`,
        references: [{ tag: 'v1', digest }],
      });
    clock.advance(10_000);
  }
  assert.equal(asked, 1_000);
  await otherTags.stop();
});
