import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { registryError, unavailable } from '../support/fault.ts';
import { type Image, cosignTag } from '../support/image.ts';
import { push } from '../support/push.ts';
import { type Side, type Stand, bare, startVendors } from './listing-stand.ts';

const [old, current] = [bare('old'), bare('current')];
const denied = registryError(401, 'UNAUTHORIZED', 'authentication required');
const forbidden = registryError(403, 'FORBIDDEN', 'forbidden');
const signature = bare('signature');
const signatureTag = cosignTag(current.descriptor.digest);
const heads = /^HEAD .*\/manifests\//;

async function pushBoth({ harbor, acr }: Pick<Stand, 'harbor' | 'acr'>, name: string, tag: string) {
  await push(harbor.url, `library/${name}`, tag, current);
  await push(acr.url, `mirror/${name}`, tag, current);
}

async function pushSigned(stand: Pick<Stand, 'harbor' | 'acr'>, by: Image) {
  await pushBoth(stand, 'app', 'v1');
  await push(stand.harbor.url, 'library/app', signatureTag, by);
  await push(stand.acr.url, 'mirror/app', signatureTag, by);
}

function without(side: Side, ...expressions: RegExp[]): void {
  for (const expression of expressions) side.faults.always(expression, denied);
}

describe('a sweep by lists', () => {
  test('300 equal tags in 3 repositories cost 6 requests at Harbor, 6 of the OpenAPI, and none at ACR', async (t) => {
    const { harbor, acr, asked, sweep, forget } = await startVendors(t);
    for (const name of ['app-a', 'app-b', 'app-c']) {
      for (let index = 0; index < 100; index++) {
        const image = bare(`${name} ${index}`);
        await push(harbor.url, `library/${name}`, `v${index}`, image);
        await push(acr.url, `mirror/${name}`, `v${index}`, image);
      }
    }
    forget();
    const swept = await sweep();
    assert.deepEqual([swept.listed, swept.unchanged, swept.enqueued, swept.failed], [300, 300, 0, 0]);
    const paths = harbor.seen().map((line) => line.replace(/library\/app-.|(?<=repositories\/)app-./, 'R'));
    assert.deepEqual(
      paths.toSorted(),
      [
        ...Array<string>(3).fill('GET /api/v2.0/projects/library/artifacts'),
        'GET /api/v2.0/projects',
        // The names of all repositories, for those that would meet at the destination.
        'GET /api/v2.0/projects/library/repositories',
        'GET /api/v2.0/systeminfo',
      ].toSorted(),
    );
    assert.equal(asked().length, 6);
    assert.deepEqual(acr.seen(), []);
  });

  test('where records are not trusted any more the OpenAPI answers one request a repository', async (t) => {
    const stand = await startVendors(t);
    await pushBoth(stand, 'app', 'v1');
    await stand.sweep();
    stand.state.records.distrust('acr', 'mirror/app');
    stand.forget();
    assert.equal((await stand.sweep()).unchanged, 1);
    assert.deepEqual([stand.asked(), stand.acr.seen()], [['ListRepoTag'], []]);
  });

  test('a moved tag, a missing tag and a new repository are found', async (t) => {
    const stand = await startVendors(t);
    const { harbor, acr, sweep, forget, tasks } = stand;
    await pushBoth(stand, 'app', 'equal');
    await push(harbor.url, 'library/app', 'moved', current);
    await push(acr.url, 'mirror/app', 'moved', old);
    await push(harbor.url, 'library/app', 'missing', current);
    for (const tag of ['v1', 'v2']) await push(harbor.url, 'library/new', tag, current);
    forget();
    const swept = await sweep();
    assert.deepEqual([swept.unchanged, swept.enqueued, swept.missed, swept.failed], [1, 4, 4, 0]);
    assert.deepEqual(tasks(), ['mirror/app:missing', 'mirror/app:moved', 'mirror/new:v1', 'mirror/new:v2']);
    assert.deepEqual(harbor.seen(heads), []);
    // Before a tag is called moved it is looked at; one list tells of all that are missing.
    assert.deepEqual(acr.seen(/manifests|tags/).toSorted(), [
      'GET /v2/mirror/app/tags/list',
      'GET /v2/mirror/new/tags/list',
      'HEAD /v2/mirror/app/manifests/moved',
    ]);
  });

  test('an index whose digest the OpenAPI gives otherwise is not copied again', async (t) => {
    const stand = await startVendors(t);
    await pushBoth(stand, 'app', 'v1');
    stand.table.set('mirror/app', [{ tag: 'v1', digest: old.descriptor.digest }]);
    stand.forget();
    const swept = await stand.sweep();
    assert.deepEqual([swept.unchanged, swept.enqueued], [1, 0]);
    assert.deepEqual(stand.acr.seen(heads), ['HEAD /v2/mirror/app/manifests/v1']);
  });

  test('a tag that the OpenAPI leaves out, but that is there, is not copied again', async (t) => {
    const stand = await startVendors(t);
    await pushBoth(stand, 'app', 'v1');
    stand.table.set('mirror/app', [{ tag: 'v1', digest: current.descriptor.digest, status: 'ABNORMAL' }]);
    const swept = await stand.sweep();
    assert.deepEqual([swept.unchanged, swept.enqueued], [1, 0]);
  });

  test('a tag that Harbor’s API does not show is compared by its name in /v2', async (t) => {
    // Each repository has its turn in every sweep.
    const stand = await startVendors(t, ['library'], { sweep: { auditShare: 1 } });
    for (const tag of ['v1', 'hidden']) await push(stand.harbor.url, 'library/app', tag, current);
    stand.rest.content.untag('library/app', 'hidden');
    stand.forget();
    const swept = await stand.sweep();
    assert.deepEqual(stand.tasks(), ['mirror/app:hidden', 'mirror/app:v1']);
    assert.equal(swept.failed, 0);
    await pushBoth(stand, 'app', 'hidden');
    stand.rest.content.untag('library/app', 'hidden');
    stand.forget();
    assert.equal((await stand.sweep()).unchanged, 1);
    assert.deepEqual(stand.harbor.seen(heads), ['HEAD /v2/library/app/manifests/hidden']);
  });

  test('a signature follows its image, and no tag is asked for by itself', async (t) => {
    const { harbor, sweep, forget, tasks } = await startVendors(t);
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'library/app', cosignTag(current.descriptor.digest), old);
    forget();
    await sweep();
    assert.deepEqual(tasks(), [`mirror/app:${cosignTag(current.descriptor.digest)}`, 'mirror/app:v1']);
    assert.deepEqual(harbor.seen(heads), []);
  });

  test('a signature that is at both ends costs no HEAD at Harbor', async (t) => {
    const stand = await startVendors(t);
    await pushSigned(stand, signature);
    stand.forget();
    const swept = await stand.sweep();
    assert.deepEqual([swept.unchanged, swept.enqueued], [2, 0]);
    assert.deepEqual(stand.harbor.seen(heads), []);
  });

  test('a signature’s tag that a new signature moved is noticed', async (t) => {
    const stand = await startVendors(t);
    await pushSigned(stand, signature);
    await push(stand.harbor.url, 'library/app', signatureTag, bare('another signature'));
    stand.forget();
    const swept = await stand.sweep();
    assert.deepEqual([swept.unchanged, stand.tasks()], [1, [`mirror/app:${signatureTag}`]]);
    assert.deepEqual(stand.harbor.seen(heads), [`HEAD /v2/library/app/manifests/${signatureTag}`]);
  });

  test('a signature’s tag that was put on an image is noticed', async (t) => {
    const stand = await startVendors(t);
    await push(stand.harbor.url, 'library/app', 'v0', old);
    await pushSigned(stand, signature);
    // The registry behind Harbor knows a tag by a push only, and Harbor by its own.
    await push(stand.harbor.url, 'library/app', signatureTag, old);
    stand.forget();
    await stand.sweep();
    assert.deepEqual(stand.tasks(), [`mirror/app:${signatureTag}`, 'mirror/app:v0']);
  });

  test('a signature without its tag, as its deletion leaves it, makes no tag', async (t) => {
    const stand = await startVendors(t);
    await pushBoth(stand, 'app', 'v1');
    stand.rest.content.push('library/app', signatureTag, signature.descriptor.digest);
    const swept = await stand.sweep();
    assert.deepEqual([swept.listed, swept.unchanged, swept.failed], [1, 1, 0]);
  });
});

