import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shared } from '../../src/abort.ts';
import { registryError } from '../support/fault.ts';
import { push } from '../support/push.ts';
import { finish } from '../state/open.ts';
import { type Stand, bare, startVendors } from './listing-stand.ts';
import { rule, startStand, startSweeping } from './sweep-stand.ts';

const [old, current, other] = [bare('old'), bare('current'), bare('other')];
const lists = /^GET \/api\/v2\.0\/projects\/[^/]+\/repositories$/;
const both =
  'harbor/library/a-b (rule everything) and harbor/library/a/b (rule everything) would both become acr/mirror/a-b';

/** `[repository, state, reason]` of all tasks, sorted. */
function ends({ state }: Pick<Stand, 'state'>): (string | undefined)[][] {
  const tasks = state.tasks.list({ limit: 100 });
  return tasks
    .map(({ sourceRepository, sourceTag, reason, state: is }) => [
      `${sourceRepository}:${sourceTag}`,
      reason ?? is,
    ])
    .toSorted();
}

async function pushed({ enqueue, clock }: Stand, repository: string, tag = 'v1'): Promise<void> {
  const event = { kind: 'push', type: 'PUSH_ARTIFACT', repository } as const;
  await enqueue.receive({ ...event, references: [{ tag }], occurredAt: clock.now() });
}

describe('the names of a whole source', () => {
  test('two that meet where nobody is yet: neither is copied, whichever is pushed next, and both are named', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['a-b', 'a/b', 'alone'])
      await push(stand.harbor.url, `library/${name}`, 'v1', current);
    const swept = await stand.sweep();
    assert.partialDeepStrictEqual(swept, { listed: 3, enqueued: 3, missed: 1, failed: 0 });
    assert.partialDeepStrictEqual(swept, { collisions: 1, invalidNames: 0 });
    assert.deepEqual(swept.nameErrors, [`${both}; give one of them another \`repository\``]);
    await pushed(stand, 'library/a/b');
    await pushed(stand, 'library/a-b');
    assert.deepEqual(ends(stand), [
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v1', 'name-collision'],
      ['library/alone:v1', 'available'],
    ]);
    for (const { message, reason } of stand.state.tasks.list({ limit: 10 }))
      if (reason) assert.ok(message?.startsWith(`${both}, and nothing tells whose it is`), message);
    // Nothing is asked of what is not copied.
    assert.deepEqual(stand.acr.seen(/manifests/), []);
  });

  test('are judged where there is no tag to copy, and told anew with each sweep, once', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['library/a-b', 'library/a/b', 'library/x'])
      stand.rest.content.push(name, undefined, current.descriptor.digest);
    for (let turn = 0; turn < 2; turn++) {
      const swept = await stand.sweep();
      assert.partialDeepStrictEqual(swept, { listed: 0, collisions: 1, invalidNames: 1 });
      assert.equal(swept.nameErrors.length, 2);
      assert.match(
        swept.nameErrors[1] ?? '',
        /^harbor\/library\/x would become "mirror\/x", which acr cannot/,
      );
    }
    assert.deepEqual(ends(stand), []);
  });

  test('20 are named, all are counted', async (t) => {
    const stand = await startVendors(t);
    for (let index = 0; index < 25; index++)
      stand.rest.content.push(`library/${'x'.repeat(130 + index)}`, undefined, current.descriptor.digest);
    const swept = await stand.sweep();
    assert.deepEqual([swept.invalidNames, swept.nameErrors.length], [25, 20]);
  });

  test('one more request for each hundred repositories', async (t) => {
    const stand = await startVendors(t, ['library', 'team']);
    for (let index = 0; index < 250; index++)
      stand.rest.content.push(`library/app-${index}`, undefined, current.descriptor.digest);
    stand.rest.content.push('team/app', undefined, current.descriptor.digest);
    await stand.sweep();
    assert.equal(stand.harbor.seen(lists).length, 4);
    assert.equal(stand.harbor.seen(/^GET \/api/).length, 4 + 4);
  });

  test('a dry run names them, and leaves no trace', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['a-b', 'a/b']) await push(stand.harbor.url, `library/${name}`, 'v1', current);
    await push(stand.acr.url, 'mirror/a-b', 'v1', current);
    assert.partialDeepStrictEqual(await stand.sweep({ dryRun: true }), { collisions: 1, enqueued: 2 });
    assert.deepEqual(stand.state.names.names('harbor'), []);
    assert.equal(stand.state.names.owner('acr', 'mirror/a-b'), undefined);
  });

  test('of one rule: what it has no part in is not told', async (t) => {
    const one = rule({
      name: 'one',
      repositories: ['library/a*/**', 'library/a-*'],
      repository: 'mirror/{flat}',
    });
    const two = rule({ name: 'two', repositories: ['library/c-d'], repository: 'mirror/{flat}' });
    const three = { ...two, name: 'three', repositories: ['library/c/**'] };
    const stand = await startVendors(t, ['library'], { rules: [one, two, three] });
    for (const name of ['library/a-b', 'library/a/b', 'library/c-d', 'library/c/d'])
      stand.rest.content.push(name, undefined, current.descriptor.digest);
    assert.equal((await stand.sweep()).collisions, 2);
    assert.match((await stand.sweep({ rule: 'one' })).nameErrors.join(), /^harbor\/library\/a-b .*a-b; give/);
    assert.match(
      (await stand.sweep({ rule: 'three' })).nameErrors.join(),
      /^harbor\/library\/c-d \(rule two\)/,
    );
  });

  test('what a rule spells out and the source does not have meets nobody', async (t) => {
    const rules = [
      rule({ name: 'glob', repositories: ['library/**'], repository: 'mirror/{flat}' }),
      rule({ name: 'literal', repositories: ['library/a-b'], repository: 'mirror/{flat}' }),
    ];
    const stand = await startVendors(t, ['library'], { rules });
    await push(stand.harbor.url, 'library/a/b', 'v1', current);
    assert.partialDeepStrictEqual(await stand.sweep(), { collisions: 0, enqueued: 1 });
    assert.deepEqual(ends(stand), [['library/a/b:v1', 'available']]);
  });

  test('a repository that is gone at the source is in nobody’s way any more', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['a-b', 'a/b']) await push(stand.harbor.url, `library/${name}`, 'v1', current);
    await stand.sweep();
    stand.rest.content.remove('library/a/b', current.descriptor.digest);
    stand.rest.content.repositories.delete('library/a/b');
    assert.equal((await stand.sweep()).collisions, 0);
    // The task that said why there was no copy stays beside the one that makes it.
    assert.deepEqual(ends(stand), [
      ['library/a-b:v1', 'available'],
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v1', 'name-collision'],
    ]);
  });
});

