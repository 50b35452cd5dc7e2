import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { RegistryError } from '../../src/copy/error.ts';
import { lostAnswer, reset } from '../support/connection-fault.ts';
import { answer, registryError, uploadLost } from '../support/fault.ts';
import { LeapingClock } from './clock.ts';
import { bearer, failure, opens, pieces, startStand } from './stand.ts';
import { blob, large, put, sessions, write } from './upload.ts';

for (const [what, fault, tries, begun] of [
  ['resets the connection', reset, 2, 1],
  ['forgets the session', uploadLost, 2, 2],
  ['finds another digest', registryError(400, 'DIGEST_INVALID', 'other'), 2, 2],
  ['refuses the size', registryError(413, 'SIZE_INVALID', 'too big'), 2, 2],
  ['denies', registryError(403, 'DENIED', 'no'), 1, 1],
] as const)
  test(`a destination that ${what} is tried ${tries} times`, async (t) => {
    const stand = await startStand(t);
    stand.faults.always(put, fault);
    let opened = 0;
    const source = async () => {
      opened++;
      return pieces(blob.bytes());
    };
    await assert.rejects(write(stand, source), RegistryError);
    assert.deepEqual([opened, stand.seen(put).length, stand.seen(/^POST/).length], [tries, tries, begun]);
    stand.faults.clear();
    assert.equal(await write(stand, opens(blob)), 'copied');
    await stand.assertFree();
  });

test('a blob whose answer is lost is there: it is looked for, and not sent again', async (t) => {
  const stand = await startStand(t);
  stand.faults.always(put, lostAnswer);
  assert.equal(await write(stand, opens(blob)), 'copied');
  assert.deepEqual(
    [stand.seen(put).length, stand.seen(/^POST/).length, stand.seen(/^HEAD/).length],
    [1, 1, 1],
  );
  await stand.assertFree();
});

test('a refusal while the body is on its way is heard, and ends it', async (t) => {
  const stand = await startStand(t);
  stand.faults.always(put, registryError(413, 'UNKNOWN', 'too large'));
  let pulled = 0;
  const source = async () => {
    return (async function* () {
      for (const chunk of large.bytes()) {
        pulled += chunk.length;
        yield chunk;
      }
    })();
  };
  const error = await failure(write(stand, source, undefined, large), 'artifact-refused');
  assert.match(error.message, /PUT http:.* answered 413 \(UNKNOWN: too large\)/);
  assert.ok(pulled < large.descriptor.size, `${pulled} bytes read for nothing`);
  await stand.assertFree();
});

test('a blob is not there because a registry says so before it has it', async (t) => {
  const stand = await startStand(t);
  stand.faults.always(put, answer(201));
  await failure(write(stand, opens(large), undefined, large), 'protocol');
  assert.equal(stand.seen(put).length, 1);
  await stand.assertFree();
});

test('a token refused while the body is on its way is renewed, and the blob sent once more', async (t) => {
  const stand = await startStand(t, { auth: bearer });
  stand.faults.once(put, registryError(401, 'UNAUTHORIZED', 'expired'));
  assert.equal(await write(stand, opens(large), undefined, large), 'copied');
  assert.deepEqual([stand.seen(put).length, stand.seen(/token/).length], [2, 2]);
  await stand.assertFree();
});

test('a PUT that is denied is denied: two sends, and no loop', async (t) => {
  const stand = await startStand(t, { auth: bearer });
  stand.faults.always(put, registryError(401, 'UNAUTHORIZED', 'no'));
  const denied = await failure(write(stand, opens(blob)), 'denied');
  assert.equal(stand.seen(put).length, 2);
  // What was made of the answer, and below it the answer with the registry's own code.
  const { cause: broken } = denied;
  assert.ok(broken instanceof RegistryError && broken.cause instanceof RegistryError);
  assert.deepEqual([broken.fault, broken.cause.code], ['unreachable', 'UNAUTHORIZED']);
  assert.ok(stand.seen(/token/).length <= 4, `${stand.seen(/token/).length} tokens`);
});

test('an abort stops both legs at once, with its reason, and gives the session back', async (t) => {
  const stand = await startStand(t);
  const stop = new AbortController();
  const reason = new RangeError('enough');
  let legs: AbortSignal | undefined;
  const source = async (signal: AbortSignal) => {
    legs = signal;
    return (async function* () {
      yield* [...blob.bytes()].slice(0, 2);
      stop.abort(reason);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(reason)));
    })();
  };
  const repository = stand.client.repository('c/d', 'push');
  await assert.rejects(repository.writeBlob(blob.descriptor, source, { signal: stop.signal }), reason);
  assert.equal(legs?.aborted, true);
  assert.deepEqual(sessions(stand), [1, 1]);
  await stand.assertFree();
});

test('a destination that takes nothing is given up after the idle time', async (t) => {
  const clock = new LeapingClock();
  const stand = await startStand(t, {}, { idleTimeout: 60_000, clock });
  const forever = new Promise<never>(() => undefined);
  const arrived = Promise.withResolvers<void>();
  stand.faults.always(put, async () => {
    arrived.resolve();
    return forever;
  });
  let pulled = 0;
  const source = async () => {
    return (async function* () {
      for (const chunk of large.bytes()) {
        pulled += chunk.length;
        yield chunk;
      }
    })();
  };
  const failed = failure(write(stand, source, undefined, large), 'timeout');
  const over = new AbortController();
  void failed.finally(() => over.abort());
  await arrived.promise;
  for (let before = -1; before !== pulled; before = pulled)
    for (let turn = 0; turn < 100; turn++) await setImmediate();
  clock.advance(59_000);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(stand.seen(put).length, 1, 'not yet');
  while (!over.signal.aborted) {
    clock.advance(60_000);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  }
  assert.match((await failed).message, /nothing taken for 60000 ms/);
  assert.equal(stand.seen(put).length, 2);
  await stand.assertFree();
});
