import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { empty } from '../../src/demo/registry/call.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import { Sweeper } from '../../src/task/sweep.ts';
import { stall } from '../support/connection-fault.ts';
import { registryError, unavailable } from '../support/fault.ts';
import { cosignTag } from '../support/image.ts';
import { push } from '../support/push.ts';
import { finish } from '../state/open.ts';
import { type Stand, bare, hourBefore, startVendors } from './listing-stand.ts';
import { rule } from './sweep-stand.ts';

const heads = /^HEAD .*\/manifests\//;
const pulls = /^GET .*\/manifests\//;
const [old, current] = [bare('old'), bare('current')];

/** As many tags in Harbor's lists, and recorded as being at the destination, which knows nothing but their digests. */
function fill({ rest, acr, state, clock }: Stand, repositories: number, tagsEach: number): void {
  const there = new Map<string, string>();
  const seen = [];
  for (let index = 0; index < repositories * tagsEach; index++) {
    const [name, tag] = [`app-${index % repositories}`, `v${Math.floor(index / repositories)}`];
    const digest = digestOf(Buffer.from(`${name}:${tag}`));
    rest.content.push(`library/${name}`, tag, digest);
    there.set(`/v2/mirror/${name}/manifests/${tag}`, digest);
    const copy = {
      source: 'harbor',
      sourceRepository: `library/${name}`,
      sourceTag: tag,
      destination: 'acr',
      destinationRepository: `mirror/${name}`,
      destinationTag: tag,
    };
    seen.push({ copy, digest, at: clock.now() });
  }
  state.records.confirm(seen);
  const head: Misbehaviour = async ({ path }) => {
    const digest = there.get(path);
    if (digest === undefined) return empty(404);
    return empty(200, { 'content-type': ociIndex, 'content-length': '500', 'docker-content-digest': digest });
  };
  acr.faults.always(heads, head);
}