describe('whose a destination repository is', () => {
  test('of the one that was there first: it goes on, and who comes later is refused', async (t) => {
    const stand = await startVendors(t);
    await push(stand.harbor.url, 'library/a/b', 'v1', current);
    await stand.sweep();
    finish(stand.state, stand.clock.now(), current.descriptor.digest);
    await push(stand.harbor.url, 'library/a-b', 'v1', other);
    await push(stand.harbor.url, 'library/a/b', 'v2', current);
    assert.equal((await stand.sweep()).collisions, 1);
    assert.deepEqual(ends(stand), [
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v1', 'completed'],
      ['library/a/b:v2', 'available'],
    ]);
    const [refused] = stand.state.tasks.list({ limit: 1, repository: 'library/a-b' });
    assert.match(
      refused?.message ?? '',
      /^acr\/mirror\/a-b is where harbor\/library\/a\/b goes; harbor\/library\/a-b/,
    );
  });

  test('with a database that knows nothing: of the only one of which a tag is there', async (t) => {
    const stand = await startVendors(t);
    for (const tag of ['v1', 'v2']) await push(stand.harbor.url, 'library/a/b', tag, current);
    await push(stand.harbor.url, 'library/a-b', 'v1', other);
    await push(stand.acr.url, 'mirror/a-b', 'v1', current);
    await push(stand.acr.url, 'mirror/a-b', 'v2', old);
    assert.partialDeepStrictEqual(await stand.sweep(), { unchanged: 1, enqueued: 2, collisions: 1 });
    assert.deepEqual(ends(stand), [
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v2', 'available'],
    ]);
  });

  test('where tags of both are there, or one cannot be asked, it is nobody’s', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['a-b', 'a/b']) await push(stand.harbor.url, `library/${name}`, 'v1', current);
    await push(stand.acr.url, 'mirror/a-b', 'v1', current);
    const refused = [
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v1', 'name-collision'],
    ];
    stand.forget();
    await stand.sweep();
    assert.deepEqual(ends(stand), refused);
    stand.harbor.faults.always(/^GET \/v2\/library\/a\/b\/tags/, registryError(401, 'UNAUTHORIZED', 'no'));
    await stand.sweep();
    assert.deepEqual(ends(stand), refused);
    assert.deepEqual(stand.acr.seen(/^(PUT|POST)/).length, 0);
  });

  test('a push before the first sweep has the place; the sweep tells who else would go there', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['a-b', 'a/b']) await push(stand.harbor.url, `library/${name}`, 'v1', current);
    await pushed(stand, 'library/a/b');
    assert.equal((await stand.sweep()).collisions, 1);
    assert.deepEqual(ends(stand), [
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v1', 'available'],
    ]);
  });
});

