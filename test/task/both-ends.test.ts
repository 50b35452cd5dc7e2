import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';
import { explain, recall } from '../../src/task/explain.ts';
import type { Explained, Explanation, Foundation } from '../../src/task/explain.ts';
import { eventually } from '../integration/eventually.ts';
import { LeapingClock } from '../registry/clock.ts';
import { clientOf } from '../registry/stand.ts';
import { attempt, claim, digestOf, discard, enter, temporaryState } from '../state/open.ts';
import { FakeClock } from '../support/clock.ts';
import { Faults, registryError } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import type { Ending } from '../support/temporary.ts';

/** What both ends say when they are asked, over a real database and between real registries. */

const library: Rule = {
  name: 'library',
  source: 'harbor',
  repositories: ['library/**'],
  tags: ['v*'],
  destination: 'acr',
  destinationType: 'oci',
  repository: 'mirror/{base}',
  tag: '{tag}',
};

async function startEnd(t: Ending, concurrency = 4) {
  const faults = new Faults();
  const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  t.after(() => registry.close());
  const limits = { concurrency, requestsPerSecond: 0, bandwidth: 0 };
  const client = clientOf(t, registry.url, { clock: new LeapingClock(), limits });
  const asked = (): string[] =>
    registry.requests
      .splice(0)
      .map(({ method, path }) => `${method} ${path}`)
      .filter((line) => / \/v2\/./.test(line));
  return { url: registry.url, faults, client, asked };
}

async function stand(t: Ending, rules: Rule[] = [library]) {
  const { state } = await temporaryState(t);
  const [harbor, acr] = [await startEnd(t), await startEnd(t)];
  const ruleset = new Ruleset(rules);
  const clock = new FakeClock();
  const registries = {
    source: (_name: string, repository: string) => harbor.client.repository(repository, 'pull', 'look'),
    destination: (_name: string, repository: string) => acr.client.repository(repository, 'push', 'look'),
  };
  const say = (from: Foundation = 'mirror', tag = 'v1'): Promise<Explanation> => {
    const { enqueue: events, tasks, records } = state;
    const recalled = recall({ repository: 'library/app', tag }, { rules: ruleset, events, tasks, records });
    const hint = ({ reason, message }: { reason: string; message: string }) => `mend ${reason}: ${message}`;
    return explain(recalled, { registries, hint, clock, from });
  };
  const one = async (from?: Foundation): Promise<Explained> => {
    const [only, ...others] = (await say(from)).destinations;
    assert.ok(only && others.length === 0);
    return only;
  };
  const [wanted] = ruleset.match('library/app', 'v1');
  assert.ok(wanted);
  const want = () => enter(state, wanted).task;
  const finishAs = (outcome: 'copied' | 'unchanged' | 'source-gone', digest = digestOf(1)) => {
    want();
    const task = claim(state);
    const seen = outcome === 'source-gone' ? {} : { digest };
    const done = attempt(task, { outcome, ...seen });
    state.dispatch.settle(task, done, { kind: 'complete', outcome, again: false }, 3_000);
  };
  const atSource = (name = 'one') => push(harbor.url, 'library/app', 'v1', ociImage(name));
  const atDestination = (name = 'one') => push(acr.url, 'mirror/app', 'v1', ociImage(name));
  return { state, harbor, acr, clock, say, one, want, wanted, finishAs, atSource, atDestination };
}

const absent = (side: string) => ({ problem: 'absent', words: `the ${side} has no such tag` });

test('both ends have it, and nothing is known of it: it is there, by one HEAD at each', async (t) => {
  const { harbor, acr, say, atSource, atDestination } = await stand(t);
  const digest = await atSource();
  await atDestination();
  harbor.asked();
  acr.asked();
  const { reason, words, destinations } = await say();
  assert.deepEqual(
    [reason, words],
    ['mirrored', 'The rules want library/app:v1 at 1 destination: it is there.'],
  );
  const [one] = destinations;
  assert.deepEqual(one?.ends, { source: { digest }, destination: { digest } });
  assert.equal(one?.reason, 'mirrored');
  assert.equal(one?.words, 'there: the destination has the same digest');
  assert.equal(one?.hint, undefined);
  assert.deepEqual(
    [harbor.asked(), acr.asked()],
    [['HEAD /v2/library/app/manifests/v1'], ['HEAD /v2/mirror/app/manifests/v1']],
  );
});

