import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { type TestContext, test } from 'node:test';
import type { RegistryError } from '../../src/copy/error.ts';
import type { Bytes } from '../../src/copy/repository.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { lostAnswer, resetAfterReceiving } from '../support/connection-fault.ts';
import { answer, registryError, setHeaders, uploadLost } from '../support/fault.ts';
import { layer } from '../support/image.ts';
import { temporaryState } from '../state/open.ts';
import { bearer, clientOf, failure, opens, pieces, startStand } from './stand.ts';
import {
  MiB,
  big,
  cutAfter,
  large,
  patch,
  piece,
  put,
  received,
  send,
  sessions,
  source,
  write,
} from './upload.ts';

/*
 * Uploads that are cut: what is sent again is at most the piece that the cut hit, and nothing is sent for ever.
 */
const { size } = big.descriptor;
const status = /^GET .*uploads/;

/** What is on its way when a connection breaks: the buffers of two sockets and a stream. */
const slack = 4 * MiB;

test('a small blob that is cut goes on where the registry is, in the same session', async (t) => {
  const stand = await startStand(t);
  stand.faults.once(put, cutAfter(5 * MiB, stand));
  const { open, from } = source(large);
  assert.equal(await send(stand, open, large), 'copied');
  assert.deepEqual([stand.seen(put).length, stand.seen(/^POST/).length], [2, 1]);
  const sent = received(stand.registry.requests);
  assert.ok(sent <= large.descriptor.size + slack, `${sent} bytes`);
  assert.deepEqual(from, [0, 0], 'hashed from the beginning');
  await stand.assertFree();
});

test('a small blob that is not cut takes one POST and one PUT', async (t) => {
  const stand = await startStand(t);
  assert.equal(await write(stand, opens(large), undefined, large), 'copied');
  assert.deepEqual(
    stand.seen(/uploads/).map((line) => line.slice(0, 4)),
    ['POST', 'PUT '],
  );
});

test('a cut costs no more than its piece: the source is read again from there, and sent from where the registry is', async (t) => {
  const stand = await startStand(t);
  let patches = 0;
  stand.faults.always(patch, (call, next) => {
    return [2, 4].includes(++patches) ? cutAfter(5 * MiB, stand)(call, next) : next();
  });
  const { open, from } = source(big);
  assert.equal(await send(stand, open), 'copied');
  // The second cut came later than a piece after the first: the pieces moved on by what was left of one.
  assert.equal(from[1], piece);
  assert.ok((from[2] ?? 0) > 2 * piece, from.join());
  assert.equal(stand.seen(/^POST/).length, 1);
  const sent = received(stand.registry.requests);
  assert.ok(sent <= size + 2 * slack, `${sent} bytes for ${size}`);
  await stand.assertFree();
});

test('a session that is lost in the middle is replaced once', async (t) => {
  const stand = await startStand(t);
  let patches = 0;
  stand.faults.always(patch, (call, next) => (++patches === 3 ? uploadLost(call, next) : next()));
  assert.equal(await send(stand, source(big).open), 'copied');
  assert.equal(stand.seen(/^POST/).length, 2);
  assert.ok(received(stand.registry.requests) <= 2 * size);
  const forgetful = await startStand(t);
  forgetful.faults.always(patch, uploadLost);
  await failure(send(forgetful, source(big).open), 'unreachable');
  assert.equal(forgetful.seen(/^POST/).length, 2);
});

test('a registry that cannot say how far it is gets the blob anew, twice at most', async (t) => {
  for (const [fault, outcome] of [
    [registryError(404, 'BLOB_UPLOAD_INVALID', 'x'), 'copied'],
    [registryError(501, 'UNSUPPORTED', 'x'), 'copied'],
    [setHeaders({ range: undefined }), 'copied'],
    [setHeaders({ range: 'bytes 0-5/9' }), 'copied'],
    [setHeaders({ range: `0-${size * 2}` }), 'copied'],
  ] as const) {
    const stand = await startStand(t);
    stand.faults.always(status, fault);
    stand.faults.once(put, cutAfter(5 * MiB, stand));
    assert.equal(await send(stand, source(large).open, large), outcome);
    assert.equal(stand.seen(/^POST/).length, 2);
    assert.ok(received(stand.registry.requests) <= 2 * large.descriptor.size);
    await stand.assertFree();
  }
});