describe('a sweep of a whole project', () => {
  test('10,000 tags in 100 repositories with nothing changed: at most 250 requests, and no pull', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false, sweep: { auditShare: 0.01 } });
    fill(stand, 100, 100);
    const swept = await stand.sweep();
    const counts = { listed: 10_000, unchanged: 10_000, enqueued: 0, missed: 0, audited: 100, mismatched: 0 };
    assert.partialDeepStrictEqual(swept, { state: 'completed', ...counts });
    const requests = [...stand.harbor.seen(), ...stand.acr.seen()];
    assert.ok(requests.length <= 250, `${requests.length} requests`);
    assert.deepEqual(
      requests.filter((line) => pulls.test(line)),
      [],
    );
    t.diagnostic(`${requests.length} requests`);
  });

  test('a new tag and a moved one are found, and said to be missed', async (t) => {
    const { harbor, acr, rest, sweep, tasks } = await startVendors(t, ['library'], { openApi: false });
    for (const tag of ['equal', 'moved']) await push(acr.url, 'mirror/app', tag, current);
    await push(harbor.url, 'library/app', 'equal', current);
    await push(harbor.url, 'library/app', 'moved', old);
    await push(harbor.url, 'library/app', 'new', old);
    rest.content.project('library');
    const swept = await sweep();
    assert.partialDeepStrictEqual(swept, { listed: 3, unchanged: 1, enqueued: 2, missed: 2, failed: 0 });
    assert.deepEqual(swept.causes, { unknown: 2 });
    assert.deepEqual(tasks(), ['mirror/app:moved', 'mirror/app:new']);
    // Names by one list; only of the two that it has the digests were asked for.
    assert.deepEqual([acr.seen(/tags\/list/).length, acr.seen(heads).length], [1, 2]);
    assert.deepEqual(harbor.seen(/^(GET|HEAD) \/v2\/library/), []);
  });

  test('what was found to be right is recorded: the next sweep asks nothing at the destination', async (t) => {
    const { harbor, acr, sweep, forget } = await startVendors(t, ['library'], { openApi: false });
    await push(harbor.url, 'library/app', 'v1', current);
    await push(acr.url, 'mirror/app', 'v1', current);
    assert.equal((await sweep()).unchanged, 1);
    forget();
    assert.equal((await sweep()).unchanged, 1);
    assert.deepEqual(acr.seen(), []);
  });

  test('projects that no rule reaches are not listed', async (t) => {
    const { rest, harbor, sweep } = await startVendors(t, ['library', 'team'], {
      rules: [rule({ repositories: ['team/**'], repository: 'mirror/{flat}', destinationType: 'acr-ee' })],
    });
    rest.content.push('library/app', 'v1', current.descriptor.digest);
    rest.content.push('team/app', 'v1', current.descriptor.digest);
    await sweep({ dryRun: true });
    assert.deepEqual(harbor.seen(/artifacts$/), ['GET /api/v2.0/projects/team/artifacts']);
  });

  test('a release without that list is listed by repository', async (t) => {
    const { harbor, rest, sweep, tasks } = await startVendors(t);
    rest.version = 'v2.10.3-abc';
    for (const name of ['app', 'deep/tool']) await push(harbor.url, `library/${name}`, 'v1', current);
    assert.partialDeepStrictEqual(await sweep(), { listed: 2, enqueued: 2, failed: 0 });
    assert.deepEqual(tasks(), ['mirror/app:v1', 'mirror/deep-tool:v1']);
  });

  test('a signature is looked for where the list shows that there is one, and counts once', async (t) => {
    const { harbor, rest, sweep, tasks } = await startVendors(t, ['library'], { openApi: false });
    const tag = cosignTag(current.descriptor.digest);
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/plain', 'v1', current);
    await push(harbor.url, 'library/app', tag, old);
    rest.content.remove('library/app', old.descriptor.digest);
    rest.content.push('library/app', tag, old.descriptor.digest, { subject: current.descriptor.digest });
    assert.partialDeepStrictEqual(await sweep(), { listed: 3, enqueued: 3 });
    assert.deepEqual(tasks(), [`mirror/app:${tag}`, 'mirror/app:v1', 'mirror/plain:v1'].toSorted());
    assert.deepEqual(harbor.seen(/plain\/tags\/list/), []);
  });

  test('every repository has its turn to be looked at for tags that no list shows', async (t) => {
    const { harbor, rest, sweep, tasks } = await startVendors(t, ['library'], {
      sweep: { auditShare: 0.25 },
    });
    const child = bare('child');
    const tag = cosignTag(child.descriptor.digest);
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/app', 'hidden', old);
    // Below an index, say: Harbor shows neither it nor what belongs to it.
    rest.content.remove('library/app', old.descriptor.digest);
    for (let turn = 1; turn <= 4; turn++) await sweep();
    assert.deepEqual(tasks(), ['mirror/app:hidden', 'mirror/app:v1']);
    assert.equal(harbor.seen(/app\/tags\/list/).length, 1, tag);
  });
});

describe('causes', () => {
  test('tags that a copy within Harbor made beside the one it told of', async (t) => {
    const stand = await startVendors(t, ['library', 'prod'], { openApi: false });
    const { rest, enqueue, clock, sweep, state } = stand;
    const { digest } = current.descriptor;
    for (const tag of ['2.0', 'stable', 'by-api']) rest.content.push('library/app', tag, digest);
    rest.content.copy('library/app', digest, 'prod/app');
    const references = [{ tag: 'by-api', digest }];
    const event = { kind: 'push', type: 'PUSH_ARTIFACT', repository: 'prod/app', references } as const;
    await enqueue.receive({ ...event, occurredAt: clock.now() });
    const swept = await sweep();
    // Those of library/app, which another repository would meet at the destination, are refused: no copy was missed.
    assert.deepEqual(swept.causes, { 'copy-with-several-tags': 2 });
    const refused = state.tasks.list({ limit: 10, repository: 'library/app' }).map(({ reason }) => reason);
    assert.deepEqual(refused, Array(3).fill('name-collision'));
    const causes = state.tasks
      .list({ limit: 10, repository: 'prod/app' })
      .map((task) => [task.sourceTag, task.cause]);
    assert.deepEqual(causes.toSorted(), [
      ['2.0', 'copy-with-several-tags'],
      ['by-api', undefined],
      ['stable', 'copy-with-several-tags'],
    ]);
  });

  test('a repository of a proxy cache that a rule spells out', async (t) => {
    const { rest, harbor, sweep } = await startVendors(t, ['cache'], {
      rules: [rule({ repositories: ['cache/app'], repository: 'mirror/{flat}', destinationType: 'acr-ee' })],
    });
    rest.content.project('cache', { proxyCache: true });
    await push(harbor.url, 'cache/app', 'v1', current);
    assert.deepEqual((await sweep()).causes, { 'proxy-cache': 1 });
  });
});

