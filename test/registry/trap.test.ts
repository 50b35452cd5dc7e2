import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { notMet } from './trap.ts';

test('each of the fifty traps has a test, or a reason why a copy does not meet it', async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => /^trap-.*\.test\.ts$/.test(name));
  const sources = await Promise.all(files.map((name) => readFile(`${import.meta.dirname}/${name}`, 'utf8')));
  const tested = new Set(
    sources
      .join('')
      .match(/(?<=test\(\W*trap )\d\d(?=: )/g)
      ?.map(Number),
  );
  for (let trap = 1; trap <= 50; trap++)
    assert.notEqual(tested.has(trap), trap in notMet, `trap ${trap}: either a test or a reason`);
});
