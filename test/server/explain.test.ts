import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ruleset } from '../../src/rule/match.ts';
import { checkedApi } from './contract.ts';
import { failOnce, jsonOf, now, push, rules, startStand } from './stand.ts';

const path = (repository: string, tag: string) =>
  `/explain?${new URLSearchParams({ repository, tag }).toString()}`;

test('a tag on its way, that no webhook told of, and at its end', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const { enqueue, dispatch } = stand.state;
  const wanted = new Ruleset(rules).match('library/web', '1.0');
  const cause = 'tag-created-in-harbor';
  enqueue.enter([{ door: 'sweep', cause, force: false, wantedAt: now, wanted }], now, () => true);
  const failure = { reason: 'source-policy', message: 'not scanned' } as const;
  const { claimed, attempt } = failOnce(stand.state, { ...failure, at: now + 60_000, waited: true });
  const answer = jsonOf(await api('GET', path('library/web', '1.0')));
  const { repository, tag, reason, words, from, destinations } = answer;
  assert.deepEqual([repository, tag, reason, from], ['library/web', '1.0', 'source-policy', 'mirror']);
  assert.equal(
    words,
    "The rules want library/web:1.0 at 1 destination: the source's policy holds it back until a scan or a signature.",
  );
  assert.deepEqual(answer.rules, [
    {
      rule: 'everything',
      source: 'harbor',
      destination: 'acr',
      taken: true,
      repositories: { matches: true, pattern: '**' },
      tags: { matches: true, pattern: '**' },
      words: 'rule everything takes repository library/web by "**" and tag 1.0 by "**"',
    },
  ]);
  const [{ words: why, cause: told, hint, ends, ...waiting }] = destinations;
  assert.match(hint, /^start a scan: Harbor, library\/web, tag 1\.0, /);
  for (const [side, look] of Object.entries<{ problem: string; words: string }>(ends)) {
    assert.equal(look.problem, 'unreachable');
    assert.match(look.words, new RegExp(`^resolve 1\\.0 at the ${side}: GET .*ECONNREFUSED`));
  }
  assert.deepEqual(waiting, {
    rule: 'everything',
    destination: { registry: 'acr', repository: 'mirror/library/web', tag: '1.0' },
    reason: 'source-policy',
    since: '2026-11-23T12:00:00.000Z',
    task: claimed.id,
    nextAttemptAt: '2026-11-23T12:01:00.000Z',
  });
  assert.match(why, /^waits since 2026-11-23 12:00:00 UTC: .*: not scanned; .*, or when the scan ends$/);
  assert.equal(told.code, cause);
  assert.match(told.words, /Harbor's UI or API/);

  dispatch.promote(now + 60_000, 10, 1e9);
  const again = dispatch.claim(now + 60_000, {});
  assert.ok(again);
  const digest = `sha256:${'1'.repeat(64)}` as const;
  const end = { ...attempt, finishedAt: now + 61_000, outcome: 'copied', digest } as const;
  dispatch.settle(again, end, { kind: 'complete', outcome: 'copied', again: false }, now + 61_000);
  const [copied] = jsonOf(await api('GET', path('library/web', '1.0'))).destinations;
  assert.equal(copied.reason, 'copied');
  assert.equal(copied.since, '2026-11-23T12:01:01.000Z');
  assert.partialDeepStrictEqual(copied.record, { digest, verifiedAt: '2026-11-23T12:01:01.000Z' });
});

test('a tag that a webhook told of has no cause; one that nobody told of has its place, and why it is not known', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  await stand.post(push('library/web', '1.0'));
  const [told] = jsonOf(await api('GET', path('library/web', '1.0'))).destinations;
  assert.equal(told.reason, 'available');
  assert.ok(!('cause' in told));
  const [unseen] = jsonOf(await api('GET', path('library/web', '2.0'))).destinations;
  assert.deepEqual(Object.keys(unseen).toSorted(), [
    'destination',
    'ends',
    'hint',
    'reason',
    'rule',
    'words',
  ]);
  assert.equal(unseen.reason, 'unreachable');
});

test('a tag that no rule takes is 200 with no destination', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const answer = await api('GET', path('private/web', '1.0'));
  assert.equal(answer.status, 200);
  const { reason, words, rules: asked, destinations } = jsonOf(answer);
  assert.deepEqual(destinations, []);
  assert.equal(reason, 'excluded');
  assert.match(
    words,
    /^private\/web:1\.0 is not copied: rule everything leaves out repository .* by "!private/,
  );
  assert.partialDeepStrictEqual(asked, [{ taken: false, repositories: { pattern: '!private/**' } }]);
});

test('a query that names no tag is 422 with each mistake, and the document says what is needed', async (t) => {
  const stand = await startStand(t);
  const api = await checkedApi(stand);
  const wrong: [query: string, parameters: string[]][] = [
    ['', ['repository', 'tag']],
    ['?repository=library/web', ['tag']],
    ['?repository=Library&tag=.x', ['repository', 'tag']],
    ['?repository=library/web&tag=1&tag=2', ['tag']],
    ['?repository=library/web&tag=1&digest=x', ['']],
  ];
  for (const [query, parameters] of wrong) {
    const answer = await api('GET', `/explain${query}`);
    assert.equal(answer.status, 422, query);
    const { errors } = jsonOf(answer);
    assert.deepEqual(errors.map(({ parameter }: { parameter: string }) => parameter).toSorted(), parameters);
  }
  const { paths } = jsonOf(await stand.api('GET', '/openapi.json'));
  const required = (path: string) =>
    paths[path].get.parameters
      .filter((parameter: { required: boolean }) => parameter.required)
      .map(({ name }: { name: string }) => name);
  assert.deepEqual(required('/explain'), ['repository', 'tag']);
  assert.deepEqual(required('/tasks'), []);
  assert.deepEqual(required('/tasks/{id}'), ['id']);
});
