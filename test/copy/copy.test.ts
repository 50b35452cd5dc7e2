import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CopyError, type Reason, type Side } from '../../src/copy/error.ts';
import { registryError, unavailable, wrongDigest } from '../support/fault.ts';
import { stall, stalledBody, wrongBytes } from '../support/connection-fault.ts';
import { type Image, indexOf, multiPlatform, nestedIndex, ociImage } from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { type End, startStand } from './stand.ts';

/** What was written at the destination, in order: `blob`, the digest of a child, or the tag. */
function writes({ seen }: End): string[] {
  return seen(/^PUT /).map((line) => {
    const reference = line.slice(line.lastIndexOf('/') + 1);
    return line.includes('/blobs/') ? 'blob' : reference;
  });
}

function failure(reason: Reason, side: Side, operation: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CopyError, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.equal(error.side, side);
    assert.match(error.operation, operation);
    assert.ok(error.message.startsWith(`${error.operation} at the ${side}: `), error.message);
    assert.ok(error.cause instanceof Error);
    return true;
  };
}

/** What garbage collection can take away under a copy, and how its absence is told. */
const deletions: readonly [string, RegExp, string][] = [
  ['the root', /^GET .*manifests\/sha256/, 'MANIFEST_UNKNOWN'],
  ['a blob', /^GET .*blobs/, 'BLOB_UNKNOWN'],
];

describe('order', () => {
  test('blobs, then children by digest, then the root by its tag', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const image = multiPlatform('order', 'empty');
    await push(source.url, 'app', 'v1', image);
    await copy('v1');
    const written = writes(destination);
    const children = image.children.map(({ descriptor }) => descriptor.digest);
    assert.deepEqual(
      written.filter((what) => what !== 'blob'),
      [...children, 'v1'],
    );
    assert.equal(written.indexOf('v1'), written.length - 1);
    // Each child's blobs are there before the child is.
    for (const child of children) assert.ok(written.lastIndexOf('blob', written.indexOf(child)) >= 0);
  });

  test('a nested index: from the innermost out', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const image = nestedIndex('order');
    await push(source.url, 'app', 'v1', image);
    await copy('v1');
    const [inner, outer] = image.children;
    assert.deepEqual(
      writes(destination).filter((what) => what !== 'blob'),
      [inner?.children[0]?.descriptor.digest, inner?.descriptor.digest, outer?.descriptor.digest, 'v1'],
    );
  });

  test('a failure in the middle leaves no tag', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const image = multiPlatform('half');
    await push(source.url, 'app', 'v1', image);
    const last = image.children.at(-1)?.descriptor.digest ?? '';
    destination.faults.always(new RegExp(`^PUT .*/manifests/${last}`), unavailable());
    await assert.rejects(copy('v1'), failure('unreachable', 'destination', /^write sha256:/));
    assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), undefined);
    destination.faults.clear();
    assert.equal((await copy('v1')).outcome, 'copied');
    assert.deepEqual(
      await contentsOf(destination.url, 'mirror/app', 'v1'),
      await contentsOf(source.url, 'app', 'v1'),
    );
  });
});

