import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentLists } from '../../src/task/recent-lists.ts';

test('the lists asked for most recently are kept, as many as have so many entries together', async () => {
  const loaded: string[] = [];
  const lists = new RecentLists(4, async (name) => {
    loaded.push(name);
    return new Set([`${name}1`, `${name}2`]);
  });
  assert.deepEqual(await lists.get('a'), new Set(['a1', 'a2']));
  await lists.get('b');
  await lists.get('a');
  await lists.get('c');
  await lists.get('a');
  assert.deepEqual(loaded, ['a', 'b', 'c']);
  await lists.get('b');
  assert.deepEqual(loaded, ['a', 'b', 'c', 'b']);
});

test('one that is larger than all is kept while it is the newest; who waits for one shares it', async () => {
  let loads = 0;
  const lists = new RecentLists(1, async () => {
    loads++;
    return new Set(['x', 'y', 'z']);
  });
  await Promise.all([lists.get('a'), lists.get('a')]);
  await lists.get('a');
  assert.equal(loads, 1);
  await lists.get('b');
  await lists.get('a');
  assert.equal(loads, 3);
});