describe('what is not listed', () => {
  test('without the permission to list repositories the rest is compared, and a line says what is not seen', async (t) => {
    const stand = await startVendors(t, ['library'], { permissions: ['artifact:list'] });
    await push(stand.harbor.url, 'library/app', 'v1', current);
    const swept = await stand.sweep();
    assert.partialDeepStrictEqual(swept, { listed: 1, enqueued: 1, failed: 0 });
    assert.match(
      swept.errors.join(),
      /^harbor\/library: names that meet are seen only as they are compared: .*403/,
    );
  });

  test('a source that is away: what was known of it counts', async (t) => {
    const stand = await startVendors(t);
    for (const name of ['a-b', 'a/b']) await push(stand.harbor.url, `library/${name}`, 'v1', current);
    await stand.sweep();
    stand.harbor.faults.always(/^GET \/api\/v2\.0\/projects/, registryError(400, 'BAD_REQUEST', 'odd'));
    const swept = await stand.sweep();
    assert.deepEqual([swept.collisions, swept.failed], [1, 1]);
    assert.deepEqual(stand.state.names.names('harbor').toSorted(), ['library/a-b', 'library/a/b']);
  });

  test('a registry without projects is listed by its catalog', async (t) => {
    const { harbor, sweep, ...stand } = await startStand(t, [rule({ repository: 'mirror/{flat}' })]);
    for (const name of ['a-b', 'a/b', 'app']) await push(harbor.url, `library/${name}`, 'v1', current);
    const swept = await sweep();
    assert.match(swept.nameErrors.join(), /^harbor\/library\/a-b .* and harbor\/library\/a\/b /);
    assert.deepEqual(ends(stand), [
      ['library/a-b:v1', 'name-collision'],
      ['library/a/b:v1', 'name-collision'],
      ['library/app:v1', 'available'],
    ]);
    assert.equal(harbor.seen(/_catalog/).length, 1);
  });
});

describe('several sources', () => {
  const second = rule({ name: 'second', source: 'far', repository: 'mirror/{flat}' });
  const rules = [rule({ repository: 'mirror/{flat}' }), second];

  test('namesakes of two sources meet: neither is copied, though each is swept for itself', async (t) => {
    const { harbor, registries } = await startStand(t);
    await push(harbor.url, 'library/app', 'v1', current);
    // The same registry under a second name.
    const twice = named(registries);
    const { sweep, ...stand } = await startSweeping(t, twice, rules);
    assert.equal((await sweep()).collisions, 1);
    assert.deepEqual(ends(stand), [
      ['library/app:v1', 'name-collision'],
      ['library/app:v1', 'name-collision'],
    ]);
  });

  test('one that does not answer keeps the other ten seconds, and no longer', async (t) => {
    const { harbor, registries } = await startStand(t);
    await push(harbor.url, 'library/app', 'v1', current);
    const asked = Promise.withResolvers<void>();
    const silent = named(registries, async function* (signal) {
      asked.resolve();
      await shared(new Promise(() => undefined), signal);
      yield '';
    });
    const { sweeper, state, tasks, clock } = await startSweeping(t, silent, rules);
    const compared = Promise.withResolvers<void>();
    harbor.faults.once(/tags\/list/, (_call, next) => (compared.resolve(), next()));
    sweeper.start({ dryRun: false, trigger: 'admin' });
    await asked.promise;
    while (clock.next === undefined) await new Promise(setImmediate);
    assert.deepEqual(tasks(), []);
    clock.advance(10_000);
    await compared.promise;
    await sweeper.stop();
    assert.equal(state.sweeps.interrupted()?.state, 'running');
  });

  test('nor does one that does not tell whose a destination repository is: it is nobody’s then', async (t) => {
    const { harbor, acr, registries } = await startStand(t);
    for (const name of ['app', 'alone']) await push(harbor.url, `library/${name}`, 'v1', current);
    await push(acr.url, 'mirror/app', 'v1', current);
    const asked = Promise.withResolvers<void>();
    const source: typeof registries.source = (name, repository) => {
      const real = registries.source('harbor', repository);
      if (name !== 'far') return real;
      const tags = async function* (signal?: AbortSignal) {
        asked.resolve();
        await shared(new Promise(() => undefined), signal);
        yield '';
      };
      return Object.assign(Object.create(real), { tags });
    };
    const listed = async function* () {
      yield 'library/app';
    };
    const { sweeper, clock, ...stand } = await startSweeping(
      t,
      { ...named(registries, listed), source },
      rules,
    );
    sweeper.start({ dryRun: false, trigger: 'admin' });
    await asked.promise;
    assert.deepEqual(stand.tasks(), []);
    clock.advance(10_000);
    while (stand.tasks().length < 2) await new Promise(setImmediate);
    assert.deepEqual(ends(stand), [
      ['library/alone:v1', 'available'],
      ['library/app:v1', 'name-collision'],
    ]);
    await sweeper.stop();
  });

  type Registries = Awaited<ReturnType<typeof startStand>>['registries'];

  /** `far` is `harbor`, with a list of its own where one is given. */
  function named(
    registries: Registries,
    repositories?: (signal?: AbortSignal) => AsyncIterable<string>,
  ): Registries {
    const real = (name: string): string => (name === 'far' ? 'harbor' : name);
    return {
      ...registries,
      source: (name, repository) => registries.source(real(name), repository),
      repositories: (name, signal) =>
        name === 'far' && repositories ? repositories(signal) : registries.repositories(real(name), signal),
    };
  }
});
