import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { reasonOf, shared } from '../src/abort.ts';

test('a wait ends with the work, and leaves no listener behind', async () => {
  const { signal } = new AbortController();
  assert.equal(await shared(Promise.resolve(7), signal), 7);
  await assert.rejects(shared(Promise.reject(new RangeError('no')), signal), RangeError);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.equal(await shared(Promise.resolve(8), undefined), 8);
});

test('an abort ends one wait with its reason; the work and the other waits go on', async () => {
  const work = Promise.withResolvers<number>();
  const stop = new AbortController();
  const [left, stays] = [
    shared(work.promise, stop.signal),
    shared(work.promise, new AbortController().signal),
  ];
  const reason = new RangeError('enough');
  stop.abort(reason);
  await assert.rejects(left, reason);
  await assert.rejects(shared(work.promise, stop.signal), reason, 'aborted before');
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
  work.resolve(7);
  assert.equal(await stays, 7);
});

test('a reason that is no error becomes one', () => {
  assert.equal(reasonOf(AbortSignal.abort('shutting down')).message, 'shutting down');
  assert.equal(reasonOf(AbortSignal.abort()).name, 'AbortError');
  assert.equal(reasonOf(undefined).message, 'aborted');
});