test('what was copied and is the same still: the words say so', async (t) => {
  const { one, finishAs, atSource, atDestination } = await stand(t);
  finishAs('copied', await atSource());
  await atDestination();
  const { reason, words, since } = await one();
  assert.deepEqual([reason, since], ['copied', 3_000]);
  assert.match(words, /^copied at .*; the destination has the same digest$/);
});

test('copied, but the source has moved on: different, and the next sweep or a resync mends it', async (t) => {
  const { one, finishAs, atSource, atDestination } = await stand(t);
  finishAs('copied', await atDestination('one'));
  const source = await atSource('two');
  const explained = await one();
  assert.equal(explained.reason, 'different');
  assert.partialDeepStrictEqual(explained.ends, { source: { digest: source } });
  assert.equal(explained.since, undefined);
  assert.match(
    explained.words,
    /^the source has it, the destination has another digest: the next sweep will see it, or `tagferry resync library\/app:v1` copies it now; before that: copied at /,
  );
});

test('copied, and gone at the destination: a sweep believes the record, so that only its audit sees it', async (t) => {
  const { one, finishAs, atSource } = await stand(t);
  finishAs('copied', await atSource());
  const { reason, words, ends } = await one();
  assert.equal(reason, 'missing');
  assert.deepEqual(ends.destination, absent('destination'));
  assert.match(
    words,
    /has no such tag: somebody else has changed it there: a sweep sees it when its audit comes to/,
  );
});

test('nobody has told of it, and the destination does not have it: with a database that is the reason, without one the ends are', async (t) => {
  const { one, atSource } = await stand(t);
  await atSource();
  const known = await one('database');
  assert.equal(known.reason, 'not-seen');
  assert.match(
    known.words,
    /^the source has it, the destination has no such tag; nothing is known of it: .*tagferry resync/,
  );
  const alone = await one('registries');
  assert.equal(alone.reason, 'missing');
  assert.match(
    alone.words,
    /^the source has it, the destination has no such tag: the next sweep will see it, or /,
  );
});

test('gone at the source: whatever was known, and the destination keeps what it has', async (t) => {
  const { one, finishAs, want, state, atDestination } = await stand(t);
  const digest = await atDestination();
  const unseen = await one();
  assert.deepEqual(unseen.ends, { source: absent('source'), destination: { digest } });
  assert.equal(unseen.reason, 'source-gone');
  assert.equal(unseen.words, 'not at the source; the destination keeps what it has; the next push is copied');
  want();
  discard(state);
  const discarded = await one();
  assert.equal(discarded.reason, 'source-gone');
  assert.match(discarded.words, /^not at the source; .*; its last task: given up at .*no route to host/);
  finishAs('copied', digest);
  assert.equal((await one()).reason, 'source-gone');
  want();
  const waiting = await one();
  assert.equal(waiting.reason, 'available');
  assert.match(waiting.words, /; the source has no such tag any more$/);
});

test('what had failed, or was gone, and is there by now, is there', async (t) => {
  const { one, finishAs, want, state, atSource, atDestination } = await stand(t);
  await atSource();
  await atDestination();
  finishAs('source-gone');
  assert.partialDeepStrictEqual(await one(), {
    reason: 'mirrored',
    words: 'there: the destination has the same digest',
  });
  want();
  discard(state);
  const mended = await one();
  assert.equal(mended.reason, 'mirrored');
  assert.match(mended.words, /^there: the destination has the same digest; its last task: given up at /);
  assert.deepEqual([mended.hint, mended.since], [undefined, undefined]);
});

test('a task that has failed stays the reason while the ends differ, with its hint', async (t) => {
  const { one, want, state, atSource } = await stand(t);
  await atSource();
  want();
  discard(state);
  assert.partialDeepStrictEqual(await one(), {
    reason: 'unreachable',
    since: 3_000,
    hint: 'mend unreachable: no route to host',
  });
});

