import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { CopyError, RegistryError } from '../../src/copy/error.ts';
import { empty } from '../../src/demo/registry/call.ts';
import type { Bytes } from '../../src/copy/repository.ts';
import type { Blob } from '../support/image.ts';
import { blobOf, layer, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import {
  answer,
  location,
  registryError,
  relativeLocation,
  uploadLost,
  wrongDigest,
} from '../support/fault.ts';
import { lostAnswer, reset } from '../support/connection-fault.ts';
import { LeapingClock } from './clock.ts';
import { bearer, clientOf, failure, opens, pieces, read, startStand, type Stand } from './stand.ts';

const blob = layer('upload', 300_000);
const put = /^PUT .*uploads/;

function write(
  { client }: Pick<Stand, 'client'>,
  open: () => Promise<Bytes>,
  from?: string,
  wanted: Blob = blob,
) {
  return client.repository('c/d', 'push').writeBlob(wanted.descriptor, open, { from });
}

/** How many sessions were begun, and how many given back. */
function sessions({ seen }: Stand): [begun: number, cancelled: number] {
  return [seen(/^POST/).length, seen(/^DELETE/).length];
}

test('a blob is there or not', async (t) => {
  const stand = await startStand(t);
  const repository = stand.client.repository('c/d', 'push');
  assert.equal(await repository.hasBlob(blob.descriptor.digest), false);
  assert.equal(await write(stand, opens(blob)), 'copied');
  assert.equal(await repository.hasBlob(blob.descriptor.digest), true);
  assert.deepEqual(
    stand.seen().map((line) => line.replace(/uploads\/.+/, 'uploads/ID')),
    [
      'GET /v2/',
      `HEAD /v2/c/d/blobs/${blob.descriptor.digest}`,
      'POST /v2/c/d/blobs/uploads/',
      'PUT /v2/c/d/blobs/uploads/ID',
      `HEAD /v2/c/d/blobs/${blob.descriptor.digest}`,
    ],
  );
  const sent = stand.registry.requests.find(({ method }) => method === 'PUT');
  assert.equal(sent?.bytesIn, blob.descriptor.size);
  await stand.assertFree();
});

test('blobs of no byte, one, and named by sha512', async (t) => {
  const stand = await startStand(t);
  const blobs = [blobOf('', 'x/y'), blobOf('1', 'x/y'), layer('512', 100_000, { algorithm: 'sha512' })];
  for (const one of blobs) {
    assert.equal(await write(stand, opens(one), undefined, one), 'copied');
    assert.equal((await read(stand.client, 'c/d', one.descriptor)).length, one.descriptor.size);
  }
});

test('the upload opens only once source bytes are in hand', async (t) => {
  const stand = await startStand(t);
  const first = Promise.withResolvers<void>();
  const slow = async () => {
    return (async function* () {
      await first.promise;
      yield* pieces(blob.bytes());
    })();
  };
  const copied = write(stand, slow);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  assert.deepEqual(stand.seen(), []);
  first.resolve();
  assert.equal(await copied, 'copied');
});

test('a source that cannot be opened costs the destination nothing', async (t) => {
  const stand = await startStand(t);
  let opened = 0;
  const unopened = async () => {
    opened++;
    throw new RegistryError('unreachable', 'source');
  };
  await failure(write(stand, unopened), 'unreachable');
  assert.deepEqual([stand.seen(), opened], [[], 1]);
});

test('a mount from a repository that has the blob is one request', async (t) => {
  const stand = await startStand(t);
  await push(stand.registry.url, 'a/b', 'v1', ociImage('mount', { layers: [1_000] }));
  const [, one] = ociImage('mount', { layers: [1_000] }).blobs;
  assert.ok(one);
  const before = stand.seen().length;
  assert.equal(await write(stand, async () => assert.fail('opened'), 'a/b', one), 'mounted');
  assert.equal(stand.seen().length - before, 2, 'with the ping');
});

test('a mount that becomes an upload uses the session that it was given', async (t) => {
  const stand = await startStand(t);
  assert.equal(await write(stand, opens(blob), 'nothing/here'), 'copied');
  assert.deepEqual([stand.seen(/^POST/).length, stand.seen(put).length], [1, 1]);
});

for (const status of [400, 401, 403, 404, 405, 500])
  test(`a mount refused with ${status} is followed by an ordinary upload`, async (t) => {
    const stand = await startStand(t, { auth: bearer });
    stand.faults.always(/mount=/, registryError(status, 'UNSUPPORTED', 'no'));
    assert.equal(await write(stand, opens(blob), 'a/b'), 'copied');
    assert.equal(stand.seen(/^POST/).length, status === 500 ? 5 : 2);
  });

test('a session behind a mount is given back when the source fails', async (t) => {
  const stand = await startStand(t);
  const broken = async () =>
    Promise.reject(new CopyError('read', 'source', new RegistryError('denied', 'no')));
  await assert.rejects(write(stand, broken, 'a/b'), { side: 'source', reason: 'source-denied' });
  assert.deepEqual(sessions(stand), [1, 1]);
  await stand.assertFree();
});

test('Location: relative, absolute, on another host, with a query', async (t) => {
  const other = await startStand(t);
  for (const fault of [relativeLocation, location(({ href }) => href)]) {
    const stand = await startStand(t);
    stand.faults.once(/^POST/, fault);
    assert.equal(await write(stand, opens(blob)), 'copied');
    assert.match(stand.registry.requests.at(-1)?.query ?? '', /^\?_state=[\w-]+&digest=sha256%3A/);
    await stand.assertFree();
  }
  const bare = await startStand(t);
  bare.faults.once(/^POST/, answer(202, { location: '/v2/c/d/blobs/uploads/bare' }));
  bare.faults.once(put, async (call) => {
    await buffer(call.body);
    return empty(201);
  });
  assert.equal(await write(bare, opens(blob)), 'copied');
  assert.equal(bare.registry.requests.at(-1)?.query, `?digest=${encodeURIComponent(blob.descriptor.digest)}`);
  // The session is begun at one host and lives on another.
  const stand = await startStand(t, { auth: bearer });
  const begun = await fetch(`${other.registry.url}/v2/c/d/blobs/uploads/`, { method: 'POST' });
  const headers = { location: begun.headers.get('location') ?? '' };
  stand.faults.once(/^POST/, async () => ({ status: 202, headers }));
  assert.equal(await write(stand, opens(blob)), 'copied');
  assert.equal(other.registry.requests.at(-1)?.authorization, 'none');
});

for (const [what, target] of [
  ['no', undefined],
  ['an empty', ''],
  ['a useless', 'http://'],
  ['a file', 'file:///etc/passwd'],
] as const)
  test(`${what} Location is the registry’s mistake`, async (t) => {
    const stand = await startStand(t);
    const headers = target === undefined ? {} : { location: target };
    stand.faults.always(/^POST/, async () => ({ status: 202, headers }));
    await failure(write(stand, opens(blob)), 'protocol');
    assert.equal(stand.seen(/^POST/).length, 1);
    await stand.assertFree();
  });

for (const [what, got, bytes] of [
  ['wrong bytes', /300000 bytes of sha256:/, () => pieces([Buffer.alloc(blob.descriptor.size)])],
  ['too few bytes', /got 262144$/, () => pieces([...blob.bytes()].slice(0, -1))],
  ['too many bytes', /got more$/, () => pieces([...blob.bytes(), Buffer.from('x')])],
  ['no bytes at all', /got 0$/, () => pieces([])],
  [
    'wrong bytes and then nothing',
    /300000 bytes of sha256:/,
    () => pieces([Buffer.alloc(blob.descriptor.size), Buffer.alloc(0)]),
  ],
] as const)
  test(`${what} from the source are never finished, and read again once`, async (t) => {
    const stand = await startStand(t);
    let opened = 0;
    const source = async () => {
      opened++;
      return bytes();
    };
    assert.match((await failure(write(stand, source), 'corrupt')).message, got);
    assert.equal(await stand.client.repository('c/d', 'push').hasBlob(blob.descriptor.digest), false);
    const sent = stand.registry.requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
    assert.ok(!stand.registry.requests.some(({ bytesIn }) => bytesIn === blob.descriptor.size), 'finished');
    assert.ok(opened <= 2 && sent < 2 * blob.descriptor.size, `${opened} ${sent}`);
    await stand.assertFree();
  });

test('a source that breaks in the middle is read again once, and its failure stays its own', async (t) => {
  const stand = await startStand(t);
  let opened = 0;
  const source = async () => {
    opened++;
    return (async function* () {
      yield* [...blob.bytes()].slice(0, 2);
      throw new CopyError('read blob', 'source', new RegistryError('unreachable', 'reset by the source'));
    })();
  };
  await assert.rejects(write(stand, source), { name: 'CopyError', side: 'source', reason: 'unreachable' });
  assert.equal(opened, 2);
  assert.deepEqual(sessions(stand), [2, 2]);
  await stand.assertFree();
});

test('a source’s error that no table knows is not tried again, and comes out as it is', async (t) => {
  const stand = await startStand(t);
  const mistake = new TypeError('a mistake');
  const source = async () => {
    return (async function* () {
      yield* [...blob.bytes()].slice(0, 2);
      throw mistake;
    })();
  };
  await assert.rejects(write(stand, source), mistake);
  assert.equal(stand.seen(/^POST/).length, 1);
  await stand.assertFree();
});

for (const [what, fault, tries] of [
  ['resets the connection', reset, 2],
  ['stores the blob and says nothing', lostAnswer, 2],
  ['forgets the session', uploadLost, 2],
  ['finds another digest', registryError(400, 'DIGEST_INVALID', 'other'), 2],
  ['refuses the size', registryError(413, 'SIZE_INVALID', 'too big'), 2],
  ['denies', registryError(403, 'DENIED', 'no'), 1],
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
    assert.deepEqual([opened, stand.seen(put).length, stand.seen(/^POST/).length], [tries, tries, tries]);
    stand.faults.clear();
    assert.equal(await write(stand, opens(blob)), 'copied');
    await stand.assertFree();
  });

const large = layer('large', 8 * 1024 * 1024);

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
  await failure(write(stand, opens(blob)), 'denied');
  assert.equal(stand.seen(put).length, 2);
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

test('another digest in the answer to a manifest’s PUT is corrupt', async (t) => {
  const stand = await startStand(t);
  const image = ociImage('answer');
  await push(stand.registry.url, 'c/d', 'v0', image);
  stand.faults.once(/^PUT .*manifests/, wrongDigest);
  const repository = stand.client.repository('c/d', 'push');
  await failure(repository.putManifest('v1', image.descriptor, image.bytes), 'corrupt');
  await repository.putManifest('v1', image.descriptor, image.bytes);
});

test('a client that is closed ends what is under way', async (t) => {
  const stand = await startStand(t);
  const client = clientOf(t, stand.registry.url, { clock: new LeapingClock() });
  stand.faults.always(/manifests/, async () => new Promise<never>(() => undefined));
  const asked = failure(client.repository('a/b', 'pull').resolve('v1'), 'unreachable');
  while (stand.seen(/manifests/).length === 0) await setImmediate();
  await client.close();
  await asked;
});
