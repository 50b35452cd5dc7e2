import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { type TestContext, test } from 'node:test';
import type { Answer, Call, Misbehaviour } from '../../src/demo/registry/call.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { startCallServer } from '../support/call-server.ts';
import { brokenBody, shortBody, stalledBody } from '../support/connection-fault.ts';
import { answer, rateLimited, rangeIgnored, setHeaders } from '../support/fault.ts';
import { layer } from '../support/image.ts';
import { LeapingClock } from './clock.ts';
import { type ClientOptions, clientOf, limits, read } from './stand.ts';

/*
 * A source that is slow per connection is read by several ranges at once. The test's clock goes on with the bytes that
 * the source sends, so what is slow does not hang on the machine.
 */
const MiB = 1024 * 1024;
const part = 2 * MiB;
const content = layer('ranges', 44 * MiB + 77);
const { descriptor } = content;
const { size } = descriptor;
const whole = Buffer.concat([...content.bytes()]);
const get = /^GET .*\/blobs\//;

/** A source whose bytes take `perMiB` milliseconds of the clock, on each connection. */
async function startSlow(t: TestContext, options: Partial<ClientOptions> = {}) {
  const clock = new LeapingClock();
  const slow = { perMiB: 200, sending: 0, mostSending: 0, asked: new Array<string | undefined>() };
  async function* body(bytes: Buffer): AsyncIterable<Uint8Array> {
    slow.mostSending = Math.max(slow.mostSending, ++slow.sending);
    try {
      for (let from = 0; from < bytes.length; from += MiB / 16) {
        clock.advance(slow.perMiB / 16);
        yield bytes.subarray(from, from + MiB / 16);
        await setImmediate();
      }
    } finally {
      slow.sending--;
    }
  }
  const serve = ({ path, headers }: Call): Answer => {
    if (!path.includes('/blobs/')) return { status: path === '/v2/' ? 200 : 404, headers: {} };
    slow.asked.push(headers.range?.slice('bytes='.length));
    const [, first, last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (first === undefined)
      return { status: 200, headers: { 'content-length': `${size}` }, body: body(whole) };
    const [from, end] = [Number(first), last === '' ? size - 1 : Number(last)];
    const range = { 'content-range': `bytes ${from}-${end}/${size}`, 'content-length': `${end - from + 1}` };
    return { status: 206, headers: range, body: body(whole.subarray(from, end + 1)) };
  };
  const server = await startCallServer(t, serve);
  // One is kept for pushed tags.
  const client = clientOf(t, server.url, { clock, limits: { ...limits, concurrency: 5 }, ...options });
  const arrived = async () => digestOf(await read(client, 'a/b', descriptor));
  const asks = () => server.requests.filter(({ path }) => path.includes('/blobs/')).length;
  const sent = () => server.requests.reduce((sum, { bytesOut }) => sum + bytesOut, 0);
  return { clock, server, client, slow, faults: server.faults, arrived, asks, sent };
}

/** The ranges that were asked for, in order of their place. */
function parts(asked: readonly (string | undefined)[]): [from: number, to: number][] {
  const pairs = asked.map((range) => /^(\d+)-(\d*)$/.exec(range ?? '')).filter((found) => found !== null);
  const ranges = pairs.map(([, from, to]): [number, number] => [Number(from), Number(to || size - 1)]);
  return ranges.sort(([one], [other]) => one - other);
}

test('a source that is slow per connection is read by four ranges at once, each byte once', async (t) => {
  const { slow, arrived, sent } = await startSlow(t);
  assert.equal(await arrived(), descriptor.digest);
  assert.equal(slow.mostSending, 4);
  const ranges = parts(slow.asked);
  assert.equal(slow.asked.length, 1 + ranges.length, slow.asked.join());
  assert.ok(ranges.length >= 6, `${ranges.length} ranges`);
  for (const [index, [from, to]] of ranges.entries()) {
    assert.equal(to, Math.min(from + part, size) - 1);
    if (index > 0) assert.equal(from, (ranges[index - 1]?.[1] ?? 0) + 1, 'one after the other');
  }
  assert.equal(ranges.at(-1)?.[1], size - 1);
  // Only the first connection is left in the middle, with what its sockets held.
  assert.ok(sent() < size + 6 * MiB, `${sent()} bytes`);
});

test('a fast source is read by one connection', async (t) => {
  const { slow, arrived } = await startSlow(t);
  slow.perMiB = 50;
  assert.equal(await arrived(), descriptor.digest);
  assert.deepEqual(slow.asked, [undefined]);
});

test('a source that is slow because nobody takes its bytes is read by one connection', async (t) => {
  const { slow, client, clock } = await startSlow(t);
  slow.perMiB = 0;
  const bytes = await client.repository('a/b', 'pull').blob(descriptor, new AbortController().signal);
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    clock.advance(1_000);
  }
  assert.deepEqual([length, slow.asked.length], [size, 1]);
});