describe('what a webhook may still tell', () => {
  test('a change of the last five minutes is copied, and not counted as missed', async (t) => {
    let pushedAt = hourBefore;
    const { harbor, clock, sweep, tasks } = await startVendors(t, ['library'], {
      openApi: false,
      pushedAt: () => pushedAt,
    });
    await push(harbor.url, 'library/app', 'old', current);
    pushedAt = clock.now() - 60_000;
    await push(harbor.url, 'library/app', 'young', current);
    assert.partialDeepStrictEqual(await sweep(), { enqueued: 2, missed: 1, causes: { unknown: 1 } });
    assert.deepEqual(tasks(), ['mirror/app:old', 'mirror/app:young']);
  });

  test('what was copied since the source was asked is no difference', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false });
    const { harbor, acr, state, clock, enqueue, sweep } = stand;
    await push(harbor.url, 'library/app', 'v1', old);
    harbor.faults.once(/library\/artifacts/, async (_call, next) => {
      const listed = await next();
      // Pushed, told and copied while the list is on its way.
      clock.advance(1_000);
      await push(acr.url, 'mirror/app', 'v1', current);
      const references = [{ tag: 'v1' }];
      const event = { kind: 'push', type: 'PUSH_ARTIFACT', repository: 'library/app', references } as const;
      await enqueue.receive({ ...event, occurredAt: clock.now() });
      finish(state, clock.now(), current.descriptor.digest);
      return listed;
    });
    assert.partialDeepStrictEqual(await sweep(), { listed: 1, unchanged: 1, enqueued: 0, missed: 0 });
  });
});

describe('a clock that was set back', () => {
  test('does not make a sweep believe a record of the future', async (t) => {
    const { harbor, acr, clock, sweep } = await startVendors(t, ['library'], { openApi: false });
    await push(harbor.url, 'library/app', 'v1', old);
    await push(acr.url, 'mirror/app', 'v1', old);
    clock.advance(10 * 24 * 3_600_000);
    await sweep();
    clock.advance(-10 * 24 * 3_600_000);
    await push(harbor.url, 'library/app', 'v1', current);
    assert.partialDeepStrictEqual(await sweep(), { listed: 1, unchanged: 0, enqueued: 1 });
  });
});

describe('sweeps of one rule', () => {
  test('see their copies though another rule wants the same', async (t) => {
    const here = { repository: 'mirror/{flat}', destinationType: 'acr-ee' } as const;
    const { harbor, sweep, tasks } = await startVendors(t, ['library'], {
      rules: [rule({ ...here, name: 'first' }), rule({ ...here, name: 'second', tags: ['v*'] })],
    });
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/app', 'other', current);
    assert.partialDeepStrictEqual(await sweep({ rule: 'second' }), { listed: 1, enqueued: 1 });
    assert.deepEqual(tasks(), ['mirror/app:v1']);
  });
});

