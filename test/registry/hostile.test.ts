import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reason } from '../../src/copy/error.ts';
import type { RequestRecord } from '../../src/demo/registry/call.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import * as connection from '../support/connection-fault.ts';
import * as fault from '../support/fault.ts';
import type { Faults } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import * as token from '../support/token-fault.ts';
import { bearer } from './stand.ts';
import { type Mirror, startMirror } from './trap.ts';

/*
 * Whole copies against registries that misbehave. Whatever one does, a copy ends as it should, asks a bounded
 * number of times, reads and sends no byte more than twice, and gives all its slots back.
 */

const image = ociImage('hostile', { layers: [200_000, 3_000] });
const layer = image.blobs[1]?.descriptor ?? image.descriptor;
const blobs = new RegExp(`^GET .*/blobs/${layer.digest}`);
const manifest = /^GET .*manifests/;
const put = /^PUT .*uploads/;
const tag = /^PUT .*manifests/;
const forever = new Promise<never>(() => undefined);

type Hostility = (faults: Faults) => void;
type Scenario = [what: string, hostility: Hostility, outcome: 'copied' | Reason];

const atSource: Scenario[] = [
  ['resets each blob once', (f) => f.times(3, /^GET .*blobs/, connection.reset), 'copied'],
  ['resets blobs for ever', (f) => f.always(blobs, connection.reset), 'unreachable'],
  ['breaks a blob off once', (f) => f.once(blobs, connection.brokenBody(100_000)), 'copied'],
  ['breaks a blob off always', (f) => f.always(blobs, connection.brokenBody(100_000)), 'copied'],
  ['breaks a blob off after few bytes', (f) => f.always(blobs, connection.brokenBody(1_000)), 'unreachable'],
  ['breaks a blob off at once', (f) => f.always(blobs, connection.brokenBody(0)), 'unreachable'],
  ['ends a blob early', (f) => f.always(blobs, connection.shortBody(150_000)), 'copied'],
  ['announces another length', (f) => f.always(blobs, connection.truncated(150_000)), 'corrupt'],
  ['sends too much', (f) => f.always(blobs, connection.overlong(10)), 'corrupt'],
  ['sends no length', (f) => f.always(blobs, connection.withoutLength), 'copied'],
  ['sends a blob without an end', (f) => f.always(blobs, connection.endless), 'corrupt'],
  ['sends other bytes', (f) => f.always(blobs, connection.wrongBytes), 'corrupt'],
  ['sends other bytes once', (f) => f.once(blobs, connection.wrongBytes), 'copied'],
  ['stalls in a blob', (f) => f.always(blobs, connection.stalledBody(70_000, forever)), 'copied'],
  ['stalls before a blob', (f) => f.always(blobs, connection.stalledBody(0, forever)), 'timeout'],
  ['sends HTML for a blob', (f) => f.always(blobs, fault.html(200)), 'corrupt'],
  ['redirects a blob in a circle', (f) => f.always(blobs, fault.redirect(`./${layer.digest}`)), 'protocol'],
  ['redirects a blob to a file', (f) => f.always(blobs, fault.redirect('file:///etc/passwd')), 'protocol'],
  ['answers a blob with 206', (f) => f.always(blobs, fault.answer(206)), 'protocol'],
  ['has lost a blob', (f) => f.always(blobs, fault.registryError(404, 'BLOB_UNKNOWN', 'x')), 'not-found'],
  ['sends other bytes for a manifest', (f) => f.always(manifest, connection.wrongBytes), 'corrupt'],
  ['sends a manifest without an end', (f) => f.always(manifest, connection.endless), 'protocol'],
  ['sends HTML for a manifest', (f) => f.always(manifest, fault.html(200)), 'protocol'],
  ['answers with an error of 10 MB', (f) => f.always(manifest, fault.hugeBody(500)), 'unreachable'],
  ['is unavailable twice', (f) => f.times(2, manifest, fault.unavailable()), 'copied'],
  ['limits the rate, in seconds', (f) => f.times(2, blobs, fault.rateLimited('2')), 'copied'],
  ['limits the rate for an hour', (f) => f.always(blobs, fault.rateLimited('3600')), 'rate-limited'],
  ['limits the rate for ever', (f) => f.always(blobs, fault.rateLimited('1')), 'rate-limited'],
  [
    'scans images first',
    (f) => f.always(/manifests/, fault.registryError(412, 'X', 'scan')),
    'source-policy',
  ],
];