test('a source that is fast in its ranges gets one connection again, for the rest', async (t) => {
  const { slow, arrived, faults } = await startSlow(t);
  faults.always(get, (call, next) => {
    if (call.headers.range !== undefined) slow.perMiB = 0;
    return next();
  });
  assert.equal(await arrived(), descriptor.digest);
  assert.match(slow.asked.at(-1) ?? '', /^\d+-$/);
});

test('where no slot is free there is one connection, and nobody is kept waiting', async (t) => {
  const { slow, arrived } = await startSlow(t, { limits: { ...limits, concurrency: 1 } });
  assert.equal(await arrived(), descriptor.digest);
  assert.equal(slow.asked.length, 1);
  const busy = await startSlow(t, { limits: { ...limits, concurrency: 3 } });
  const order: string[] = [];
  let other: Promise<unknown> | undefined;
  busy.faults.always(get, (call, next) => {
    if (call.headers.range !== undefined)
      other ??= busy.client
        .repository('a/b', 'push')
        .resolve('v1')
        .then(() => order.push('other'));
    return next();
  });
  assert.equal(await busy.arrived(), descriptor.digest);
  order.push('blob');
  await other;
  assert.deepEqual(order, ['other', 'blob'], 'who asks for a slot gets the one of the next range');
});

for (const [what, fault] of [
  ['is ignored', rangeIgnored],
  ['is of another place', setHeaders({ 'content-range': `bytes 0-${part - 1}/${size}` })],
  ['is of another length', setHeaders({ 'content-range': `bytes ${part}-${2 * part - 1}/${size + 1}` })],
  ['is refused', answer(403)],
  ['is asked for too often', rateLimited('1')],
] as const)
  test(`where a range ${what}, the one connection reads all`, async (t) => {
    const { faults, arrived, asks, sent } = await startSlow(t);
    faults.always(get, (call, next) => (call.headers.range === undefined ? next() : fault(call, next)));
    assert.equal(await arrived(), descriptor.digest);
    assert.ok(asks() > 1 && asks() <= 4, `${asks()} requests`);
    assert.ok(sent() < size + 3 * part, `${sent()} bytes`);
  });

for (const [what, fault] of [
  ['is cut', shortBody(MiB)],
  ['is reset', brokenBody(1.5 * MiB)],
  ['stalls', stalledBody(1.5 * MiB, new Promise(() => undefined))],
] as const)
  test(`a range that ${what} goes on where it stopped`, async (t) => {
    const { slow, faults, arrived, sent } = await startSlow(t, { idleTimeout: 400 });
    let ranges = 0;
    const third: Misbehaviour = (call, next) =>
      call.headers.range !== undefined && ++ranges === 3 ? fault(call, next) : next();
    faults.always(get, third);
    assert.equal(await arrived(), descriptor.digest);
    const rest = parts(slow.asked).filter(([from]) => (from - (parts(slow.asked)[0]?.[0] ?? 0)) % part !== 0);
    assert.equal(rest.length, 1, slow.asked.join());
    assert.ok(sent() < size + 8 * MiB, `${sent()} bytes`);
  });

test('ranges that are always cut early end as one connection does', async (t) => {
  const { faults, arrived, asks } = await startSlow(t);
  faults.always(get, (call, next) =>
    call.headers.range === undefined ? next() : brokenBody(100_000)(call, next),
  );
  await assert.rejects(arrived(), { fault: 'unreachable' });
  assert.ok(asks() <= 1 + 4 * 6 + 6, `${asks()} requests`);
});

test('whoever stops in the middle ends all ranges, and their slots are free', async (t) => {
  const { client, slow } = await startSlow(t);
  const stop = new AbortController();
  const bytes = await client.repository('a/b', 'pull').blob(descriptor, stop.signal);
  const reason = new RangeError('enough');
  await assert.rejects(async () => {
    for await (const _ of bytes) if (slow.sending === 4) stop.abort(reason);
  }, reason);
  for (let turn = 0; slow.sending > 0; turn++) {
    assert.ok(turn < 10_000, `${slow.sending} go on`);
    await setImmediate();
  }
  slow.mostSending = 0;
  assert.equal(digestOf(await read(client, 'a/b', descriptor)), descriptor.digest);
  assert.equal(slow.mostSending, 4);
});

test('several blobs share what may be held ahead', async (t) => {
  const { client, slow } = await startSlow(t, { limits: { ...limits, concurrency: 64 } });
  const digests = await Promise.all(Array.from({ length: 4 }, () => read(client, 'a/b', descriptor)));
  assert.deepEqual(
    digests.map((bytes) => digestOf(bytes)),
    Array(4).fill(descriptor.digest),
  );
  // Four connections of their own, and nine parts of 2 MiB: never sixteen.
  assert.ok(slow.mostSending <= 13, `${slow.mostSending} at once`);
  assert.ok(slow.mostSending > 4, `${slow.mostSending} at once`);
});