test('a registry that takes no PATCH gets the blob by one PUT', async (t) => {
  for (const fault of [answer(404), answer(405), registryError(501, 'UNSUPPORTED', 'no')]) {
    const stand = await startStand(t);
    stand.faults.always(patch, fault);
    assert.equal(await send(stand, source(big).open), 'copied');
    assert.deepEqual([stand.seen(patch).length, stand.seen(put).length], [1, 1]);
    await stand.assertFree();
  }
});

test('a registry that keeps nothing of what is cut is given up after two cuts', async (t) => {
  const stand = await startStand(t);
  stand.faults.always(patch, resetAfterReceiving(3 * MiB));
  await failure(send(stand, source(big).open), 'unreachable');
  assert.equal(stand.seen(patch).length, 2);
  await stand.assertFree();
});

test('a blob that is cut for ever is given up after nine tries', async (t) => {
  const stand = await startStand(t);
  stand.faults.always(patch, cutAfter(3 * MiB, stand));
  await failure(send(stand, source(big).open), 'unreachable');
  assert.equal(stand.seen(patch).length, 9);
  await stand.assertFree();
});

test('the last byte is there and the answer lost: the blob is looked for', async (t) => {
  const stand = await startStand(t);
  stand.faults.once(put, lostAnswer);
  assert.equal(await send(stand, source(big).open), 'copied');
  assert.deepEqual([stand.seen(put).length, stand.seen(/^HEAD/).length], [1, 1]);
  assert.equal(received(stand.registry.requests), size);
});

test('a piece whose answer is lost is there: it is read again, and not sent', async (t) => {
  const stand = await startStand(t);
  let patches = 0;
  stand.faults.always(patch, (call, next) => (++patches === 2 ? lostAnswer(call, next) : next()));
  const { open, from } = source(big);
  assert.equal(await send(stand, open), 'copied');
  assert.equal(received(stand.registry.requests), size);
  assert.deepEqual(from, [0, piece]);
  await stand.assertFree();
});

test('a destination that takes nothing more in the middle of a big blob is given up, its slot with it', async (t) => {
  const stand = await startStand(t, {}, { idleTimeout: 60_000 });
  const arrived = Promise.withResolvers<void>();
  const forever = new Promise<never>(() => undefined);
  stand.faults.always(
    patch,
    only(1, async () => {
      arrived.resolve();
      return forever;
    }),
  );
  const over = new AbortController();
  const failed = failure(send(stand, source(big).open), 'timeout').finally(() => over.abort());
  await arrived.promise;
  while (!over.signal.aborted) {
    for (let turn = 0; turn < 200; turn++) await setImmediate();
    stand.clock.advance(60_000);
  }
  assert.match((await failed).message, /nothing taken for 60000 ms/);
  assert.ok(stand.seen(patch).length <= 4, `${stand.seen(patch).length} pieces`);
  await stand.assertFree();
});

test('a big blob that is wrong is never finished, and its session given back', async (t) => {
  const stand = await startStand(t);
  async function* wrong(): Bytes {
    yield* big.bytes();
    yield Buffer.from('x');
  }
  await failure(
    send(stand, async () => wrong()),
    'corrupt',
  );
  const other = layer('other', size);
  await failure(
    send(stand, async () => pieces(other.bytes())),
    'corrupt',
  );
  assert.equal(await stand.client.repository('c/d', 'push').hasBlob(big.descriptor), false);
  assert.deepEqual(sessions(stand), [4, 4]);
  await stand.assertFree();
});

test('a token that ends during an upload is renewed before the next piece: nothing is refused, nothing sent twice', async (t) => {
  const stand = await startStand(t, { auth: { ...bearer, tokenLife: 60_000 } });
  stand.faults.always(patch, async (_call, next) => {
    const taken = await next();
    stand.clock.advance(300_000);
    return taken;
  });
  assert.equal(await send(stand, source(big).open), 'copied');
  assert.equal(received(stand.registry.requests), size);
  assert.ok(stand.registry.requests.every(({ path, status }) => path === '/v2/' || status < 400));
  assert.equal(stand.seen(/token/).length, 9, 'one for each piece');
});

test('a token that is refused in mid-blob is renewed, and the blob goes on', async (t) => {
  const stand = await startStand(t, { auth: bearer });
  let patches = 0;
  stand.faults.always(patch, (call, next) => {
    return ++patches === 3 ? registryError(401, 'UNAUTHORIZED', 'expired')(call, next) : next();
  });
  const { open, from } = source(big);
  assert.equal(await send(stand, open), 'copied');
  assert.deepEqual([from, stand.seen(/^POST/).length, stand.seen(/token/).length], [[0, 2 * piece], 1, 2]);
  const sent = received(stand.registry.requests);
  assert.ok(sent <= size + piece, `${sent} bytes`);
});

