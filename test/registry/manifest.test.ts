import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ManifestError } from '../../src/oci/manifest.ts';
import { dockerSchema1Signed, manifestTypes, ociManifest } from '../../src/oci/media-type.ts';
import { answer, change, html, registryError, setHeaders, wrongDigest } from '../support/fault.ts';
import { endless, wrongBytes } from '../support/connection-fault.ts';
import {
  type Image,
  artifact,
  cosignSignature,
  dockerImage,
  helmChart,
  multiPlatform,
  nestedIndex,
  ociImage,
} from '../support/image.ts';
import { push } from '../support/push.ts';
import { failure, startStand } from './stand.ts';

const image = ociImage('manifest');
const { descriptor } = image;
const reads = /^GET .*manifests/;

async function pushed(t: Parameters<typeof startStand>[0], what: Image = image) {
  const stand = await startStand(t);
  await push(stand.registry.url, 'a/b', 'v1', what);
  stand.registry.requests.length = 0;
  return { ...stand, repository: stand.client.repository('a/b', 'pull') };
}

const shapes: [string, Image][] = [
  ['an image', image],
  ['a schema 2 image', dockerImage('m')],
  ['an index with attestations', multiPlatform('m')],
  ['a nested index', nestedIndex('m')],
  ['a Helm chart', helmChart('m')],
  ['a signature', cosignSignature(image)],
  ['an artifact of an unknown type', artifact('m')],
];
for (const [what, shape] of shapes)
  test(`${what}: resolved by one HEAD, read and written as the exact bytes`, async (t) => {
    const { client, repository, registry, seen } = await pushed(t, shape);
    assert.deepEqual(await repository.resolve('v1'), shape.descriptor);
    assert.deepEqual(seen(/manifests/), ['HEAD /v2/a/b/manifests/v1']);
    const bytes = await repository.manifest(shape.descriptor);
    assert.deepEqual(Buffer.from(bytes), Buffer.from(shape.bytes));
    await client.repository('a/b', 'push').putManifest('v2', shape.descriptor, bytes);
    assert.deepEqual(await repository.resolve('v2'), shape.descriptor);
    assert.equal(registry.requests.find(({ method }) => method === 'PUT')?.bytesIn, shape.bytes.length);
  });

test('every type is accepted, on HEAD and GET alike, and only bytes as they are stored', async (t) => {
  const { repository, faults } = await pushed(t);
  const asked: unknown[] = [];
  const asks = [manifestTypes.join(', '), 'identity'];
  faults.always(/manifests/, (call, next) => {
    asked.push([call.headers.accept, call.headers['accept-encoding']]);
    return next();
  });
  await repository.resolve('v1');
  await repository.manifest(descriptor);
  assert.deepEqual(asked, [asks, asks]);
});

test('a tag that is not there resolves to nothing; a manifest that is not there is a failure', async (t) => {
  const { repository } = await pushed(t);
  assert.equal(await repository.resolve('v9'), undefined);
  assert.equal(await repository.resolve(digestOf(Buffer.from('x'))), undefined);
  const missing: Descriptor = { ...descriptor, digest: digestOf(Buffer.from('x')) };
  const error = await failure(repository.manifest(missing), 'not-found');
  assert.match(error.message, /manifest sha256:\w+ is not in a\/b/);
});

test('a source’s 404 is believed when its GET says that the tag is unknown; a destination’s HEAD is enough', async (t) => {
  const { client, repository, seen } = await pushed(t);
  assert.equal(await repository.resolve('v9'), undefined);
  assert.deepEqual(seen(/manifests/), ['HEAD /v2/a/b/manifests/v9', 'GET /v2/a/b/manifests/v9']);
  assert.equal(await client.repository('a/b', 'push').resolve('v9'), undefined);
  assert.equal(seen(/manifests/).length, 3);
});

test('a proxy’s 404, while the registry is away, does not mean that a tag or a manifest is gone', async (t) => {
  const { repository, faults, assertFree } = await pushed(t);
  for (const fault of [html(404), answer(404), registryError(404, 'DENIED', 'no')]) {
    faults.always(/manifests/, fault);
    const { message, status } = await failure(repository.resolve('v1'), 'unreachable');
    assert.match(message, /^GET http:.*\/manifests\/v1: expected .* got 404/);
    assert.equal(status, 404);
    await failure(repository.manifest(descriptor), 'unreachable');
    faults.clear();
  }
  faults.once(/^HEAD/, answer(404));
  assert.deepEqual(await repository.resolve('v1'), descriptor, 'the GET is what counts');
  await assertFree();
});

for (const [what, headers] of [
  ['no digest', { 'docker-content-digest': undefined }],
  ['what is no digest', { 'docker-content-digest': 'sha256:short' }],
  ['no type', { 'content-type': undefined }],
  ['a type that says nothing', { 'content-type': 'application/json' }],
] as const)
  test(`a HEAD with ${what} is followed by a GET`, async (t) => {
    const { repository, faults, seen } = await pushed(t);
    faults.once(/^HEAD/, setHeaders(headers));
    assert.deepEqual(await repository.resolve('v1'), descriptor);
    assert.deepEqual(seen(/manifests/), ['HEAD /v2/a/b/manifests/v1', 'GET /v2/a/b/manifests/v1']);
  });

test('a HEAD without a length is followed by a GET', async (t) => {
  const { repository, faults, seen } = await pushed(t);
  const unknown = change(({ status, headers: { ...headers } }) => {
    delete headers['content-length'];
    return { status, headers };
  });
  faults.once(/^HEAD/, unknown);
  assert.deepEqual(await repository.resolve('v1'), descriptor);
  assert.equal(seen(reads).length, 1);
});