const atDestination: Scenario[] = [
  ['resets uploads once', (f) => f.once(put, connection.resetAfterReceiving(100_000)), 'copied'],
  ['resets uploads always', (f) => f.always(put, connection.resetAfterReceiving(100_000)), 'unreachable'],
  ['loses the answer to an upload', (f) => f.once(put, connection.lostAnswer), 'copied'],
  ['forgets each session once', (f) => f.times(3, put, fault.uploadLost), 'copied'],
  ['forgets every session', (f) => f.always(put, fault.uploadLost), 'unreachable'],
  [
    'finds every digest wrong',
    (f) => f.always(put, fault.registryError(400, 'DIGEST_INVALID', '')),
    'corrupt',
  ],
  ['is full', (f) => f.always(put, fault.unavailable()), 'unreachable'],
  ['limits the rate of uploads', (f) => f.times(2, put, fault.rateLimited('5')), 'copied'],
  ['begins no session', (f) => f.always(/^POST/, fault.answer(202)), 'protocol'],
  [
    'begins sessions on another machine',
    (f) => f.always(/^POST/, fault.foreignLocation('http://127.0.0.1:1')),
    'unreachable',
  ],
  ['redirects an upload', (f) => f.always(put, fault.redirect('/elsewhere')), 'protocol'],
  ['loses the answer to the tag', (f) => f.once(tag, connection.lostAnswer), 'copied'],
  ['takes the tag and does not set it', (f) => f.always(tag, fault.answer(201)), 'corrupt'],
  [
    'has an immutable tag',
    (f) => f.always(tag, fault.registryError(400, 'X', 'cannot be overwritten')),
    'destination-immutable',
  ],
  [
    'knows no such class',
    (f) => f.always(tag, fault.registryError(403, 'DENIED', 'unknown manifest class for x')),
    'artifact-refused',
  ],
  [
    'misses a child',
    (f) => f.always(tag, fault.registryError(400, 'MANIFEST_BLOB_UNKNOWN', '')),
    'not-found',
  ],
  ['denies the tag', (f) => f.always(tag, fault.registryError(403, 'DENIED', '')), 'destination-denied'],
  ['answers with HTML', (f) => f.always(/uploads/, fault.html(502)), 'unreachable'],
];

const atTokens: Scenario[] = [
  ['less scope', (f) => f.always(/token/, token.lessScope(/never/)), 'destination-denied'],
  ['less scope once', (f) => f.once(/token/, token.lessScope(/never/)), 'destination-denied'],
  ['only access_token', (f) => f.always(/token/, token.onlyAccessToken), 'copied'],
  ['an empty access_token', (f) => f.always(/token/, token.emptyAccessToken), 'copied'],
  ['no times', (f) => f.always(/token/, token.withoutTimes), 'copied'],
  ['HTML', (f) => f.always(/token/, fault.html(200)), 'protocol'],
  ['an error of 10 MB', (f) => f.always(/token/, fault.hugeBody(401)), 'destination-denied'],
  ['a redirect', (f) => f.always(/token/, fault.redirect('/token')), 'protocol'],
];

/** Requests of one copy that goes well are about 15 at either end; four of one kind and a second try may be added. */
const most = 40;

/** Bytes that went through requests for the blob, by its digest in path or query. */
function moved(
  requests: readonly RequestRecord[],
  { digest }: Descriptor,
  way: 'bytesIn' | 'bytesOut',
): number {
  const about = requests.filter(({ path, query }) => decodeURIComponent(path + query).includes(digest));
  return about.reduce((sum, request) => sum + request[way], 0);
}

function assertBounded({ source, destination }: Mirror, endless: boolean): void {
  const counts = [source, destination].map(({ registry }) => registry.requests.length);
  assert.ok(Math.max(...counts) < most, `${counts.join(' and ')} requests`);
  for (const { descriptor } of [...image.blobs, image]) {
    const read = moved(source.registry.requests, descriptor, 'bytesOut');
    const written = moved(destination.registry.requests, descriptor, 'bytesIn');
    const slack = endless ? Infinity : 20;
    assert.ok(read <= 2 * descriptor.size + slack, `${read} of ${descriptor.size} bytes read`);
    assert.ok(written <= 2 * descriptor.size, `${written} of ${descriptor.size} bytes written`);
  }
}

async function meet(mirror: Mirror, outcome: Scenario[2], endless: boolean): Promise<void> {
  if (outcome === 'copied') assert.equal((await mirror.copy()).outcome, 'copied');
  else await assert.rejects(mirror.copy(), { name: 'CopyError', reason: outcome });
  assertBounded(mirror, endless);
  const { source, destination } = mirror;
  for (const { faults } of [source, destination]) assert.equal(faults.pending, 0);
  for (const { faults, clock } of [source, destination]) {
    faults.clear();
    clock.advance(7_200_000);
  }
  await mirror.arrives(outcome === 'copied' ? 'unchanged' : 'copied');
}

for (const [what, hostility, outcome] of atSource)
  test(`a source that ${what}: ${outcome}`, async (t) => {
    const client = what.includes('stalls') ? { client: { idleTimeout: 200 } } : {};
    const mirror = await startMirror(t, { image, ...client });
    hostility(mirror.source.faults);
    await meet(mirror, outcome, /end|10 MB/.test(what));
  });

for (const [what, hostility, outcome] of atDestination)
  test(`a destination that ${what}: ${outcome}`, async (t) => {
    const mirror = await startMirror(t, { image });
    hostility(mirror.destination.faults);
    await meet(mirror, outcome, false);
  });

for (const [what, hostility, outcome] of atTokens)
  test(`a token service that gives ${what}: ${outcome}`, async (t) => {
    const mirror = await startMirror(t, { image, destination: { auth: bearer } });
    hostility(mirror.destination.faults);
    await meet(mirror, outcome, false);
  });
