import assert from 'node:assert/strict';
import { rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Watched } from '../../src/main/watched.ts';
import { FakeClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/temporary.ts';

async function stand(t: TestContext, text: string) {
  const [folder, clock, bad] = [await temporaryFolder(t), new FakeClock(), [] as string[]];
  const file = join(folder, 'file');
  await writeFile(file, text);
  let made = 0;
  const watched = new Watched({
    files: [file],
    make([given = '']) {
      made++;
      if (given.includes('wrong')) throw new Error(`it says ${given}`);
      return [given];
    },
    clock,
    every: 1000,
    onBad: (error) => bad.push(error instanceof Error ? error.message : String(error)),
  });
  return { folder, file, clock, watched, bad, made: () => made };
}

test('it is read again when it has changed, and looked at once in the time that is set', async (t) => {
  const { file, clock, watched } = await stand(t, 'one');
  const first = watched.get();
  await writeFile(file, 'two');
  clock.advance(999);
  assert.equal(watched.get(), first);
  clock.advance(1);
  assert.deepEqual(watched.get(), ['two']);
  clock.advance(-5000);
  await writeFile(file, 'three');
  assert.deepEqual(watched.get(), ['three'], 'a clock that was set back');
});

test('the same text, written again or behind another link, is the same thing', async (t) => {
  const { folder, file, clock, watched, made } = await stand(t, 'one');
  const first = watched.get();
  await writeFile(file, 'one');
  clock.advance(1000);
  assert.equal(watched.get(), first);
  const [other, link] = [join(folder, 'other'), join(folder, 'link')];
  await writeFile(other, 'one');
  await symlink(other, link);
  await rename(link, file);
  clock.advance(1000);
  assert.equal(watched.get(), first);
  assert.equal(made(), 1);
  await writeFile(other, 'two');
  clock.advance(1000);
  assert.deepEqual(watched.get(), ['two']);
});

test('what is bad or gone is told once, and what was before stays until it is good again', async (t) => {
  const { file, clock, watched, bad } = await stand(t, 'one');
  const first = watched.get();
  for (const text of ['wrong', 'wrong again']) {
    await writeFile(file, text);
    clock.advance(1000);
    assert.equal(watched.get(), first);
  }
  await rm(file);
  clock.advance(1000);
  assert.equal(watched.get(), first);
  assert.deepEqual(bad, ['it says wrong']);
  await writeFile(file, 'two');
  clock.advance(1000);
  assert.deepEqual(watched.get(), ['two']);
  await rm(file);
  clock.advance(1000);
  assert.deepEqual(watched.get(), ['two']);
  assert.equal(bad.length, 2);
  await writeFile(file, 'two');
  clock.advance(1000);
  assert.deepEqual(watched.get(), ['two']);
});

test('at first nothing stands in for a bad one', async (t) => {
  await assert.rejects(stand(t, 'wrong'), /it says wrong/);
});
