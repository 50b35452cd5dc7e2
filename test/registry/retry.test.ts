import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import type { Fault } from '../../src/copy/error.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { parseRetryAfter } from '../../src/registry/retry-after.ts';
import { reset } from '../support/connection-fault.ts';
import { answer, rateLimited, registryError, unavailable } from '../support/fault.ts';
import { blobOf, ociImage } from '../support/image.ts';
import { LeapingClock } from './clock.ts';
import { bearer, failure, opens, startStand } from './stand.ts';

const image = ociImage('retry', { layers: [1_000] });

const second = 1_000;

/** An index that needs nothing else. */
const manifest = Buffer.from('{"schemaVersion":2,"manifests":[]}');

async function push(client: Registry, tag: string): Promise<void> {
  const descriptor = { mediaType: ociIndex, digest: digestOf(manifest), size: manifest.length };
  await client.repository('a/b', 'push').putManifest(tag, descriptor, manifest);
}

/** Every row of the table, by what a registry answers: the fault, and how often a question is asked in all. */
const rows: [status: number, code: string, text: string, fault: Fault, tries: number][] = [
  [429, 'TOOMANYREQUESTS', 'slow down', 'rate-limited', 4],
  [408, '', '', 'timeout', 2],
  [400, 'UNKNOWN', 'The requested tag already exists and cannot be overwritten.', 'immutable', 1],
  [412, 'PRECONDITION', "tag v1 is configured as immutable, can't be updated", 'immutable', 1],
  [403, 'TAG_IMMUTABLE', '', 'immutable', 1],
  [412, 'PROJECTPOLICYVIOLATION', 'current image has 3 vulnerabilities', 'policy', 1],
  [403, 'DENIED', 'unknown manifest class for application/vnd.oci.empty.v1+json', 'artifact-refused', 1],
  [401, 'UNAUTHORIZED', 'authentication required', 'denied', 1],
  [403, 'DENIED', 'requested access to the resource is denied', 'denied', 1],
  [400, 'NAME_INVALID', 'invalid repository name', 'name-invalid', 1],
  [400, 'manifest_blob_unknown', 'blob unknown to registry', 'not-found', 1],
  [400, 'BLOB_UNKNOWN', '', 'not-found', 1],
  [400, 'MANIFEST_UNKNOWN', '', 'not-found', 1],
  [400, 'DIGEST_INVALID', 'provided digest did not match', 'corrupt', 2],
  [400, 'SIZE_INVALID', '', 'corrupt', 2],
  [400, 'MANIFEST_INVALID', '', 'artifact-refused', 1],
  [404, 'BLOB_UPLOAD_UNKNOWN', '', 'unreachable', 4],
  [400, 'BLOB_UPLOAD_INVALID', '', 'unreachable', 4],
  [416, '', '', 'unreachable', 4],
  [404, 'NAME_UNKNOWN', '', 'not-found', 1],
  [410, '', '', 'not-found', 1],
  [413, '', '', 'artifact-refused', 1],
  [415, '', '', 'artifact-refused', 1],
  [500, 'UNKNOWN', '', 'unreachable', 4],
  [502, '', '', 'unreachable', 4],
  [503, 'UNAVAILABLE', 'cannot be overwritten', 'unreachable', 4],
  [206, '', '', 'protocol', 1],
  [400, 'UNSUPPORTED', '', 'protocol', 1],
];

for (const [status, code, text, fault, tries] of rows)
  test(`${[status, code, text].join(' ').trim()} is ${fault}, asked ${tries} times`, async (t) => {
    const { client, faults, seen, assertFree } = await startStand(t);
    faults.always(/blobs/, code === '' ? answer(status) : registryError(status, code, text));
    const blob = client.repository('a/b', 'pull').blob(image.descriptor, new AbortController().signal);
    const error = await failure(blob, fault);
    assert.deepEqual([error.status, error.code], [status, code === '' ? undefined : code]);
    assert.equal(seen(/blobs/).length, tries);
    await assertFree();
  });

test('a connection that is reset counts as unreachable; waits double, between half and all of them by chance', async (t) => {
  for (const chance of [0, 0.999_999]) {
    const { client, faults, clock } = await startStand(t);
    clock.chance = chance;
    faults.always(/manifests/, reset);
    await failure(client.repository('a/b', 'pull').resolve('v1'), 'unreachable');
    const expected = chance === 0 ? [100, 200, 400] : [200, 400, 800];
    assert.deepEqual(clock.slept.map(Math.round), expected);
  }
});

