import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ruleset } from '../../src/rule/match.ts';
import type { Rule } from '../../src/rule/rule.ts';
import type { State } from '../../src/state/state.ts';
import { type Recalled, recall } from '../../src/task/explain.ts';
import type { Known } from '../../src/task/known.ts';
import { causes } from '../../src/task/task.ts';
import { untaken } from '../../src/task/untaken.ts';
import {
  attempt,
  claim,
  digestOf,
  discard,
  enter,
  entry,
  finish,
  postpone,
  pushed,
  temporaryState,
} from '../state/open.ts';
import type { Ending } from '../support/temporary.ts';

const library: Rule = {
  name: 'library',
  source: 'harbor',
  repositories: ['library/**'],
  tags: ['**', '!*-rc*'],
  destination: 'acr',
  destinationType: 'acr-ee',
  repository: 'mirror/{base}',
  tag: '{tag}',
};

/** 12:00 in the minute `n`. */
const minute = (n: number) => Date.UTC(2026, 10, 23, 12, n);

/** What the door lets in, and what is said of it, by the same rules. */
async function stand(t: Ending, rules: Rule[] = [library]) {
  const { state } = await temporaryState(t);
  const ruleset = new Ruleset(rules);
  const options = { rules: ruleset, events: state.enqueue, tasks: state.tasks, records: state.records };
  const say = (repository = 'library/app', tag = 'v1'): Recalled => recall({ repository, tag }, options);
  const want = (repository = 'library/app', tag = 'v1', now = minute(0), of: string[] = []) => {
    const [wanted] = ruleset.match(repository, tag, of);
    assert.ok(wanted);
    return enter(state, wanted, { wantedAt: now }, now).task;
  };
  /** The only destination. */
  const one = (repository?: string, tag?: string): Known => {
    const [only, ...others] = say(repository, tag).copies;
    assert.ok(only && others.length === 0);
    return only.known;
  };
  return { state, ruleset, say, want, one };
}

function finishAs(state: State, outcome: 'copied' | 'unchanged' | 'source-gone', now: number) {
  const task = claim(state);
  const seen = outcome === 'source-gone' ? {} : { digest: digestOf(1) };
  const done = attempt(task, { outcome, finishedAt: now, ...seen });
  return state.dispatch.settle(task, done, { kind: 'complete', outcome, again: false }, now);
}

test('of what nobody has named nothing is known, and the words say how to ask', async (t) => {
  const { one } = await stand(t);
  const { words, ...rest } = one();
  assert.deepEqual(rest, { reason: 'not-seen' });
  assert.match(words, /^nothing is known of it: .*`tagferry resync library\/app:v1`/);
});

test('a task on its way: what it waits for, since when, and what comes next', async (t) => {
  const { state, want, one } = await stand(t);
  const { id } = want('library/app', 'v1', minute(3));
  assert.partialDeepStrictEqual(one(), { reason: 'available', since: minute(3), task: id });
  assert.equal(one().words, 'waits for a free slot since 2026-11-23 12:03:00 UTC');

  state.dispatch.claim(minute(4), {});
  assert.partialDeepStrictEqual(one(), { reason: 'running', since: minute(4) });
  assert.equal(one().words, 'is being copied since 2026-11-23 12:04:00 UTC');
  state.dispatch.release([id], minute(4));

  postpone(state, minute(10), 'source-policy');
  const policy = { reason: 'source-policy', since: minute(3), nextAttemptAt: minute(10), task: id } as const;
  assert.partialDeepStrictEqual(one(), policy);
  assert.equal(
    one().words,
    "waits since 2026-11-23 12:03:00 UTC: the source's policy holds it back until a scan or a signature: later; " +
      'tried again at 2026-11-23 12:10:00 UTC, or when the scan ends',
  );

  state.tasks.retry(id, minute(5));
  assert.match(
    one().words,
    /^waits for a free slot .*; the attempt before failed: the source's policy .*: later$/,
  );
  assert.equal(one().nextAttemptAt, undefined);
  postpone(state, minute(11));
  assert.match(one().words, /cannot be reached, or fails: later; tried again at 2026-11-23 12:11:00 UTC$/);
});

