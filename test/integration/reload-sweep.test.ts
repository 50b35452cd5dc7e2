import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { stall } from '../support/connection-fault.ts';
import { ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { eventually } from './eventually.ts';
import { beginSweep, startSide, sweep, sweptWell } from './harbor-stand.ts';
import { announce, serve } from './mirror.ts';
import { liftFileLimit } from './process.ts';
import { type ReloadStand, secondRule, startReloadStand } from './reload.ts';

/** A sweep that waits for the tags of a repository. */
async function startStand(t: TestContext): Promise<ReloadStand & { digest: string; id: number }> {
  const stand = await startReloadStand(t);
  const { harbor, mirror } = stand;
  const digest = await push(harbor.url, 'library/web', 'v1', ociImage('swept'));
  harbor.faults.once(/library\/web\/tags\/list/, stall(new Promise(() => undefined)));
  const id = await beginSweep(mirror);
  await eventually('the question', () => harbor.requests.some(({ path }) => path.endsWith('/tags/list')));
  return { ...stand, digest, id };
}

test('a sweep under way goes on by the new rules', async (t) => {
  const { acr, mirror, edit, reload, digest, id } = await startStand(t);
  await edit(['repository: mirror/', 'repository: new/']);
  assert.equal((await reload()).status, 200);
  await sweptWell(mirror, id);
  const isThere = async () => (await digestOfTag(acr.url, 'new/web', 'v1')) === digest;
  await eventually('the tag at its new place', isThere);
  assert.equal(await digestOfTag(acr.url, 'mirror/web', 'v1'), undefined);
});

test('a sweep under way ends though its source is no longer in the configuration', async (t) => {
  const { acr, mirror, edit, reload, digest, id } = await startStand(t);
  await edit(['\n  harbor: #', '\n  harbour: #'], ['source: harbor', 'source: harbour']);
  assert.equal((await reload()).status, 200);
  await sweptWell(mirror, id);
  assert.equal((await sweep(mirror)).listed, 1);
  await eventually('the tag', async () => (await digestOfTag(acr.url, 'mirror/web', 'v1')) === digest);
});

test('what no sweep goes by does not interrupt one', async (t) => {
  const { harbor, mirror, edit, reload, digest } = await startStand(t);
  await edit(['attempts: 12', 'attempts: 13']);
  assert.equal((await reload()).status, 200);
  // Time for one that goes on to ask.
  const [id = 0] = await announce(mirror, 'library/web', 'v1', digest);
  assert.equal((await mirror.finished(id)).outcome, 'copied');
  const asked = harbor.requests.filter(({ path }) => path.endsWith('/tags/list')).length;
  assert.equal(asked, 1);
  assert.equal((await mirror.api('POST', '/sweeps', {})).status, 409);
});

const names = ['one', 'two', 'three'];
const moved = ociImage('moved');

function pushAll(url: string): Promise<string[]> {
  return Promise.all(names.map((name) => push(url, `library/${name}`, 'v1', moved)));
}

async function areThere(url: string): Promise<boolean> {
  const found = await Promise.all(names.map((name) => digestOfTag(url, `mirror/${name}`, 'v1')));
  return found.every((digest) => digest === moved.descriptor.digest);
}

test('a name that means another registry now: what was seen at the old one is not believed of the new', async (t) => {
  const { harbor, acr, mirror, edit, reload } = await startReloadStand(t);
  const other = await startSide(t);
  await pushAll(harbor.url);
  await sweptWell(mirror, await beginSweep(mirror));
  await eventually('the tags', () => areThere(acr.url));
  await edit([acr.url, other.url]);
  assert.equal((await reload()).status, 200);
  await sweptWell(mirror, await beginSweep(mirror));
  await eventually('the tags at the other one', () => areThere(other.url));
});

test('the same where the disk was full at that time, and over a restart', async (t) => {
  const { harbor, acr, file, mirror: first, edit } = await startReloadStand(t);
  const other = await startSide(t);
  await pushAll(harbor.url);
  await sweptWell(first, await beginSweep(first));
  await eventually('the tags', () => areThere(acr.url));
  first.kill('SIGTERM');
  await first.ended;
  const mirror = await serve(t, file, { fileLimit: 1 });
  await edit([acr.url, other.url]);
  for (const full of [true, false]) {
    if (!full) await liftFileLimit(mirror);
    assert.equal((await mirror.api('POST', '/reload')).status, 200);
  }
  await sweptWell(mirror, await beginSweep(mirror));
  await eventually('the tags at the other one', () => areThere(other.url));
});

test('nothing is lost where clients and rules change in a storm of webhooks', async (t) => {
  const { harbor, acr, mirror, edit, hangUp } = await startReloadStand(t);
  const names = Array.from({ length: 40 }, (_, index) => `storm-${index}`);
  const image = ociImage('storm', { layers: [20_000] });
  for (const name of names) await push(harbor.url, `library/${name}`, 'v1', image);
  let reloads = 0;
  const announced = names.map(async (name, index) => {
    await eventually(`the turn of ${name}`, () => reloads >= Math.floor(index / 5));
    return announce(mirror, `library/${name}`, 'v1', image.descriptor.digest);
  });
  const [text, instead] = secondRule('team');
  for (; reloads < 8; reloads++) {
    const [from, to] = reloads % 2 === 0 ? [8, 3] : [3, 8];
    await edit(
      reloads % 2 === 0 ? [text, instead] : [instead, text],
      [`concurrency: ${from} # tags`, `concurrency: ${to} # tags`],
      reloads === 0
        ? ['password: ${ACR_PASSWORD}', 'password: ${ACR_PASSWORD}\n    concurrency: 3']
        : [`    concurrency: ${from}\n`, `    concurrency: ${to}\n`],
    );
    assert.equal((await hangUp()).message, 'configuration reloaded');
  }
  const ids = (await Promise.all(announced)).flat();
  assert.equal(ids.length, names.length);
  for (const id of ids) assert.partialDeepStrictEqual(await mirror.finished(id), { outcome: 'copied' });
  for (const name of names)
    assert.equal(await digestOfTag(acr.url, `mirror/${name}`, 'v1'), image.descriptor.digest);
  mirror.kill('SIGTERM');
  assert.deepEqual(await mirror.ended, { code: 0, signal: null });
});