test('row 44: a destination’s manifest that is answered with 500 is asked for again, and never counts as absent', async (t) => {
  const { client, faults, seen, assertFree } = await startStand(t);
  await push(client, 'v1');
  const before = seen(/manifests/).length;
  faults.times(2, /^HEAD .*manifests/, answer(500));
  const repository = client.repository('a/b', 'push');
  assert.equal((await repository.resolve('v1'))?.digest, digestOf(manifest));
  assert.equal(seen(/manifests/).length - before, 3);
  faults.always(/manifests/, answer(500));
  assert.equal((await failure(repository.resolve('v1'), 'unreachable')).status, 500);
  await assertFree();
});

for (const method of ['GET', 'HEAD'])
  test(`row 56: 429 on ${method} is waited for within the request, as long as Retry-After says, else longer each time`, async (t) => {
    const { client, faults, clock } = await startStand(t);
    await push(client, 'v1');
    const repository = client.repository('a/b', 'push');
    const ask = async () => {
      clock.slept.length = 0;
      if (method === 'HEAD') return repository.resolve('v1');
      const descriptor = { mediaType: ociIndex, digest: digestOf(manifest), size: manifest.length };
      return repository.manifest(descriptor);
    };
    const asked = new RegExp(`^${method} .*manifests`);
    faults.times(2, asked, rateLimited('4'));
    assert.ok(await ask());
    assert.deepEqual(clock.slept, [4 * second, 4 * second]);
    faults.times(3, asked, registryError(429, 'TOOMANYREQUESTS', 'slow down'));
    assert.ok(await ask());
    assert.deepEqual(clock.slept, [100, 200, 400]);
  });

test('what has a body is sent twice at most', async (t) => {
  const { registry, client, faults, seen } = await startStand(t);
  faults.always(/^PUT .*manifests/, unavailable());
  const repository = client.repository('a/b', 'push');
  await failure(repository.putManifest('v1', image.descriptor, image.bytes), 'unreachable');
  assert.equal(seen(/^PUT/).length, 2);
  faults.always(/^PUT .*uploads/, unavailable());
  const blob = blobOf('twice', 'x/y');
  await failure(repository.writeBlob(blob.descriptor, opens(blob), {}), 'unreachable');
  assert.deepEqual([seen(/^PUT .*uploads/).length, seen(/^POST/).length], [2, 1]);
  assert.ok(registry.requests.every(({ bytesIn }) => bytesIn <= image.bytes.length));
});

/** Answers once with `fault`, and notes whoever comes before the silence that was asked for is over. */
function silence(fault: Misbehaviour, now: () => number, until: number, early: string[]): Misbehaviour {
  let first = true;
  return async (call, next) => {
    const wasFirst = first;
    first = false;
    if (wasFirst) return fault(call, next);
    if (now() < until) early.push(`${call.method} ${call.path}`);
    return next();
  };
}

for (const [form, after] of [
  ['seconds', () => '7'],
  ['an HTTP date', (now: number) => new Date(now + 7 * second).toUTCString()],
] as const)
  for (const status of [429, 503])
    test(`${status} with Retry-After as ${form} silences all requests to that registry`, async (t) => {
      const { client, faults, clock, seen, assertFree } = await startStand(t);
      await client.repository('a/b', 'pull').resolve('v0');
      const early: string[] = [];
      const until = clock.now() + 7 * second;
      const refuse = registryError(status, 'X', 'wait', { 'retry-after': after(clock.now()) });
      faults.always(
        /./,
        silence(refuse, () => clock.now(), until, early),
      );
      const first = client.repository('a/b', 'pull').resolve('v1');
      // The others come while the first, refused, waits.
      const others = first.then(async () => assert.ok(clock.now() >= until));
      await Promise.all([first, others]);
      await Promise.all(['v2', 'v3'].map((tag) => client.repository('c/d', 'push').resolve(tag)));
      assert.deepEqual(early, []);
      assert.deepEqual(clock.slept, [7 * second]);
      assert.equal(seen(/^HEAD .*manifests\/v1/).length, 2);
      await assertFree();
    });

