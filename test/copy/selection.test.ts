import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CopyError } from '../../src/copy/error.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import { dockerManifest } from '../../src/oci/media-type.ts';
import { wrongBytes } from '../support/connection-fault.ts';
import { registryError, unavailable } from '../support/fault.ts';
import {
  type Image,
  blobOf,
  dockerImage,
  indexOf,
  ociImage,
  ociImageOf,
  rewritten,
} from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { startStand } from './stand.ts';

/* What real registries seldom do: the manifests and configs that a choice hangs on are broken, hostile or gone. */

const platforms = parsePlatforms({ os: ['linux'], arch: ['arm64'] });
const chosen = platforms ? { platforms } : {};

async function failsWith(copied: Promise<unknown>, reason: string, side: string, message: RegExp) {
  await assert.rejects(copied, (error) => {
    assert.ok(error instanceof CopyError, String(error));
    assert.deepEqual([error.reason, error.side], [reason, side]);
    assert.match(error.message, message);
    return true;
  });
}

/** A Docker image with this config, said to be of `size` bytes. */
function imageWith(text: string, size?: number): Image {
  const config = blobOf(text, 'application/vnd.docker.container.image.v1+json');
  const image = ociImageOf(config, []);
  const document = { ...JSON.parse(Buffer.from(image.bytes).toString()), mediaType: dockerManifest };
  if (size !== undefined) document.config.size = size;
  const { bytes, descriptor } = rewritten(image, JSON.stringify(document));
  return { ...image, bytes, descriptor: { ...descriptor, mediaType: dockerManifest } };
}

test('row 49: a config with other bytes than those of its digest is not believed', async (t) => {
  const { source, destination, copy } = await startStand(t);
  await push(source.url, 'app', 'v1', dockerImage('corrupt'));
  source.faults.always(/^GET .*blobs/, wrongBytes);
  await failsWith(copy('v1', chosen), 'corrupt', 'source', /^read config sha256:/);
  assert.deepEqual(destination.seen(/^(PUT|POST)/), []);
});

test('row 49: a config too large to be one is not read', async (t) => {
  const { source, copy } = await startStand(t);
  await push(source.url, 'app', 'v1', imageWith('{"os":"windows"}', 9_000_000));
  await failsWith(copy('v1', chosen), 'artifact-refused', 'source', /expected at most 8388608 bytes/);
  assert.deepEqual(source.seen(/^GET .*blobs/), []);
});

for (const text of ['{"os":"linux"}', '{"os":"","architecture":null}', '[]', 'no JSON'])
  test(`row 49: a config that says ${text} excludes nothing`, async (t) => {
    const { source, copy } = await startStand(t);
    await push(source.url, 'app', 'v1', imageWith(text));
    assert.equal((await copy('v1', chosen)).outcome, 'copied');
  });

test('row 46: an index nested too deep is refused, also where it is to be reduced', async (t) => {
  const { source, destination, copy } = await startStand(t);
  let image = ociImage('deep', { layers: [] });
  for (let depth = 0; depth < 10; depth++) image = indexOf([{ image }]);
  await push(source.url, 'app', 'v1', image);
  await failsWith(copy('v1', chosen), 'artifact-refused', 'source', /at most 8 levels/);
  assert.deepEqual(destination.seen(/manifests/), []);
});

test('row 46: an index that JSON cannot be made of again is refused', async (t) => {
  const { source, copy } = await startStand(t);
  const child = { image: ociImage('child', { layers: [] }), more: { platform: { os: 'windows' } } };
  const index = indexOf([child, { image: ociImage('other', { layers: [] }) }]);
  const deep = `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)},`;
  const text = Buffer.from(index.bytes).toString().replace('{', deep);
  await push(source.url, 'app', 'v1', rewritten(index, text));
  await failsWith(copy('v1', chosen), 'artifact-refused', 'source', /^read sha256:.*index sha256:/);
});

test('row 41: a destination that has lost what its tag names is written', async (t) => {
  const { source, destination, copy } = await startStand(t);
  const digest = await push(source.url, 'app', 'v1', dockerImage('new'));
  await push(destination.url, 'mirror/app', 'v1', dockerImage('old'));
  destination.faults.once(/^GET .*manifests/, registryError(404, 'MANIFEST_UNKNOWN', 'lost'));
  assert.deepEqual(await copy('v1', { equivalent: true }), { outcome: 'copied', digest, moved: false });
  assert.equal(destination.faults.pending, 0);
});

test('row 44: a destination that fails when it is read is a failure, not an absence', async (t) => {
  const { source, destination, copy } = await startStand(t);
  await push(source.url, 'app', 'v1', dockerImage('new'));
  const old = await push(destination.url, 'mirror/app', 'v1', dockerImage('old'));
  destination.faults.always(/^GET .*manifests/, unavailable());
  await failsWith(copy('v1', { equivalent: true }), 'unreachable', 'destination', /^read sha256:/);
  destination.faults.clear();
  assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), old);
});
