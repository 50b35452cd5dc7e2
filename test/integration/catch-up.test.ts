import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listingPermissions } from '../support/harbor-rest.ts';
import { stall } from '../support/connection-fault.ts';
import { ociImage } from '../support/image.ts';
import { eventually } from './eventually.ts';
import { type HarborStand, causes, missed, startHarborStand, sweep } from './harbor-stand.ts';
import { environment, serve } from './mirror.ts';
import { run } from './process.ts';

const [old, current, other] = [ociImage('old'), ociImage('current'), ociImage('other')];

test('what Harbor tried in vain while Tagferry was down arrives at its start, and is told and counted once', async (t) => {
  const { file, push, arrived } = await startHarborStand(t);
  const first = await serve(t, file);
  for (const tag of ['v1', 'v2']) await first.post(await push('library/app', tag, old, 'Success'));
  // A task that still stands would be joined by what comes next.
  for (const tag of ['v1', 'v2']) await arrived('library/app', tag, old);
  first.kill('SIGTERM');
  await first.ended;
  await push('library/app', 'v1', current, 'Error');
  await push('library/app', 'v3', old, 'Error');
  await push('library/deep/tool', 'v1', other, 'Error');

  const second = await serve(t, file);
  await arrived('library/app', 'v1', current);
  await arrived('library/app', 'v3', old);
  await arrived('library/deep-tool', 'v1', other);
  assert.partialDeepStrictEqual(await sweep(second), { missed: 0, causes: {} });
  const made = [
    'library/app:v1 -',
    'library/app:v1 delivery-failed',
    'library/app:v2 -',
    'library/app:v3 delivery-failed',
    'library/deep/tool:v1 delivery-failed',
  ];
  assert.deepEqual(await causes(second), made);
  assert.deepEqual(await missed(second), { 'delivery-failed': 3 });

  const words = 'no webhook told of it: every delivery of its event failed';
  const explain = async (tag: string) =>
    JSON.parse((await second.api('GET', `/explain?repository=library/app&tag=${tag}`)).body.toString())
      .destinations[0];
  const explained = await eventually('the end of the copy', async () => {
    const seen = await explain('v1');
    return seen.reason === 'copied' && seen;
  });
  assert.deepEqual(explained.cause, { code: 'delivery-failed', words });
  const told = await run(t, ['explain', 'library/app:v1', '--server', second.url], { env: environment });
  assert.equal(told.code, 0, told.stderr);
  assert.ok(told.stdout.includes(`  delivery-failed: ${words}`), told.stdout);
  assert.equal((await explain('v2')).cause, undefined);

  // Read once more at the next start, they make nothing and count nothing.
  second.kill('SIGKILL');
  await second.ended;
  const third = await serve(t, file);
  assert.partialDeepStrictEqual(await sweep(third), { missed: 0 });
  assert.deepEqual([await causes(third), await missed(third)], [made, {}]);
});

/** Resolves when Harbor has told how far its audit log goes. */
async function looked({ harbor }: HarborStand): Promise<void> {
  const isDone = () =>
    harbor.requests.some(({ path, status }) => path.endsWith('/auditlog-exts') && status !== 0);
  await eventually('a look at the audit log', isDone);
}

/** Milliseconds after which Harbor tells of a change no more: only then it counts as missed by a sweep. */
const beyondDoubt = 6 * 60_000;

const withoutLog = listingPermissions.filter((permission) => permission !== 'log:list');

for (const [permissions, cause, title] of [
  [listingPermissions, 'tag-created-in-harbor', 'is found in the audit log'],
  [withoutLog, 'unknown', 'arrives as well where the audit log may not be read'],
] as const) {
  test(`a tag that was made in Harbor's UI ${title}`, async (t) => {
    const stand = await startHarborStand(t, { permissions });
    stand.late = 2 * beyondDoubt;
    const payload = await stand.push('library/app', 'v1', current, 'Success');
    stand.late = beyondDoubt;
    const mirror = await serve(t, stand.file);
    await mirror.post(payload);
    await looked(stand);
    await stand.push('library/app', 'v2', current, 'in the UI');
    assert.partialDeepStrictEqual(await sweep(mirror), { failed: 0, missed: 1, causes: { [cause]: 1 } });
    await stand.arrived('library/app', 'v2', current);
    assert.deepEqual(await causes(mirror), ['library/app:v1 -', `library/app:v2 ${cause}`]);
    assert.deepEqual(await missed(mirror), { [cause]: 1 });
    assert.equal((await sweep(mirror)).missed, 0);
    assert.deepEqual(await missed(mirror), { [cause]: 1 });
  });
}

test('a change that catch-up and sweep both find is counted once, also when its delivery comes after all', async (t) => {
  const stand = await startHarborStand(t);
  const { file, push, arrived, acr } = stand;
  stand.late = beyondDoubt;
  const held = Promise.withResolvers<void>();
  // Until the sweep has compared it, its task stands.
  acr.faults.always(/^(POST|PUT|PATCH) /, stall(held.promise));
  const mirror = await serve(t, file);
  await sweep(mirror);
  const payload = await push('library/app', 'v1', current, 'Error');
  const swept = await sweep(mirror);
  assert.partialDeepStrictEqual(swept, { listed: 1, missed: 1, causes: { 'delivery-failed': 1 } });
  held.resolve();
  await arrived('library/app', 'v1', current);
  assert.equal((await mirror.post(payload)).status, 202);
  assert.equal((await sweep(mirror)).missed, 0);
  assert.deepEqual(await missed(mirror), { 'delivery-failed': 1 });
});

test('what a sweep has copied while Harbor still tried to tell of it counts once, when that has failed', async (t) => {
  const { rest, file, push, arrived } = await startHarborStand(t);
  const mirror = await serve(t, file);
  const told = await push('library/app', 'v2', current, 'Running');
  await push('library/app', 'v1', current, 'Running');
  assert.partialDeepStrictEqual(await sweep(mirror), { listed: 2, enqueued: 2, missed: 0 });
  await arrived('library/app', 'v1', current);
  assert.equal((await mirror.post(told)).status, 202);
  for (const execution of rest.content.executions) execution.status = 'Error';
  assert.partialDeepStrictEqual(await sweep(mirror), { missed: 1, causes: { 'delivery-failed': 1 } });
  assert.equal((await sweep(mirror)).missed, 0);
  assert.deepEqual(await missed(mirror), { 'delivery-failed': 1 });
});
