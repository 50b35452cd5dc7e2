import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stall } from '../support/connection-fault.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { eventually } from './eventually.ts';
import { beginSweep, sweptWell } from './harbor-stand.ts';
import { announce } from './mirror.ts';
import { startReloadStand } from './reload.ts';

/** Of the example's eight slots at a registry, and of its eight tasks at once. */
const forOthers = 7;

test('a pushed tag is copied while a sweep and a bulk run have everything that they may have', async (t) => {
  const { harbor, acr, mirror } = await startReloadStand(t);
  const bulk = Array.from({ length: 12 }, (_, index) => `library/bulk${index}`);
  for (const repository of bulk) await push(harbor.url, repository, 'v1', ociImage(repository));
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  acr.faults.always(/mirror\/bulk/, stall(released));
  const asked = () => acr.requests.filter(({ path }) => path.includes('mirror/bulk')).length;
  const sweep = await beginSweep(mirror);
  await eventually("the sweep's questions", () => asked() > 0);
  const ids: number[] = [];
  for (const repository of bulk) {
    const { status, body } = await mirror.api('POST', '/resync', { repository, tag: 'v1' });
    assert.equal(status, 202, body.toString());
    ids.push(...JSON.parse(body.toString()).tasks);
  }
  await eventually('the bulk run', () => asked() === forOthers);

  const digest = await push(harbor.url, 'library/pushed', 'v1', ociImage('pushed'));
  const [id = 0] = await announce(mirror, 'library/pushed', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  assert.equal(await digestOfTag(acr.url, 'mirror/pushed', 'v1'), digest);
  assert.equal(asked(), forOthers, 'nobody else took its slot');

  release();
  for (const one of ids) assert.equal((await mirror.finished(one)).state, 'completed');
  await sweptWell(mirror, sweep);
});