/** A client whose sessions are kept in a database. */
async function startKeeping(t: TestContext) {
  const { state } = await temporaryState(t);
  const stand = await startStand(t, {}, { sessions: state.uploads });
  const key = { origin: stand.registry.url, repository: 'c/d', digest: big.descriptor.digest };
  return { stand, kept: () => state.uploads.find(key), key, state };
}

/** Lets so many pieces pass and refuses all others. */
function only(count: number, fault: Misbehaviour): Misbehaviour {
  let passed = 0;
  return (call, next) => (++passed <= count ? next() : fault(call, next));
}

test('what one attempt could not send, the next one sends: no more', async (t) => {
  const { stand, kept, state } = await startKeeping(t);
  stand.faults.always(patch, only(2, answer(503)));
  const error = await failure(send(stand, source(big).open), 'unreachable');
  assert.equal(kept()?.offset, 2 * piece);
  assert.ok(!error.message.includes(new URL(kept()?.location ?? '').pathname), error.message);
  assert.equal(stand.seen(/^DELETE/).length, 0);
  stand.faults.clear();
  const before = received(stand.registry.requests);
  // Another process: another client with the same database.
  const client = clientOf(t, stand.registry.url, { sessions: state.uploads });
  const { open, from } = source(big);
  assert.equal(await send({ client }, open), 'copied');
  assert.equal(received(stand.registry.requests) - before, size - 2 * piece);
  assert.deepEqual([from, stand.seen(/^POST/).length], [[0], 1]);
});

test('a registry that is away just as it is asked for a session has not lost it', async (t) => {
  const { stand, kept } = await startKeeping(t);
  stand.faults.always(patch, only(1, cutAfter(3 * MiB, stand)));
  stand.faults.always(status, answer(502));
  await failure(send(stand, source(big).open), 'unreachable');
  const outages: [number, RegistryError['fault']][] = [
    [401, 'denied'],
    [403, 'denied'],
    [408, 'timeout'],
    [429, 'rate-limited'],
    [500, 'unreachable'],
    [502, 'unreachable'],
    [503, 'unreachable'],
    [504, 'unreachable'],
  ];
  for (const [code, fault] of outages) {
    stand.faults.clear();
    stand.faults.always(status, answer(code));
    await failure(send(stand, source(big).open), fault);
    assert.equal(kept()?.offset, piece, `after ${code}`);
  }
  stand.faults.clear();
  const before = received(stand.registry.requests);
  assert.equal(await send(stand, source(big).open), 'copied');
  assert.ok(received(stand.registry.requests) - before <= size - piece);
  assert.deepEqual(sessions(stand), [1, 0]);
});

test('an abort leaves the session for the next attempt', async (t) => {
  const { stand, kept } = await startKeeping(t);
  const stop = new AbortController();
  const ended = Promise.withResolvers<void>();
  stand.faults.always(
    patch,
    only(1, async (_call, next) => {
      stop.abort(new Error('stopping'));
      return next().finally(ended.resolve);
    }),
  );
  const repository = stand.client.repository('c/d', 'push');
  const writing = repository.writeBlob(big.descriptor, source(big).open, { signal: stop.signal });
  await assert.rejects(writing, /stopping/);
  assert.equal(kept()?.offset, piece);
  stand.faults.clear();
  await ended.promise;
  assert.equal(await send(stand, source(big).open), 'copied');
  assert.equal(stand.seen(/^POST/).length, 1);
  assert.equal(kept(), undefined, 'forgotten when it is done');
});

test('a session that is gone, or on another host, is forgotten', async (t) => {
  const { stand, kept, key, state } = await startKeeping(t);
  for (const location of [
    `${stand.registry.url}/v2/c/d/blobs/uploads/gone?_state=x`,
    'http://127.0.0.1:1/v2/c/d/blobs/uploads/other',
  ]) {
    state.uploads.keep(key, { location, offset: piece, keptAt: stand.clock.now() });
    stand.faults.once(patch, answer(400));
    await failure(send(stand, source(big).open), 'protocol');
    assert.equal(kept(), undefined);
  }
  assert.equal(stand.seen(status).length, 1);
});

test('a blob given up for good leaves no session', async (t) => {
  const { stand, kept } = await startKeeping(t);
  stand.faults.always(patch, only(2, registryError(413, 'UNKNOWN', 'too large')));
  await failure(send(stand, source(big).open), 'artifact-refused');
  assert.equal(kept(), undefined);
  assert.deepEqual(sessions(stand), [1, 1]);
});