test('requests that wait for a slot keep to the silence, too', async (t) => {
  const one = { limits: { concurrency: 1, requestsPerSecond: 0, bandwidth: 0 } };
  const { client, faults, clock, seen } = await startStand(t, {}, one);
  const repository = client.repository('a/b', 'pull');
  await repository.resolve('v0');
  const early: string[] = [];
  const until = clock.now() + 5 * second;
  faults.always(
    /manifests/,
    silence(rateLimited('5'), () => clock.now(), until, early),
  );
  await Promise.all(['v1', 'v2', 'v3', 'v4'].map((tag) => repository.resolve(tag)));
  assert.deepEqual([early, seen(/^HEAD .*manifests/).length], [[], 6]);
});

test('Retry-After of an upload’s PUT: everybody waits, then the blob is sent once more', async (t) => {
  const { client, faults, clock, seen, assertFree } = await startStand(t);
  const early: string[] = [];
  const until = clock.now() + 3 * second;
  faults.always(
    /^PUT/,
    silence(unavailable('3'), () => clock.now(), until, early),
  );
  const blob = blobOf('again', 'x/y');
  await client.repository('a/b', 'push').writeBlob(blob.descriptor, opens(blob), {});
  assert.deepEqual([early, seen(/^PUT/).length], [[], 2]);
  await assertFree();
});

test('too long a silence is not waited for: the failure says when to come back', async (t) => {
  const { client, faults, clock, seen } = await startStand(t);
  const back = clock.now() + 120 * second;
  faults.once(/manifests/, rateLimited('120'));
  const repository = client.repository('a/b', 'pull');
  const first = await failure(repository.resolve('v1'), 'rate-limited');
  assert.deepEqual([first.retryAt, first.status, seen(/manifests/).length], [back, 429, 1]);
  clock.advance(60 * second);
  const next = await failure(repository.resolve('v2'), 'rate-limited');
  assert.equal(next.retryAt, back);
  assert.match(next.message, /registry test asked to be left alone until 2026-11-23T12:02:00/);
  const blob = blobOf('later', 'x/y');
  const upload = client.repository('a/b', 'push').writeBlob(blob.descriptor, opens(blob), { from: 'c/d' });
  assert.equal((await failure(upload, 'rate-limited')).retryAt, back);
  assert.equal(seen().length, 2, 'the ping and the first');
  clock.advance(60 * second);
  assert.equal(await repository.resolve('v1'), undefined);
});

test('a token service that asks for silence is left alone', async (t) => {
  const { client, faults, clock } = await startStand(t, { auth: bearer });
  const early: string[] = [];
  const until = clock.now() + 9 * second;
  faults.always(
    /token/,
    silence(rateLimited('9'), () => clock.now(), until, early),
  );
  await client.repository('a/b', 'pull').resolve('v1');
  assert.deepEqual([early, clock.slept], [[], [9 * second]]);
});

test('a wait can be aborted, with the signal’s reason', async (t) => {
  const stop = new AbortController();
  const reason = new RangeError('enough');
  class Aborting extends LeapingClock {
    override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
      stop.abort(reason);
      return super.sleep(ms, signal);
    }
  }
  for (const fault of [unavailable('20'), unavailable()]) {
    const { client, faults, seen, assertFree } = await startStand(t, {}, { clock: new Aborting() });
    faults.always(/manifests/, fault);
    await assert.rejects(client.repository('a/b', 'pull').resolve('v1', stop.signal), reason);
    assert.ok(seen(/manifests/).length <= 1);
    await assertFree();
  }
});

test('Retry-After is read in both forms, and nothing else', () => {
  const now = Date.UTC(2026, 10, 23, 12);
  const hour = 3_600 * second;
  const cases: [string | undefined, number | undefined][] = [
    ['0', now],
    [' 120 ', now + 120 * second],
    ['999999', now + hour],
    ['Mon, 23 Nov 2026 12:00:30 GMT', now + 30 * second],
    ['Monday, 23-Nov-26 12:00:30 GMT', now + 30 * second],
    ['Mon, 23 Nov 2026 11:00:00 GMT', now],
    ['Tue, 24 Nov 2099 12:00:00 GMT', now + hour],
    ...[undefined, '', '-1', '1.5', 'soon', '2026-11-23', 'Monday', '1e3'].map(
      (text): [string | undefined, undefined] => [text, undefined],
    ),
  ];
  for (const [text, expected] of cases) assert.equal(parseRetryAfter(text, now), expected, text);
});