test('an end that refuses is told in words, and is the reason where nothing else is known', async (t) => {
  const { harbor, acr, one, finishAs, atSource } = await stand(t);
  await atSource();
  acr.faults.always(/./, registryError(403, 'DENIED', 'not yours'));
  const denied = await one();
  assert.equal(denied.reason, 'destination-denied');
  assert.match(
    denied.words,
    /^nothing is known of it, and asking for it fails: the destination refuses the push: resolve v1 at the destination: /,
  );
  assert.match(denied.hint ?? '', /^mend destination-denied: resolve v1 at the destination: /);
  assert.partialDeepStrictEqual(denied.ends.destination, { problem: 'destination-denied' });
  finishAs('copied');
  const copied = await one();
  assert.equal(copied.reason, 'copied');
  assert.match(copied.hint ?? '', /^mend destination-denied: /);
  harbor.faults.always(/./, registryError(412, 'PROJECTPOLICYVIOLATION', 'not scanned'));
  const held = await one();
  assert.partialDeepStrictEqual(held.ends.source, { problem: 'source-policy' });
  assert.match(held.hint ?? '', /^mend source-policy: .*not scanned/);
});

test('an end that is silent is given up after 3 s by the clock, beside the other one', async (t) => {
  const { acr, clock, say, atSource } = await stand(t);
  const digest = await atSource();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { promise: never, resolve: end } = Promise.withResolvers<void>();
  acr.faults.always(/./, async (_call, next) => {
    resolve();
    await never;
    return next();
  });
  const saying = say();
  await asked;
  await eventually('the answer of the source', () => clock.waiting === 1);
  clock.advance(2_999);
  assert.equal(await Promise.race([saying, Promise.resolve('still asking')]), 'still asking');
  clock.advance(1);
  const { reason, destinations } = await saying;
  end();
  assert.equal(reason, 'not-seen');
  assert.deepEqual(destinations[0]?.ends, {
    source: { digest },
    destination: {
      problem: 'no-answer',
      words: 'the destination has not answered within 3 s; copies go first there',
    },
  });
  assert.equal(clock.next, undefined);
});

test('it leaves the last slot to copies, and is told in words when there was none for it', async (t) => {
  const { harbor, acr, clock, say, atSource } = await stand(t);
  await atSource();
  await atSource('two');
  const { promise: never, resolve: end } = Promise.withResolvers<void>();
  const held: string[] = [];
  acr.faults.times(3, /busy/, async ({ path }, next) => {
    held.push(path);
    await never;
    return next();
  });
  const copies = [1, 2, 3].map(() => acr.client.repository('busy', 'push').resolve('v1'));
  await eventually('copies in all slots but one', () => held.length === 3);
  acr.asked();
  const saying = say();
  await eventually('the question at the source', () => harbor.asked().length > 0);
  clock.advance(3_000);
  const [one] = (await saying).destinations;
  assert.partialDeepStrictEqual(one?.ends.destination, { problem: 'no-answer' });
  assert.deepEqual(acr.asked(), []);
  // The slot that is left is a copy's.
  await acr.client.repository('other', 'push').resolve('v1');
  end();
  await Promise.all(copies);
});

test('with several destinations, the one that matters most speaks for the tag, and each source is asked once', async (t) => {
  const { harbor, say, state, wanted, atSource, atDestination } = await stand(t, [
    library,
    { ...library, name: 'second', repository: 'second/{base}' },
    { ...library, name: 'third', repository: 'THIRD/{base}' },
  ]);
  await atSource();
  await atDestination();
  harbor.asked();
  enter(state, { ...wanted, rule: 'second', destinationRepository: 'second/app' });
  const { reason, words, destinations } = await say();
  assert.deepEqual(
    destinations.map((one) => one.reason),
    ['mirrored', 'available', 'name-invalid'],
  );
  assert.equal(reason, 'name-invalid');
  assert.equal(
    words,
    'The rules want library/app:v1 at 3 destinations; of acr/THIRD/app:v1: the destination cannot have that name.',
  );
  assert.partialDeepStrictEqual(destinations[2]?.ends.destination, { problem: 'name-invalid' });
  assert.match(destinations[2]?.hint ?? '', /^mend name-invalid: acr cannot have the repository/);
  assert.deepEqual(harbor.asked(), ['HEAD /v2/library/app/manifests/v1']);
});

test('of a tag that no rule takes nobody is asked', async (t) => {
  const { harbor, acr, say } = await stand(t);
  assert.partialDeepStrictEqual(await say('mirror', 'latest'), { reason: 'no-rule', destinations: [] });
  assert.deepEqual([harbor.asked(), acr.asked()], [[], []]);
});