describe('projects', () => {
  test('what a proxy cache holds is left out, also when the catalog is asked', async (t) => {
    const { harbor, rest, sweep, tasks } = await startVendors(t, ['library', 'cache']);
    rest.content.project('cache', { proxyCache: true });
    await push(harbor.url, 'library/app', 'v1', current);
    await push(harbor.url, 'cache/app', 'v1', current);
    await sweep({ dryRun: true });
    assert.equal((await sweep({ dryRun: true })).listed, 1);
    harbor.faults.always(/projects\/library\/(artifacts|repositories)/, forbidden);
    assert.equal((await sweep()).listed, 1);
    assert.equal(harbor.seen(/_catalog/).length, 1);
    assert.deepEqual(tasks(), ['mirror/app:v1']);
  });

  test('a project that does not list its repositories does not hide the others’', async (t) => {
    const { harbor, rest, sweep, tasks } = await startVendors(t, ['library', 'team']);
    rest.content.project('library');
    rest.content.project('team');
    for (const name of ['library/app', 'team/tool']) await push(harbor.url, name, 'v1', current);
    harbor.faults.always(/projects\/team\/(artifacts|repositories)/, forbidden);
    without(harbor, /_catalog/);
    const swept = await sweep();
    assert.equal(swept.failed, 1);
    assert.match(
      swept.errors.join(),
      /harbor\/team does not list its repositories, so only the 0 known ones/,
    );
    assert.deepEqual(tasks(), ['mirror/app:v1']);
  });

  test('Harbor’s outage is no refusal: the catalog is not asked, and a line says so', async (t) => {
    const { harbor, sweep } = await startVendors(t);
    await push(harbor.url, 'library/app', 'v1', current);
    harbor.faults.always(/api\/v2.0\/projects/, unavailable());
    const swept = await sweep();
    assert.deepEqual([swept.failed, swept.listed, harbor.seen(/_catalog/)], [1, 0, []]);
    assert.match(swept.errors.join(), /only the 0 known ones are compared: .*503/);
  });

  test('an account that Harbor does not know any more does not make the sweep smaller in silence', async (t) => {
    const { harbor, rest, sweep } = await startVendors(t);
    rest.content.project('open', { public: true });
    rest.accounts.length = 0;
    without(harbor, /_catalog/);
    const swept = await sweep();
    assert.equal(swept.failed, 1);
    assert.match(swept.errors.join(), /does not list its repositories/);
  });
});