test('a HEAD refused by a policy is followed by a GET, which says why', async (t) => {
  const { repository, faults, assertFree } = await pushed(t);
  faults.once(/^HEAD/, answer(412));
  faults.once(reads, registryError(412, 'PROJECTPOLICYVIOLATION', 'image has 3 vulnerabilities'));
  const error = await failure(repository.resolve('v1'), 'policy');
  assert.match(error.message, /PROJECTPOLICYVIOLATION: image has 3 vulnerabilities/);
  await assertFree();
});

test('bytes of another digest are corrupt, whatever the header says', async (t) => {
  const { repository, faults, assertFree } = await pushed(t);
  faults.always(reads, wrongBytes);
  await failure(repository.manifest(descriptor), 'corrupt');
  faults.always(/^HEAD/, setHeaders({ 'docker-content-digest': undefined }));
  await failure(repository.resolve('v1'), 'corrupt');
  await assertFree();
});

test('a manifest of 8 MiB is read, a longer one is not', async (t) => {
  const { repository, faults, registry, assertFree } = await pushed(t);
  const limit = 8 * 1024 * 1024;
  const padded = (size: number) => {
    const bytes = Buffer.alloc(size, ' ');
    bytes.write('{"schemaVersion":2}');
    faults.once(reads, async () => ({ status: 200, headers: { 'content-type': ociManifest }, body: bytes }));
    return { ...descriptor, size, digest: digestOf(bytes) };
  };
  assert.equal((await repository.manifest(padded(limit))).length, limit);
  assert.match(
    (await failure(repository.manifest(padded(limit + 1)), 'protocol')).message,
    /more than 8388608/,
  );
  faults.once(reads, endless);
  await failure(repository.manifest(descriptor), 'protocol');
  const sent = registry.requests.at(-1)?.bytesOut ?? Infinity;
  assert.ok(sent < 2 * limit, `${sent} bytes sent`);
  await assertFree();
});

/** What `body` is when it is delivered as `type`. */
const delivered = (type: string, body: string) => answer(200, { 'content-type': type }, body);

for (const [what, fault, reason, message] of [
  ['a page of a proxy', html(200), 'protocol', /expected a JSON object, got "</],
  ['nothing', answer(200), 'protocol', /got ""/],
  ['JSON that is no object', delivered('text/plain', '[1]'), 'protocol', /got "\[1\]"/],
  ['an error as JSON', delivered('application/json', '{"errors":[]}'), 'protocol', /says which type/],
  ['a page under an unknown type', delivered('application/vnd.x+json', '<p>'), 'protocol', /got "<p>"/],
  [
    'an unknown type',
    delivered('application/vnd.x+json', '{}'),
    'artifact-refused',
    /asked for, got application\/vnd\.x\+json$/,
  ],
  [
    'a manifest of no type',
    delivered('application/json', '{"schemaVersion":2}'),
    'artifact-refused',
    /neither the answer nor the document says which type/,
  ],
  [
    'a manifest of no type that is broken as well',
    delivered('text/plain', '{"schemaVersion":2,"config":{"digest":"x"}}'),
    'artifact-refused',
    /config\.digest: expected a sha256/,
  ],
  [
    'schema 1 whose signatures cannot be read',
    delivered(dockerSchema1Signed, '{"fsLayers":[],"signatures":[{"protected":"e30"}]}'),
    'artifact-refused',
    /expected a manifest with a digest; manifest: formatLength: /,
  ],
  [
    'schema 1 that does not say so',
    delivered('text/plain', '{"schemaVersion":1,"fsLayers":[],"signatures":[{"protected":"e30"}]}'),
    'artifact-refused',
    /expected a manifest with a digest/,
  ],
] as const)
  test(`${what} in place of a manifest is ${reason}`, async (t) => {
    const { repository, faults, assertFree } = await pushed(t);
    faults.always(/^HEAD/, setHeaders({ 'docker-content-digest': undefined }));
    faults.always(reads, fault);
    assert.match((await failure(repository.resolve('v1'), reason)).message, message);
    assert.match((await failure(repository.manifest(descriptor), reason)).message, message);
    await assertFree();
  });

test('a manifest that is refused for its type keeps what was found', async (t) => {
  const { repository, faults } = await pushed(t);
  faults.always(reads, delivered('application/json', '{"schemaVersion":2}'));
  const { cause } = await failure(repository.manifest(descriptor), 'artifact-refused');
  assert.ok(cause instanceof ManifestError);
});

test('another digest in the answer to a PUT is corrupt', async (t) => {
  const { client, faults } = await pushed(t);
  faults.once(/^PUT .*manifests/, wrongDigest);
  const repository = client.repository('a/b', 'push');
  await failure(repository.putManifest('v2', descriptor, image.bytes), 'corrupt');
  await repository.putManifest('v2', descriptor, image.bytes);
});

test('error bodies: capped, and printable', async (t) => {
  const { repository, faults, registry, assertFree } = await pushed(t);
  const nasty = 'a\u0007\u001b[31m\u202e\n2026 forged line'.padEnd(1_000, 'x');
  faults.once(reads, registryError(400, `C\u0000${'D'.repeat(100)}`, nasty));
  const { message, code } = await failure(repository.manifest(descriptor), 'protocol');
  assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u);
  assert.ok(message.length < 600 && code?.length === 64, message);
  faults.once(
    reads,
    change((given) => ({ ...given, status: 400, headers: {} })),
  );
  faults.once(reads, endless);
  await failure(repository.manifest(descriptor), 'protocol');
  faults.once(reads, (call, next) => endless(call, async () => ({ ...(await next()), status: 400 })));
  await failure(repository.manifest(descriptor), 'protocol');
  // What the sockets hold, at most.
  assert.ok((registry.requests.at(-1)?.bytesOut ?? Infinity) < 16 * 1024 * 1024);
  await assertFree();
});