describe('what is not done', () => {
  test('an unchanged tag costs one request at each end', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const digest = await push(source.url, 'app', 'v1', multiPlatform('unchanged'));
    await copy('v1');
    const before = [source, destination].map(({ registry }) => registry.requests.length);
    assert.deepEqual(await copy('v1'), { outcome: 'unchanged', digest });
    const after = [source, destination].map(({ registry }) => registry.requests.length);
    assert.deepEqual(
      after.map((count, index) => count - (before[index] ?? 0)),
      [1, 1],
    );
  });

  test('a tag that is gone touches nothing', async (t) => {
    const { destination, copy } = await startStand(t);
    assert.deepEqual(await copy('v1'), { outcome: 'source-gone' });
    assert.deepEqual(destination.seen(/mirror/), []);
  });

  for (const [what, path, code] of deletions)
    test(`a tag that goes, and ${what} with it, while it is copied`, async (t) => {
      const { source, destination, copy } = await startStand(t);
      await push(source.url, 'app', 'v1', multiPlatform('going'));
      source.faults.once(path, async (call, next) => {
        source.faults.always(/manifests\/v1$/, registryError(404, 'MANIFEST_UNKNOWN', 'no such tag'));
        return registryError(404, code, 'collected as garbage')(call, next);
      });
      assert.deepEqual(await copy('v1'), { outcome: 'source-gone' });
      assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), undefined);
      assert.equal(source.faults.pending, 0);
    });

  for (const [what, path, code] of deletions)
    test(`a tag that moves, its old image gone down to ${what}: the copy begins again from the tag`, async (t) => {
      const { source, destination, copy } = await startStand(t);
      await push(source.url, 'app', 'v1', multiPlatform('old'));
      const newer = ociImage('newer');
      const { digest } = newer.descriptor;
      source.faults.once(path, async (call, next) => {
        await push(source.url, 'app', 'v1', newer);
        return registryError(404, code, 'collected as garbage')(call, next);
      });
      const resolved: string[] = [];
      const onResolved = (one: string) => resolved.push(one);
      assert.deepEqual(await copy('v1', { onResolved }), { outcome: 'copied', digest, moved: false });
      assert.deepEqual([resolved.length, resolved[1]], [2, digest]);
      assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), digest);
    });

  test('a tag whose image is incomplete as long as it stands: a failure, however often it moves', async (t) => {
    const { source, copy } = await startStand(t);
    await push(source.url, 'app', 'v1', ociImage('incomplete'));
    source.faults.always(/^GET .*blobs/, registryError(404, 'BLOB_UNKNOWN', 'lost'));
    await assert.rejects(copy('v1'), failure('not-found', 'source', /read blob/));
    assert.equal(source.seen(/^HEAD .*manifests\/v1$/).length, 2);
    let images = 0;
    source.faults.clear();
    source.faults.always(/^GET .*manifests\/sha256/, async (call, next) => {
      await push(source.url, 'app', 'v1', ociImage(`moving ${++images}`));
      return registryError(404, 'MANIFEST_UNKNOWN', 'no such manifest')(call, next);
    });
    await assert.rejects(copy('v1'), failure('not-found', 'source', /read sha256/));
    assert.equal(images, 3);
  });

  test('children that are there are not written again', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const [one, two, three] = ['one', 'two', 'three'].map((seed) => ({ image: ociImage(seed) }));
    assert.ok(one && two && three);
    await push(source.url, 'app', 'v1', indexOf([one, two]));
    await push(source.url, 'app', 'v2', indexOf([one, three]));
    await copy('v1');
    const before = writes(destination).length;
    await copy('v2');
    const written = writes(destination).slice(before);
    assert.deepEqual(
      written.filter((what) => what !== 'blob'),
      [three.image.descriptor.digest, 'v2'],
    );
  });

  test('forced, manifests are written again, and blobs that are there are not', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const image = multiPlatform('forced');
    await push(source.url, 'app', 'v1', image);
    await copy('v1');
    const before = writes(destination).length;
    assert.equal((await copy('v1', { force: true })).outcome, 'copied');
    const children = image.children.map(({ descriptor }) => descriptor.digest);
    assert.deepEqual(writes(destination).slice(before), [...children, 'v1']);
  });
});

describe('a tag that moves meanwhile', () => {
  test('is told, and what was copied is whole', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const digest = await push(source.url, 'app', 'v1', ociImage('old'));
    destination.faults.once(/^PUT .*\/manifests\/v1/, async (_call, next) => {
      await push(source.url, 'app', 'v1', ociImage('new'));
      return next();
    });
    assert.deepEqual(await copy('v1'), { outcome: 'copied', digest, moved: true });
    assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), digest);
    assert.deepEqual(await copy('v1'), {
      outcome: 'copied',
      digest: ociImage('new').descriptor.digest,
      moved: false,
    });
  });

  test('is copied as it was when it was resolved', async (t) => {
    const { source, copy } = await startStand(t);
    const digest = await push(source.url, 'app', 'v1', ociImage('old'));
    source.faults.once(/^GET .*\/manifests\//, async (_call, next) => {
      await push(source.url, 'app', 'v1', ociImage('new'));
      return next();
    });
    assert.deepEqual(await copy('v1'), { outcome: 'copied', digest, moved: true });
  });
});

