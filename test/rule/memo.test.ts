import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memo } from '../../src/rule/memo.ts';

test('remembers what was asked for most recently, and not more than its capacity', () => {
  const computed: string[] = [];
  const memo = new Memo(2, (key) => {
    computed.push(key);
    return key.toUpperCase();
  });
  assert.equal(memo.get('a'), 'A');
  memo.get('b');
  assert.equal(memo.get('a'), 'A');
  memo.get('c');
  assert.equal(memo.size, 2);
  memo.get('a');
  assert.deepEqual(computed, ['a', 'b', 'c']);
  memo.get('b');
  assert.deepEqual(computed, ['a', 'b', 'c', 'b']);
});
