import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stall, stalledBody } from '../support/connection-fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { bare } from '../task/listing-stand.ts';
import { eventually } from './eventually.ts';
import { beginSweep, missed, startHarborStand, startSide, sweep, sweptWell } from './harbor-stand.ts';
import { type Edit, announce, serve } from './mirror.ts';
import { Phoenix } from './phoenix.ts';

/** Milliseconds after which Harbor tells of a change no more: only then it counts as missed. */
const beyondDoubt = 6 * 60_000;

const forever = new Promise<never>(() => undefined);

/** Of a project's list, by the first id that it is asked for. */
function page(first: number): RegExp {
  return new RegExp(`^GET /api/v2\\.0/projects/library/artifacts\\?.*q=id%3D%5B${first}%7E%5D`);
}

test('kill -9 in the middle of a page and between two: the sweep goes on behind the last page that was done, and counts as if nothing had been', async (t) => {
  const stand = await startHarborStand(t);
  const { harbor, acr, file } = stand;
  stand.late = beyondDoubt;
  const images = Array.from({ length: 250 }, (_, index) => bare(`image ${index}`));
  for (const [index, image] of images.entries()) {
    await stand.push(`library/app-${index % 3}`, `v${index}`, image, 'Success');
    if (index % 5 === 0) await push(acr.url, `mirror/app-${index % 3}`, `v${index}`, image);
  }
  // Nothing that Harbor could remember: the sweep alone has to find them.
  stand.rest.content.executions.length = 0;
  const phoenix = new Phoenix(t, file);
  acr.faults.once(/^HEAD .*manifests\/v150/, stall(forever));
  harbor.faults.once(page(201), stall(forever));
  const id = await beginSweep(await phoenix.mirror);
  await eventually('a tag of the second page to be asked for', () => acr.faults.pending === 0);
  await phoenix.kill(() => undefined);
  await eventually('the third page to be asked for', () => harbor.faults.pending === 0);
  await phoenix.kill(() => undefined);

  const mirror = await phoenix.mirror;
  const causes = { unknown: 200 };
  const counts = { listed: 250, unchanged: 50, enqueued: 200, missed: 200, failed: 0, causes };
  assert.partialDeepStrictEqual(await sweptWell(mirror, id), { id, ...counts });
  const pages = harbor.requests.filter(({ path }) => path.endsWith('/projects/library/artifacts'));
  assert.deepEqual(
    pages.map(({ query }) => /id%3D%5B(\d+)/.exec(query)?.[1]),
    ['1', '101', '101', '201', '201'],
  );
  for (const [index, image] of images.entries())
    await stand.arrived(`library/app-${index % 3}`, `v${index}`, image);
  assert.partialDeepStrictEqual(await sweep(mirror), { listed: 250, unchanged: 250, enqueued: 0, missed: 0 });
});

/** One more source, before the other, of which a rule reads. */
function further(url: string, type: string): Edit[] {
  const registry = `  slow:\n    type: ${type}\n    url: ${url}\n  harbor: # a name`;
  const rule =
    'rules: # every rule\n' +
    "  - { name: slow, source: slow, repositories: ['slow/**'], destination: acr, repository: 'mirror/{flat}' }\n#";
  return [
    ['  harbor: # a name', registry],
    ['rules: # every rule', rule],
  ];
}

test('a sweep that is asked for while the start still looks back is run once', async (t) => {
  const { harbor, file } = await startHarborStand(t);
  const held = Promise.withResolvers<void>();
  harbor.faults.once(/projects\/library\/webhook\/policies/, stall(held.promise));
  const mirror = await serve(t, file);
  await eventually('the look back', () => harbor.faults.pending === 0);
  const id = await beginSweep(mirror);
  held.resolve();
  await sweptWell(mirror, id);
  const next = await sweep(mirror);
  const done = mirror.log().filter(({ message }) => message === 'sweep done');
  assert.deepEqual(
    done.map((line) => line['sweep']),
    [id, next.id],
  );
  const lists = harbor.requests.filter(({ path }) => path.endsWith('/projects/library/artifacts'));
  assert.equal(lists.length, 2);
});

