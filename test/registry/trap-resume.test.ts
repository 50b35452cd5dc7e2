import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reset, shortBody } from '../support/connection-fault.ts';
import { rangeIgnored, rangeStuck, registryError, setHeaders } from '../support/fault.ts';
import { startStand } from './stand.ts';
import { startMirror } from './trap.ts';
import { MiB, big, large, patch, piece, put, received, send, source } from './upload.ts';

const { size } = big.descriptor;
const misplaced = registryError(416, 'RANGE_INVALID', 'x');

test('trap 04: a big blob goes in pieces, whose Content-Range has no unit', async (t) => {
  const stand = await startStand(t);
  const ranges: unknown[] = [];
  stand.faults.always(/^(PATCH|PUT) .*uploads/, (call, next) => {
    ranges.push([call.headers['content-range'], call.headers['content-length']]);
    return next();
  });
  const { open, from } = source(big);
  assert.equal(await send(stand, open), 'copied');
  const expected = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`${n * piece}-${(n + 1) * piece - 1}`, `${piece}`]);
  assert.deepEqual(ranges, [...expected, [`${8 * piece}-${size - 1}`, `${size - 8 * piece}`]]);
  assert.deepEqual(from, [0]);
  await stand.assertFree();
});

test('trap 05: a Range of 0-0 is no byte', async (t) => {
  const stand = await startStand(t);
  stand.faults.once(put, reset);
  assert.equal(await send(stand, source(large).open, large), 'copied');
  assert.deepEqual([stand.seen(put).length, stand.seen(/^POST/).length], [2, 1]);
});

test('trap 06: a piece that is called misplaced is asked about, and goes on in the same session', async (t) => {
  const stand = await startStand(t);
  let patches = 0;
  stand.faults.always(patch, (call, next) => (++patches === 3 ? misplaced(call, next) : next()));
  assert.equal(await send(stand, source(big).open), 'copied');
  assert.deepEqual([stand.seen(/^POST/).length, stand.seen(/^GET .*uploads/).length], [1, 1]);
  assert.ok(received(stand.registry.requests) <= size + piece);
});

test('trap 07: a Range that does not advance, or pieces that are always misplaced: one PUT instead', async (t) => {
  for (const [where, fault] of [
    [/^(PATCH|GET) .*uploads/, rangeStuck],
    [patch, misplaced],
  ] as const) {
    const stand = await startStand(t);
    stand.faults.always(where, fault);
    assert.equal(await send(stand, source(big).open), 'copied');
    const { length } = stand.seen(patch);
    assert.equal(length, 2);
    assert.equal(stand.seen(put).length, 1);
    const sent = received(stand.registry.requests);
    assert.ok(sent <= size + length * piece, `${sent} bytes`);
    await stand.assertFree();
  }
});

test('trap 08: pieces are as large as the registry wants them', async (t) => {
  const stand = await startStand(t);
  stand.faults.always(/^POST/, setHeaders({ 'oci-chunk-min-length': `${40 * MiB}` }));
  assert.equal(await send(stand, source(big).open), 'copied');
  const sizes = stand.registry.requests.map(({ bytesIn }) => bytesIn).filter(Boolean);
  assert.deepEqual(sizes, [40 * MiB, size - 40 * MiB]);
});

test('trap 34: where Range is ignored, what has come already is left out', async (t) => {
  const mirror = await startMirror(t);
  const blobs = /^GET .*\/blobs\//;
  const { digest = '' } = mirror.image.blobs[1]?.descriptor ?? {};
  mirror.source.faults.once(new RegExp(`^GET .*/blobs/${digest}`), shortBody(120_077));
  mirror.source.faults.always(blobs, rangeIgnored);
  await mirror.copy();
  assert.equal(mirror.source.seen(blobs).length, mirror.image.blobs.length + 1);
  await mirror.arrives('unchanged');
});