const refusals: readonly [string, (stand: Stand) => void, heads: [harbor: number, acr: number]][] = [
  ['artifacts of Harbor', ({ harbor }) => without(harbor, /artifacts/), [3, 0]],
  ['projects of Harbor', ({ harbor }) => without(harbor, /api\/v2.0/), [3, 0]],
  [
    'any API of Harbor’s, which is no Harbor then',
    ({ harbor }) => harbor.faults.always(/api\/v2.0/, registryError(404, 'NOT_FOUND', 'no such page')),
    [3, 0],
  ],
  ['tags by the OpenAPI', ({ openApi }) => openApi.forbidden.add('ListRepoTag'), [0, 2]],
  ['repositories by the OpenAPI', ({ openApi }) => openApi.forbidden.add('GetRepository'), [0, 2]],
  [
    'all of it',
    ({ harbor, acr, openApi }) => {
      without(harbor, /artifacts/);
      without(acr, /tags\/list/);
      openApi.forbidden.add('GetRepository');
    },
    [3, 3],
  ],
];

describe('lists that are refused', () => {
  for (const [what, refuse, [atHarbor, atAcr]] of refusals)
    test(`without ${what} the same is found`, async (t) => {
      const stand = await startVendors(t);
      for (const tag of ['equal', 'same']) await pushBoth(stand, 'app', tag);
      await push(stand.harbor.url, 'library/app', 'missing', current);
      refuse(stand);
      stand.forget();
      const swept = await stand.sweep();
      assert.deepEqual([swept.listed, swept.unchanged, swept.enqueued, swept.failed], [3, 2, 1, 0]);
      assert.deepEqual(stand.tasks(), ['mirror/app:missing']);
      assert.deepEqual([stand.harbor.seen(heads).length, stand.acr.seen(heads).length], [atHarbor, atAcr]);
    });
});

const outages: readonly [string, (stand: Stand) => void, listed: number, told: RegExp][] = [
  [
    'Harbor’s artifacts',
    ({ harbor }) => harbor.faults.always(/artifacts/, unavailable()),
    0,
    /^harbor\/library: .*503/,
  ],
  [
    'the OpenAPI',
    ({ openApi }) => openApi.faults.always(/./, unavailable()),
    1,
    /^library\/app:v1 → mirror\/app: .*503/,
  ],
];

describe('lists that fail', () => {
  for (const [what, fail, listed, told] of outages)
    test(`without ${what} what cannot be compared counts as failed, and is not copied`, async (t) => {
      const stand = await startVendors(t);
      await pushBoth(stand, 'app', 'v1');
      fail(stand);
      const swept = await stand.sweep();
      assert.deepEqual([swept.listed, swept.unchanged, swept.enqueued, swept.failed], [listed, 0, 0, 1]);
      assert.match(swept.errors.join(), told);
    });
});