for (const type of ['harbor', 'oci']) {
  test(`a source of type ${type} that answers nothing does not keep what another one has from being found and copied`, async (t) => {
    const slow = await startSide(t);
    slow.faults.always(/./, stall(forever));
    const { file, push: pushHere, arrived } = await startHarborStand(t, { edits: further(slow.url, type) });
    const image = ociImage('quick');
    await pushHere('library/app', 'v1', image, 'in the UI');
    const mirror = await serve(t, file);
    const id = await beginSweep(mirror);
    await arrived('library/app', 'v1', image);
    assert.ok(slow.requests.length > 0);
    const seen = await mirror.api('GET', `/sweeps/${id}`);
    assert.partialDeepStrictEqual(JSON.parse(seen.body.toString()), { state: 'running', enqueued: 1 });
  });
}

test('nor what Harbor has tried in vain, at the start', async (t) => {
  const slow = await startSide(t);
  slow.faults.always(/./, stall(forever));
  const { file, push: pushHere, arrived } = await startHarborStand(t, { edits: further(slow.url, 'harbor') });
  const image = ociImage('quick');
  await pushHere('library/app', 'v1', image, 'Error');
  const mirror = await serve(t, file);
  await arrived('library/app', 'v1', image);
  assert.deepEqual(await missed(mirror), { 'delivery-failed': 1 });
});

test('a source that falls silent in the middle of its lists does not keep another one', async (t) => {
  const slow = await startSide(t);
  await push(slow.url, 'slow/other', 'v1', ociImage('slow'));
  slow.faults.always(/tags\/list/, stall(forever));
  const { file, push: pushHere, arrived } = await startHarborStand(t, { edits: further(slow.url, 'oci') });
  const image = ociImage('quick');
  await pushHere('library/app', 'v1', image, 'in the UI');
  const mirror = await serve(t, file);
  await beginSweep(mirror);
  await arrived('library/app', 'v1', image);
  assert.ok(slow.requests.some(({ path }) => path.endsWith('/tags/list')));
});

test("an event's tag is copied while the tasks of a sweep hold all slots that they may have", async (t) => {
  const edits: Edit[] = [['concurrency: 8 # tags', 'concurrency: 3 # tags']];
  const stand = await startHarborStand(t, { edits });
  stand.late = beyondDoubt;
  const held = Promise.withResolvers<void>();
  const [big, small] = [ociImage('big', { layers: [200_000] }), ociImage('small')];
  const layer = big.blobs[1]?.descriptor.digest ?? '';
  const repositories = ['one', 'two', 'three', 'four'].map((name) => `library/${name}`);
  for (const repository of repositories) await stand.push(repository, 'v1', big, 'in the UI');
  stand.harbor.faults.always(new RegExp(`^GET .*/blobs/${layer}`), stalledBody(100_000, held.promise));
  const mirror = await serve(t, stand.file);
  assert.equal((await sweep(mirror)).enqueued, repositories.length);
  const running = async () => (await mirror.api('GET', '/tasks?state=running')).body.toString();
  await eventually('two tasks to run', async () => JSON.parse(await running()).tasks.length === 2);

  for (const tag of ['v1', 'v2', 'v3']) {
    await push(stand.harbor.url, 'library/event', tag, small);
    const [task = 0] = await announce(mirror, 'library/event', tag, small.descriptor.digest);
    assert.equal((await mirror.finished(task)).outcome, 'copied');
  }
  assert.equal(JSON.parse(await running()).tasks.length, 2);
  held.resolve();
  for (const repository of repositories) await stand.arrived(repository, 'v1', big);
  assert.deepEqual(await missed(mirror), { unknown: repositories.length });
});
