import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event } from '../../src/event/event.ts';
import type { Wanted } from '../../src/rule/rule.ts';
import { Ruleset } from '../../src/rule/match.ts';
import { resync } from '../../src/task/resync.ts';
import type { Verdict } from '../../src/task/store.ts';
import type { Attempt, Task } from '../../src/task/task.ts';
import { randomOf } from '../integration/random.ts';
import { answer, unavailable } from '../support/fault.ts';
import { type Image, cosignSignature, cosignTag, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { rule, type Stand, startStand } from './sweep-stand.ts';

const [old, current] = [ociImage('old'), ociImage('current')];
const heads = /^HEAD .*manifests/;
const immutable = rule({ immutable: ['v*'] });

function copyOf(sourceTag: string): Wanted {
  const [copy] = new Ruleset([rule()]).match('library/app', sourceTag);
  if (copy === undefined || 'reason' in copy) throw new TypeError(`expected a copy of ${sourceTag}`);
  return copy;
}

async function pushBoth({ harbor, acr }: Stand, tag: string, image = current): Promise<void> {
  await push(harbor.url, 'library/app', tag, image);
  await push(acr.url, 'mirror/library/app', tag, image);
}

/** HEADs that a sweep costs at each end. */
async function askedBy(stand: Stand, run: () => Promise<unknown> = () => stand.sweep()): Promise<object> {
  const before = [stand.harbor.seen(heads).length, stand.acr.seen(heads).length];
  await run();
  return {
    source: stand.harbor.seen(heads).slice(before[0]).map(tagIn),
    destination: stand.acr.seen(heads).slice(before[1]).map(tagIn),
  };
}

function tagIn(line: string): string {
  return line.slice(line.lastIndexOf('/') + 1);
}

function tagsOnly(...tags: string[]): ReturnType<typeof answer> {
  const headers = { 'content-type': 'application/json' };
  return answer(200, headers, JSON.stringify({ name: 'library/app', tags }));
}

function claimed({ state, clock }: Stand): Task {
  const task = state.dispatch.claim(clock.now(), {});
  if (task === undefined) throw new TypeError('expected a task to claim');
  return task;
}

function pushed(tag: string, occurredAt: number): Event {
  const event = { kind: 'push', type: 'PUSH_ARTIFACT', occurredAt } as const;
  return { ...event, repository: 'library/app', references: [{ tag }] };
}

describe('a tag that is declared immutable', () => {
  test('is asked for until it is verified, and by no later sweep', async (t) => {
    const stand = await startStand(t, [immutable]);
    for (const tag of ['v1', 'v2', 'latest']) await pushBoth(stand, tag);
    const all = ['latest', 'v1', 'v2'];
    assert.deepEqual(await askedBy(stand), { source: all, destination: all });
    for (let round = 0; round < 2; round++) {
      const asked = await askedBy(stand, async () => {
        assert.partialDeepStrictEqual(await stand.sweep(), { listed: 3, unchanged: 3, enqueued: 0 });
      });
      assert.deepEqual(asked, { source: ['latest'], destination: [] });
    }
  });

  test('has no turn in the audit, and takes none from others', async (t) => {
    const stand = await startStand(t, [immutable], { auditShare: 0.5 });
    for (const tag of ['v1', 'v2', 'v3', 'v4']) await pushBoth(stand, tag);
    await stand.sweep();
    stand.clock.advance(1_000);
    for (const tag of ['a', 'b']) await pushBoth(stand, tag);
    await stand.sweep();
    const turns: string[] = [];
    for (let round = 0; round < 2; round++) {
      stand.clock.advance(1_000);
      const { destination } = Object(
        await askedBy(stand, async () => assert.equal((await stand.sweep()).audited, 1)),
      );
      turns.push(...destination);
    }
    assert.deepEqual(turns, ['a', 'b']);
  });

  test('is asked for again when its record is not trusted', async (t) => {
    const stand = await startStand(t, [immutable]);
    await pushBoth(stand, 'v1');
    await stand.sweep();
    stand.state.records.distrust('acr', 'mirror/library/app');
    assert.deepEqual(await askedBy(stand), { source: ['v1'], destination: ['v1'] });
    assert.deepEqual(await askedBy(stand), { source: [], destination: [] });
  });

  test('whose copy was given up, or cancelled before it began, is not verified', async (t) => {
    const stand = await startStand(t, [immutable]);
    const { state, clock, enqueue, harbor } = stand;
    for (const tag of ['v1', 'v2']) await pushBoth(stand, tag);
    await stand.sweep();
    for (const tag of ['v1', 'v2']) await push(harbor.url, 'library/app', tag, old);
    await enqueue.receive(pushed('v1', clock.now()));
    const task = claimed(stand);
    settle(stand, task, { reason: 'timeout', message: 'silent' });
    const [cancelled = 0] = (await enqueue.receive(pushed('v2', clock.now()))).tasks;
    state.tasks.cancel(cancelled, clock.now());
    assert.deepEqual(Object(await askedBy(stand)).source, ['v1', 'v2']);
    assert.deepEqual(
      state.tasks.list({ limit: 9 }).map((one) => [one.sourceTag, one.state]),
      [
        ['v2', 'available'],
        ['v1', 'available'],
      ],
    );
  });

  test('is copied when a push or a resync says so', async (t) => {
    const stand = await startStand(t, [immutable]);
    const { clock, enqueue, registries, rules } = stand;
    await pushBoth(stand, 'v1');
    await stand.sweep();
    const [told] = (await enqueue.receive(pushed('v1', clock.now()))).tasks;
    assert.equal(claimed(stand).id, told);
    const submit: typeof enqueue.submit = (entry) => enqueue.submit(entry);
    const request = { repository: 'library/app', tag: 'v1', force: true };
    const [forced] = (await resync(request, { registries, rules, submit, clock })) ?? [];
    assert.equal(forced, told, 'it joins, and has its copy follow');
  });

  test('and has a signature: the image costs nothing, the signature may have grown', async (t) => {
    const stand = await startStand(t, [rule({ immutable: ['**'] })]);
    await pushBoth(stand, 'v1');
    const signatureTag = cosignTag(current.descriptor.digest);
    await pushBoth(stand, signatureTag, cosignSignature(current));
    await stand.sweep();
    assert.deepEqual(await askedBy(stand), { source: [signatureTag], destination: [] });
    await push(stand.harbor.url, 'library/app', signatureTag, cosignSignature(old));
    await stand.sweep();
    assert.deepEqual(stand.tasks(), [`mirror/library/app:${signatureTag}`]);
  });

  test('is no longer so when its registry has become another', async (t) => {
    const stand = await startStand(t, [immutable]);
    const { state, clock } = stand;
    state.meanings.note([{ name: 'harbor', host: 'one.example' }], clock.now());
    await pushBoth(stand, 'v1');
    await stand.sweep();
    state.meanings.note([{ name: 'harbor', host: 'other.example' }], clock.now());
    assert.deepEqual(Object(await askedBy(stand)).source, ['v1']);
  });
});

describe('two rules', () => {
  test('of the same copy: one that declares it immutable is enough', async (t) => {
    const stand = await startStand(t, [rule({ name: 'first' }), { ...immutable, name: 'second' }]);
    await pushBoth(stand, 'v1');
    await stand.sweep();
    assert.deepEqual(await askedBy(stand), { source: [], destination: [] });
  });

  test('of two copies: each speaks for its own', async (t) => {
    const other = rule({ name: 'other', repository: 'other/{base}' });
    const stand = await startStand(t, [immutable, other]);
    await pushBoth(stand, 'v1');
    await push(stand.acr.url, 'other/app', 'v1', current);
    await stand.sweep();
    assert.deepEqual(await askedBy(stand), { source: ['v1'], destination: [] });
  });
});

describe('tags that are gone at the source', () => {
  test('have no turn in the audit any more, until they are back', async (t) => {
    const stand = await startStand(t, [rule()], { auditShare: 0.5 });
    for (const tag of ['a-stays', 'goes']) await pushBoth(stand, tag);
    await stand.sweep();
    stand.harbor.faults.always(/tags\/list/, tagsOnly('a-stays'));
    stand.clock.advance(1_000);
    await stand.sweep();
    assert.deepEqual(
      ['a-stays', 'goes'].map((tag) => stand.state.records.find(copyOf(tag))?.trusted),
      [true, false],
    );
    stand.clock.advance(1_000);
    assert.deepEqual(Object(await askedBy(stand)).destination, ['a-stays']);
    stand.harbor.faults.clear();
    assert.partialDeepStrictEqual(await stand.sweep(), { unchanged: 2, enqueued: 0 });
    assert.equal(stand.state.records.find(copyOf('goes'))?.trusted, true);
  });

  for (const [what, fault] of [
    ['empty', tagsOnly()],
    ['refused', unavailable()],
  ] as const)
    test(`are not concluded from a list that is ${what}`, async (t) => {
      const stand = await startStand(t, [rule()]);
      await pushBoth(stand, 'v1');
      await stand.sweep();
      stand.clock.advance(1_000);
      stand.harbor.faults.always(/tags\/list/, fault);
      await stand.sweep();
      assert.equal(stand.state.records.find(copyOf('v1'))?.trusted, true);
    });
});

/** What happens to a mirror, as long as the promise is kept: of a tag there is one image for ever, `latest` excepted. */
const happenings: Record<string, (stand: Stand, tag: string, round: number) => Promise<void>> = {
  async pushes({ harbor }, tag, round) {
    await push(harbor.url, 'library/app', tag, imageOf(tag, round));
  },
  async 'pushes and tells'(stand, tag, round) {
    await push(stand.harbor.url, 'library/app', tag, imageOf(tag, round));
    await stand.enqueue.receive(pushed(tag, stand.clock.now()));
  },
  async 'is pushed to by others'({ acr }, tag) {
    await push(acr.url, 'mirror/library/app', tag, old);
  },
  async copies(stand) {
    const { state, clock, acr, harbor } = stand;
    const task = state.dispatch.claim(clock.now(), {});
    if (task === undefined) return;
    const digest = await digestOfTag(harbor.url, 'library/app', task.sourceTag);
    const image = images.find(({ descriptor }) => descriptor.digest === digest);
    if (image) await push(acr.url, 'mirror/library/app', task.destinationTag, image);
    settle(stand, task, image && digest ? { outcome: 'copied', digest } : { outcome: 'source-gone' });
  },
  async fails(stand) {
    const task = stand.state.dispatch.claim(stand.clock.now(), {});
    if (task) settle(stand, task, { reason: 'timeout', message: 'silent' });
  },
  async cancels({ state, clock }) {
    const [task] = state.tasks.list({ state: 'available', limit: 1 });
    if (task) state.tasks.cancel(task.id, clock.now());
  },
  async distrusts({ state }) {
    state.records.distrust('acr', 'mirror/library/app');
  },
  async sweeps({ sweep, clock }) {
    await sweep();
    clock.advance(60_000);
  },
};

describe('a mirror that is told what is immutable', () => {
  for (let seed = 1; seed <= 12; seed++)
    test(`finds what one that asks for everything finds, run ${seed}`, async (t) => {
      const random = randomOf(seed);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] ?? fail();
      const told = await startStand(t, [immutable]);
      const asking = await startStand(t, [rule()]);
      for (let round = 0; round < 40; round++) {
        const [what, tag] = [pick(Object.keys(happenings)), pick(['v1', 'v2', 'v3', 'latest'])];
        for (const stand of [told, asking]) await happenings[what]?.(stand, tag, round);
        assert.deepEqual(standing(told), standing(asking), `round ${round}: ${what} ${tag}`);
      }
      const [few, many] = [told, asking].map(({ harbor }) => harbor.seen(heads).length);
      assert.ok(few !== undefined && many !== undefined && few <= many, `${few} of ${many} HEADs`);
    });
});

const images = [old, current, ...Array.from({ length: 40 }, (_, round) => ociImage(`latest ${round}`))];

function imageOf(tag: string, round: number): Image {
  return tag === 'latest' ? (images[round + 2] ?? fail()) : current;
}

function fail(): never {
  throw new RangeError('expected one more');
}

function settle({ state, clock }: Stand, task: Task, did: Partial<Attempt>): void {
  const nothing = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  const attempt = { number: 1, startedAt: clock.now(), finishedAt: clock.now(), ...nothing, ...did };
  const { outcome, reason = 'internal', message = '' } = did;
  const verdict: Verdict = outcome
    ? { kind: 'complete', outcome, again: false }
    : { kind: 'discard', reason, message };
  state.dispatch.settle(task, attempt, verdict, clock.now());
}

function standing({ state }: Stand): object[] {
  return state.tasks
    .list({ limit: 1_000 })
    .map(({ state: is, sourceTag, generation, outcome }) => ({ is, sourceTag, generation, outcome }));
}