test('a task at its end: how it ended, when, and what starts it again', async (t) => {
  const { state, want, one } = await stand(t);
  want();
  finishAs(state, 'source-gone', minute(1));
  assert.partialDeepStrictEqual(one(), { reason: 'source-gone', since: minute(1) });
  assert.match(one().words, /^not at the source any more at .* 12:01:00 UTC; .*the next push is copied$/);

  want();
  finishAs(state, 'copied', minute(2));
  const record = { digest: digestOf(1), verifiedAt: minute(2), trusted: true };
  assert.partialDeepStrictEqual(one(), { reason: 'copied', since: minute(2), record });
  assert.equal(one().words, 'copied at 2026-11-23 12:02:00 UTC');

  want();
  finishAs(state, 'unchanged', minute(3));
  assert.equal(one().reason, 'unchanged');
  assert.match(one().words, /already at 2026-11-23 12:03:00 UTC$/);

  const { id } = want();
  discard(state);
  assert.partialDeepStrictEqual(one(), { reason: 'unreachable', since: 3_000, task: id });
  assert.match(
    one().words,
    /^given up at .*: no route to host; .*`tagferry tasks retry \d+` or the next push tries again; so does the next sweep$/,
  );
  assert.ok(one().words.includes(`retry ${id}\``));

  want();
  const refused = { reason: 'destination-immutable', message: 'it may not be moved' } as const;
  const task = claim(state);
  state.dispatch.settle(task, attempt(task, refused), { kind: 'discard', ...refused }, minute(4));
  assert.match(one().words, /the next push tries again; a sweep only for another digest at the source$/);

  state.tasks.cancel(want().id, minute(5));
  assert.partialDeepStrictEqual(one(), { reason: 'cancelled', since: minute(5) });
  assert.equal(one().words, 'cancelled at 2026-11-23 12:05:00 UTC; the next push or sweep takes it up again');
});

test('the cause of a change that no webhook told of is shown, in words too', async (t) => {
  const { state, ruleset, want, one } = await stand(t);
  want('library/app', 'told');
  assert.equal(one('library/app', 'told').cause, undefined);
  const seen = new Set<string>();
  for (const cause of causes) {
    const batch = [entry(ruleset.match('library/app', cause), { door: 'sweep', cause })];
    state.enqueue.enter(batch, minute(0), () => true);
    const explained = one('library/app', cause);
    assert.equal(explained.cause?.code, cause);
    assert.match(explained.cause.words, /^no webhook told of it/);
    seen.add(explained.cause.words);
  }
  assert.equal(seen.size, causes.length);
  assert.match(
    one('library/app', 'tag-created-in-harbor').cause?.words ?? '',
    /^no webhook told of it: the tag was made in Harbor's UI or API/,
  );
});

test('where only a record is left, it speaks: trusted or not', async (t) => {
  const { state, ruleset, one } = await stand(t);
  const [wanted] = ruleset.match('library/app', 'v1');
  assert.ok(wanted);
  state.records.confirm([{ copy: wanted, digest: digestOf(2), at: minute(4) }]);
  const record = { digest: digestOf(2), verifiedAt: minute(4), trusted: true };
  assert.partialDeepStrictEqual(one(), { reason: 'mirrored', since: minute(4), record });
  assert.equal(one().task, undefined);
  assert.match(one().words, /last looked at, 2026-11-23 12:04:00 UTC$/);

  state.records.distrust('acr', 'mirror/app');
  assert.partialDeepStrictEqual(one(), { reason: 'unverified', record: { trusted: false } });
  assert.match(one().words, /may have changed since then; the next sweep looks again$/);
});

test('after a copy, the record says whether it was seen again, or may have changed', async (t) => {
  const { state, ruleset, want, one } = await stand(t);
  want();
  finishAs(state, 'copied', minute(2));
  state.records.distrust('acr', 'mirror/app');
  assert.equal(one().reason, 'copied');
  assert.match(
    one().words,
    /^copied at .* 12:02:00 UTC; it may have changed since then: the next sweep looks again$/,
  );
  const [wanted] = ruleset.match('library/app', 'v1');
  assert.ok(wanted);
  state.records.confirm([{ copy: wanted, digest: digestOf(1), at: minute(9) }]);
  assert.partialDeepStrictEqual(one(), { reason: 'copied', since: minute(2) });
  assert.match(one().words, /; seen there again at 2026-11-23 12:09:00 UTC$/);
});

test('a tag that a sweep found right after its task was given up is there', async (t) => {
  const { state, ruleset, want, one } = await stand(t);
  const [wanted] = ruleset.match('library/app', 'v1');
  assert.ok(wanted);
  want();
  discard(state);
  state.records.confirm([{ copy: wanted, digest: digestOf(1), at: 2_999 }]);
  assert.equal(one().reason, 'unreachable');
  state.records.confirm([{ copy: wanted, digest: digestOf(1), at: minute(9) }]);
  assert.partialDeepStrictEqual(one(), { reason: 'mirrored', since: minute(9) });
  want();
  assert.equal(one().reason, 'available');
});

test('a name that the destination cannot have is refused, since it was first met', async (t) => {
  const { want, one } = await stand(t, [{ ...library, repository: '{base}' }]);
  assert.equal(one().reason, 'name-invalid');
  assert.equal(one().since, undefined);
  assert.match(
    one().words,
    /^never copied: acr cannot have the repository "app": .*change `repository` of rule library$/,
  );
  const { id } = want('library/app', 'v1', minute(1));
  want('library/app', 'v1', minute(8));
  assert.partialDeepStrictEqual(one(), { reason: 'name-invalid', since: minute(1), task: id });
});