describe('records', () => {
  test('by age every record has its turn, and none of them two', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false, sweep: { auditShare: 0.25 } });
    fill(stand, 1, 8);
    for (let turn = 1; turn <= 4; turn++) {
      stand.clock.advance(1_000);
      assert.partialDeepStrictEqual(await stand.sweep(), { audited: 2, mismatched: 0, unchanged: 8 });
    }
    assert.deepEqual(stand.acr.seen(heads).toSorted(), [...new Set(stand.acr.seen(heads))].toSorted());
    assert.equal(stand.acr.seen(heads).length, 8);
  });

  test('a tag that somebody else has changed is repaired, and its repository not believed', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false, sweep: { auditShare: 0.01 } });
    const { harbor, acr, clock, state, sweep, tasks, forget } = stand;
    for (const [name, tag] of [
      ['app', 'v1'],
      ['app', 'v2'],
      ['other', 'v1'],
    ] as const) {
      await push(harbor.url, `library/${name}`, tag, current);
      await push(acr.url, `mirror/${name}`, tag, current);
      clock.advance(1_000);
    }
    await sweep();
    // The oldest: it is the one whose turn it is.
    const [first] = state.records.oldest('acr', 1);
    assert.ok(first);
    await push(acr.url, first.destinationRepository, first.destinationTag, old);
    forget();
    const doubted: string[] = [];
    stand.registries.doubt = (registry, repository) => doubted.push(`${registry}/${repository}`);
    const swept = await sweep();
    assert.partialDeepStrictEqual(swept, { audited: 1, mismatched: 1, enqueued: 1, missed: 0, listed: 3 });
    assert.match(swept.errors.join(), /expected sha256:.*, got sha256:.*; who else writes there\?$/);
    assert.deepEqual(tasks(), [`${first.destinationRepository}:${first.destinationTag}`]);
    const others = state.tasks.list({ limit: 10 }).map(({ cause }) => cause);
    assert.deepEqual(others, [undefined]);
    assert.deepEqual(doubted, [`acr/${first.destinationRepository}`]);
  });

  test('two source tags under one name: the newest push has it, and no sweep takes it away', async (t) => {
    let pushedAt = hourBefore;
    const { harbor, acr, state, clock, sweep, tasks } = await startVendors(t, ['library'], {
      openApi: false,
      rules: [rule({ repository: 'mirror/{flat}', destinationType: 'acr-ee', tag: 'stable' })],
      pushedAt: () => pushedAt,
    });
    await push(harbor.url, 'library/app', 'v1', old);
    await push(harbor.url, 'library/app', 'v2', current);
    await push(acr.url, 'mirror/app', 'stable', current);
    const copy = {
      source: 'harbor',
      sourceRepository: 'library/app',
      sourceTag: 'v2',
      destination: 'acr',
      destinationRepository: 'mirror/app',
      destinationTag: 'stable',
    };
    state.records.confirm([{ copy, digest: current.descriptor.digest, at: clock.now() }]);
    assert.partialDeepStrictEqual(await sweep(), { listed: 2, unchanged: 2, enqueued: 0 });
    assert.deepEqual(tasks(), []);
    // Long after that copy, and nobody has told of it.
    pushedAt = clock.now() + 3_600_000;
    await push(harbor.url, 'library/app', 'v3', old);
    clock.advance(7_200_000);
    assert.partialDeepStrictEqual(await sweep(), { listed: 3, unchanged: 2, enqueued: 1, missed: 1 });
    assert.equal(state.tasks.list({ limit: 1 })[0]?.sourceTag, 'v3');
  });

  test('tags of a proxy cache that cannot be told from others are copied all the same', async (t) => {
    const { harbor, sweep } = await startVendors(t, ['library'], {
      rules: [
        rule({ repositories: ['library/app'], repository: 'mirror/{flat}', destinationType: 'acr-ee' }),
      ],
    });
    await push(harbor.url, 'library/app', 'v1', current);
    harbor.faults.always(/api\/v2\.0\/(projects$|projects\?|systeminfo)/, unavailable());
    assert.partialDeepStrictEqual(await sweep(), {
      listed: 1,
      enqueued: 1,
      failed: 0,
      causes: { unknown: 1 },
    });
  });
});