describe('failures name step, side and reason', () => {
  test('a destination that took the manifest but shows another', async (t) => {
    const { source, destination, copy } = await startStand(t);
    await push(source.url, 'app', 'v1', ociImage('one'));
    // The second look at the tag is the one after the write.
    destination.faults.once(/^HEAD .*\/manifests\/v1/, (_call, next) => next());
    destination.faults.always(/^HEAD .*\/manifests\/v1/, wrongDigest);
    await assert.rejects(copy('v1'), failure('corrupt', 'destination', /^read back v1$/));
  });

  test('a source whose blob is not what it is called', async (t) => {
    const { source, destination, copy } = await startStand(t);
    await push(source.url, 'app', 'v1', ociImage('one'));
    source.faults.always(/^GET .*\/blobs\//, wrongBytes);
    await assert.rejects(copy('v1'), failure('corrupt', 'destination', /^write blob sha256:/));
    assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), undefined);
  });

  test('a source whose HEAD names what it does not have: as where the manifest itself was asked for', async (t) => {
    const { source, copy } = await startStand(t);
    await push(source.url, 'app', 'v1', ociImage('one'));
    source.faults.always(/^(HEAD|GET) .*\/manifests\/v1/, wrongDigest);
    await assert.rejects(copy('v1', { news: true }), failure('corrupt', 'source', /^resolve v1$/));
    await assert.rejects(copy('v1'), failure('corrupt', 'source', /^resolve v1$/));
  });

  test('a source that has lost a blob', async (t) => {
    const { source, copy } = await startStand(t);
    const image = ociImage('one');
    await push(source.url, 'app', 'v1', image);
    const lost = image.blobs[1]?.descriptor.digest ?? '';
    source.faults.always(new RegExp(`^GET .*${lost}`), async () => ({ status: 404, headers: {} }));
    await assert.rejects(copy('v1'), failure('not-found', 'source', new RegExp(`^read blob ${lost}$`)));
  });

  test('a source that is down', async (t) => {
    const { source, copy } = await startStand(t);
    source.faults.always(/manifests/, unavailable());
    await assert.rejects(copy('v1'), failure('unreachable', 'source', /^resolve v1$/));
  });

  test('a manifest that cannot be read', async (t) => {
    const { source, copy } = await startStand(t);
    const document = { schemaVersion: 2, config: 'not a descriptor', layers: [] };
    const bytes = Buffer.from(JSON.stringify(document));
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    source.faults.always(/manifests/, async () => ({
      status: 200,
      headers: { 'content-type': mediaType },
      body: bytes,
    }));
    await assert.rejects(copy('v1'), failure('artifact-refused', 'source', /^read sha256:/));
  });
});

describe('hostile graphs', () => {
  /** An index around it, so many times. */
  function nested(image: Image, depth: number): Image {
    return depth === 0 ? image : nested(indexOf([{ image }]), depth - 1);
  }

  test('eight levels are taken, nine are not', async (t) => {
    const { source, destination, copy } = await startStand(t);
    await push(source.url, 'app', 'v8', nested(ociImage('deep'), 8));
    await push(source.url, 'app', 'v9', nested(ociImage('deep'), 9));
    assert.equal((await copy('v8')).outcome, 'copied');
    await assert.rejects(
      copy('v9', { force: true }),
      failure('artifact-refused', 'source', /^read the index$/),
    );
    assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v9'), undefined);
  });

  test('more manifests than anybody needs', async (t) => {
    const { source, copy } = await startStand(t);
    const one = { image: ociImage('one', { layers: [] }) };
    const many = indexOf(Array.from({ length: 101 }, () => one));
    const tooMany = indexOf(Array.from({ length: 50 }, () => ({ image: many })));
    await push(source.url, 'app', 'v1', { ...tooMany, children: [{ ...many, children: [one.image] }] });
    await assert.rejects(
      copy('v1', { force: true }),
      failure('artifact-refused', 'source', /^read the index$/),
    );
  });
});

describe('an abort in the middle', () => {
  test('stops both ends and leaves no tag', async (t) => {
    const { source, destination, copy } = await startStand(t);
    const image = ociImage('slow', { layers: [200_000] });
    await push(source.url, 'app', 'v1', image);
    const forever = new Promise<never>(() => undefined);
    source.faults.always(/^GET .*\/blobs\//, stalledBody(100_000, forever));
    const begun = Promise.withResolvers<void>();
    destination.faults.always(/^PUT .*\/blobs\/uploads/, (_call, next) => (begun.resolve(), next()));
    const controller = new AbortController();
    const copied = copy('v1', { signal: controller.signal });
    await begun.promise;
    const reason = new Error('that is enough');
    controller.abort(reason);
    await assert.rejects(copied, (error) => error === reason);
    assert.equal(await digestOfTag(destination.url, 'mirror/app', 'v1'), undefined);
    source.faults.clear();
    assert.equal((await copy('v1')).outcome, 'copied');
  });

  test('while an answer is awaited', async (t) => {
    const { source, copy } = await startStand(t);
    const arrived = Promise.withResolvers<void>();
    const forever = new Promise<never>(() => undefined);
    source.faults.always(/^HEAD /, (call, next) => (arrived.resolve(), stall(forever)(call, next)));
    const controller = new AbortController();
    const copied = copy('v1', { signal: controller.signal });
    await arrived.promise;
    controller.abort(new Error('that is enough'));
    await assert.rejects(copied, /that is enough/);
  });
});