test('two repositories that meet: each is told its own, and the second one who is there', async (t) => {
  const { state, want, one } = await stand(t, [
    library,
    { ...library, name: 'team', repositories: ['team/**'] },
  ]);
  want('library/app');
  finish(state, minute(1));
  const refused = want('team/app', 'v1', minute(2));
  want('team/app', 'v1', minute(3));
  want('library/app', 'v1', minute(4));
  assert.partialDeepStrictEqual(one('team/app'), {
    reason: 'name-collision',
    since: minute(2),
    task: refused.id,
  });
  assert.equal(one('team/app').record, undefined);
  assert.match(one('team/app').words, /harbor\/library\/app goes; .*; only another rule changes that$/);
  assert.equal(one('library/app').reason, 'available');
});

test('of two source tags with one destination tag, the one that came later is named', async (t) => {
  const { state, ruleset, want, one } = await stand(t, [{ ...library, tag: 'latest' }]);
  want('library/app', 'v1');
  finishAs(state, 'copied', minute(1));
  assert.equal(one('library/app', 'v1').reason, 'copied');
  assert.equal(one('library/app', 'v2').reason, 'overtaken');
  const later = ruleset.match('library/app', 'v2');
  const why = { door: 'sweep', cause: 'unknown', wantedAt: minute(2) } as const;
  state.enqueue.enter([entry(later, why)], minute(2), () => true);
  finishAs(state, 'copied', minute(2));
  assert.partialDeepStrictEqual(one('library/app', 'v1'), { reason: 'overtaken', since: minute(2) });
  assert.match(one('library/app', 'v1').words, /^library\/app:v2 came later.*change `tag` of rule library$/);
  assert.equal(one('library/app', 'v1').cause, undefined);
  assert.equal(one('library/app', 'v2').reason, 'copied');
  assert.equal(one('library/app', 'v2').cause?.code, 'unknown');
});

test('a signature goes where its image goes, if an event has named that', async (t) => {
  const { state, say, want, one } = await stand(t, [{ ...library, tags: ['v*'] }]);
  const signature = `sha256-${digestOf(1).slice('sha256:'.length)}.sig`;
  const none = say('library/app', signature);
  assert.deepEqual(none.copies, []);
  const { reason, words } = untaken(none);
  assert.equal(reason, 'image-not-seen');
  assert.match(words, new RegExp(`no event has named a tag of that image, ${digestOf(1)}`));
  assert.equal(untaken(say('elsewhere/app', signature)).reason, 'no-rule');
  state.enqueue.enter([entry([], { event: pushed('v1') })], minute(0), () => true);
  assert.equal(one('library/app', signature).reason, 'not-seen');
  const { id } = want('library/app', signature, minute(1), ['v1']);
  assert.partialDeepStrictEqual(one('library/app', signature), { reason: 'available', task: id });
});

test('a tag that no rule takes: the pattern that keeps it out, or the rule that comes nearest, and what to change', async (t) => {
  const { say } = await stand(t, [
    { ...library, repositories: ['library/**', '!library/tmp-*'], tags: ['v*', '!*-rc*'] },
  ]);
  const rows: [repository: string, tag: string, reason: string, words: string][] = [
    [
      'library/app',
      'v1-rc1',
      'excluded',
      'library/app:v1-rc1 is not copied: rule library leaves out tag v1-rc1 by "!*-rc*"; ' +
        'to copy it, change `tags` of that rule, or let another rule take it.',
    ],
    [
      'library/tmp-app',
      'v1',
      'excluded',
      'library/tmp-app:v1 is not copied: rule library leaves out repository library/tmp-app by "!library/tmp-*"; ' +
        'to copy it, change `repositories` of that rule, or let another rule take it.',
    ],
    [
      'library/app',
      'latest',
      'no-rule',
      'No rule takes library/app:latest, so it is not copied: rule library does not take tag latest: ' +
        'none of its tags fits ("v*", "!*-rc*"); to copy it, add a pattern to `tags` of that rule.',
    ],
    [
      'elsewhere/app',
      'v1',
      'no-rule',
      'No rule takes elsewhere/app:v1, so it is not copied: in no rule does a pattern of `repositories` fit ' +
        'elsewhere/app; to copy it, add one, or another rule.',
    ],
  ];
  for (const [repository, tag, reason, words] of rows) {
    const recalled = say(repository, tag);
    assert.deepEqual(recalled.copies, []);
    assert.deepEqual(untaken(recalled), { reason, words });
  }
});

test('a rule that takes the repository is nearer than one that excludes it', async (t) => {
  const { say } = await stand(t, [
    { ...library, name: 'other', repositories: ['**', '!library/app'] },
    { ...library, tags: ['!*-rc*'] },
  ]);
  assert.match(untaken(say('library/app', 'v1-rc1')).words, /: rule library leaves out tag v1-rc1 by /);
});

test('two rules give a tag two destinations', async (t) => {
  const { say } = await stand(t, [
    library,
    { ...library, name: 'twice', destination: 'other', tags: ['v1'] },
  ]);
  assert.deepEqual(
    say().copies.map(({ wanted }) => wanted.rule),
    ['library', 'twice'],
  );
});