describe('an audit', () => {
  test('does not take a copy of our own for somebody else’s', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false, sweep: { auditShare: 1 } });
    const { harbor, acr, state, clock, enqueue, sweep } = stand;
    await push(harbor.url, 'library/app', 'v1', old);
    await push(acr.url, 'mirror/app', 'v1', old);
    await sweep();
    acr.faults.once(heads, async (_call, next) => {
      clock.advance(1_000);
      for (const [url, name] of [
        [harbor.url, 'library/app'],
        [acr.url, 'mirror/app'],
      ] as const)
        await push(url, name, 'v1', current);
      const references = [{ tag: 'v1' }];
      const event = { kind: 'push', type: 'PUSH_ARTIFACT', repository: 'library/app', references } as const;
      await enqueue.receive({ ...event, occurredAt: clock.now() });
      finish(state, clock.now(), current.descriptor.digest);
      return next();
    });
    assert.partialDeepStrictEqual(await sweep(), { mismatched: 0, unchanged: 1, enqueued: 0, errors: [] });
  });

  test('is not kept from the others by a repository that refuses to be looked at', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false, sweep: { auditShare: 0.5 } });
    fill(stand, 2, 2);
    const refused = registryError(403, 'DENIED', 'no');
    stand.acr.faults.clear();
    stand.acr.faults.always(/app-0\/manifests/, refused);
    stand.acr.faults.always(heads, async ({ path }) => {
      const tag = path.split('/').at(-1) ?? '';
      const digest = digestOf(Buffer.from(`app-1:${tag}`));
      return empty(200, {
        'content-type': ociIndex,
        'content-length': '500',
        'docker-content-digest': digest,
      });
    });
    for (let turn = 1; turn <= 3; turn++) {
      stand.clock.advance(1_000);
      await stand.sweep();
    }
    const looked = stand.acr.seen(/^HEAD .*app-1\/manifests/);
    assert.deepEqual(new Set(looked).size, 2, looked.join());
  });

  test('is left out of a dry run, which records nothing', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false, sweep: { auditShare: 1 } });
    const { harbor, acr, state, sweep, forget } = stand;
    await push(harbor.url, 'library/app', 'v1', current);
    await push(acr.url, 'mirror/app', 'v1', current);
    assert.partialDeepStrictEqual(await sweep({ dryRun: true }), { unchanged: 1, audited: 0 });
    assert.equal(state.records.count('acr'), 0);
    await sweep();
    await push(acr.url, 'mirror/app', 'v1', old);
    forget();
    assert.partialDeepStrictEqual(await sweep({ dryRun: true }), { unchanged: 1, audited: 0, mismatched: 0 });
    assert.equal(state.records.count('acr'), 1);
    assert.deepEqual(acr.seen(heads), []);
  });
});

describe('a restart in the middle', () => {
  test('goes on behind the last page that was done, with the counts so far', async (t) => {
    const stand = await startVendors(t, ['library'], { openApi: false });
    const { rest, harbor, acr, registries, rules, enqueue, state, clock, sweeper } = stand;
    fill(stand, 3, 100);
    rest.content.push('library/app-0', 'new', digestOf(Buffer.from('new')));
    const stopped = Promise.withResolvers<void>();
    const third = /^GET \/api\/v2\.0\/projects\/library\/artifacts\?.*q=id%3D%5B201/;
    harbor.faults.once(third, (...call) => (stopped.resolve(), stall(new Promise(() => undefined))(...call)));
    const id = sweeper.start({ dryRun: false, trigger: 'schedule' });
    await stopped.promise;
    await sweeper.stop();
    assert.partialDeepStrictEqual(state.sweeps.get(id ?? 0), {
      state: 'running',
      listed: 200,
      unchanged: 200,
    });

    stand.forget();
    const ended = Promise.withResolvers<unknown>();
    const second = new Sweeper({
      store: state.sweeps,
      names: state.names,
      positions: state.positions,
      records: state.records,
      registries,
      rules,
      submit: (entry) => enqueue.submit(entry),
      announced: () => [],
      catchUp: async () => undefined,
      auditShare: 0,
      clock,
      listener: ended.resolve,
    });
    assert.equal(second.resume(), id);
    assert.partialDeepStrictEqual(await ended.promise, {
      id,
      state: 'completed',
      listed: 301,
      unchanged: 300,
      enqueued: 1,
      missed: 1,
    });
    // Nothing is planned anew, and of the pages only those that were left; names are looked at as a whole again.
    assert.deepEqual(
      harbor.seen(/^GET \/api/).map((line) => line.replace('GET /api/v2.0/', '')),
      [
        'systeminfo',
        'projects',
        'projects/library/repositories',
        ...Array(2).fill('projects/library/artifacts'),
      ],
    );
    assert.deepEqual(acr.seen(heads), []);
    assert.equal(second.resume(), undefined);
  });
});
