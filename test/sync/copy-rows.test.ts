import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from '../support/client.ts';
import { registryError } from '../support/fault.ts';
import {
  dockerImage,
  dockerListOf,
  type Image,
  indexOf,
  multiPlatform,
  nestedIndex,
  ociImage,
  rewritten,
} from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { wholeFile } from '../support/whole-file.ts';
import { startCopies } from './copied.ts';
import { afterImageSyncer, amd64, documentOf, imagesFor, lists } from './lists.ts';

/*
 * Copying, by the rows of the compatibility table: what is there already, what fails, and indexes. Each row has a
 * repository of its own, several at the same time: registries mostly wait for their disk.
 */
const { source, destination, copied, assertSame } = await startCopies(wholeFile());

/** Without the questions that would have been the beginning of an upload. */
function sent(written: readonly string[]): string[] {
  return written.filter((line) => !line.startsWith('POST'));
}

describe('copying', { concurrency: 6 }, () => {
  describe('row 41: unchanged', () => {
    test('row 41: a second run finds every tag unchanged and writes nothing', async (t) => {
      for (const [tag, image] of Object.entries({ a: ociImage('41 a'), b: multiPlatform('41 b') }))
        await push(source.direct, 'row/41', tag, image);
      const first = await copied(t, 'row/41', { reference: '' });
      assert.deepEqual([first.code, first.report.counts.copied], [0, 2]);
      const { code, report, log, summary, asked } = await copied(t, 'row/41', { reference: '' });
      assert.deepEqual([code, report.counts.unchanged, report.bytes], [0, 2, 0]);
      assert.deepEqual(asked.source.toSorted(), [
        'GET row/41/tags/list',
        'HEAD row/41/manifests/a',
        'HEAD row/41/manifests/b',
      ]);
      assert.deepEqual(asked.destination.toSorted(), ['HEAD row/41/manifests/a', 'HEAD row/41/manifests/b']);
      assert.equal(log.filter((line) => line.includes('msg="Finish synchronizing manifest from ')).length, 2);
      assert.match(summary.at(-1) ?? '', /; nothing to do$/);
    });

    for (const [index, [what, list]] of Object.entries(lists).entries())
      test(`row 41: ${what} that image-syncer wrote stays as it is, but not with --strict or --force`, async (t) => {
        const repository = `row/41-${index}`;
        const digest = await push(source.direct, repository, 'v1', list);
        const old = afterImageSyncer(list);
        for (const flag of ['--strict', '--force']) {
          await push(destination.direct, repository, 'v1', old);
          const kept = await copied(t, repository);
          assert.deepEqual([kept.code, kept.written], [0, []]);
          assert.partialDeepStrictEqual(kept.tag, {
            outcome: 'unchanged',
            reason: 'equivalent',
            digest,
            destinationDigest: old.descriptor.digest,
          });
          assert.equal(await digestOfTag(destination.direct, repository, 'v1'), old.descriptor.digest);
          const { code, tag } = await copied(t, repository, { flags: [flag] });
          assert.deepEqual([code, tag.outcome, tag.destinationDigest], [0, 'copied', undefined]);
          await assertSame(repository);
        }
      });

    test('row 41: so it does where tags are immutable, and --strict says that they are', async (t) => {
      const list = lists['a Docker list'];
      assert.ok(list);
      await push(source.direct, 'row/41-immutable', 'v1', list);
      const old = await push(destination.direct, 'row/41-immutable', 'v1', afterImageSyncer(list));
      const refusal = 'The requested tag already exists and cannot be overwritten.';
      destination.faults.always(
        /^PUT .*row\/41-immutable\/manifests\/v1$/,
        registryError(403, 'DENIED', refusal),
      );
      assert.deepEqual((await copied(t, 'row/41-immutable')).code, 0);
      const { code, tag, written, summary } = await copied(t, 'row/41-immutable', { flags: ['--strict'] });
      assert.deepEqual([code, tag.reason, tag.attempts], [1, 'destination-immutable', 1]);
      assert.deepEqual(written, ['PUT row/41-immutable/manifests/v1']);
      assert.match(summary[0] ?? '', /^failed .*cannot be overwritten/);
      assert.equal(await digestOfTag(destination.direct, 'row/41-immutable', 'v1'), old);
    });

    test('row 41: of an equal list the children that are missing are sent, and the tag stays', async (t) => {
      const list = lists['an OCI index'];
      assert.ok(list);
      await push(source.direct, 'row/41-part', 'v1', list);
      const old = await push(destination.direct, 'row/41-part', 'v1', afterImageSyncer(list));
      const lost = `row/41-part/manifests/${list.children[1]?.descriptor.digest}`;
      await new Client(destination.direct).expect(202, `/v2/${lost}`, { method: 'DELETE' });
      const { code, tag, written } = await copied(t, 'row/41-part');
      assert.deepEqual([code, tag.reason, sent(written)], [0, 'equivalent', [`PUT ${lost}`]]);
      assert.equal(await digestOfTag(destination.direct, 'row/41-part', 'v1'), old);
      assert.equal((await contentsOf(destination.direct, 'row/41-part', 'v1')).length, 1 + 2 * 3);
    });

    test('row 41: an image in another layout stays', async (t) => {
      const image = dockerImage('41 layout', [300]);
      await push(source.direct, 'row/41-image', 'v1', image);
      const compact = rewritten(image, JSON.stringify(documentOf(image)));
      const old = await push(destination.direct, 'row/41-image', 'v1', compact);
      const { code, tag, written } = await copied(t, 'row/41-image');
      assert.deepEqual([code, tag.reason, tag.destinationDigest, written], [0, 'equivalent', old, []]);
    });
  });

  test('row 43: with --force the manifest is written again and no blob, and the log says so', async (t) => {
    await push(source.direct, 'row/43', 'v1', ociImage('43'));
    const first = await copied(t, 'row/43');
    assert.ok(!first.log.some((line) => line.includes('ignore exist blob')));
    const { code, tag, log, written } = await copied(t, 'row/43', { flags: ['--force'] });
    assert.deepEqual([code, tag.outcome, tag.bytes], [0, 'copied', 0]);
    assert.deepEqual(tag.blobs, { copied: 0, mounted: 0, skipped: 3 });
    assert.deepEqual(written, ['PUT row/43/manifests/v1']);
    assert.ok(
      log.some((line) => line.includes(`to ${tag.destination}: ignore exist blob (3 of 3). Now 2/2`)),
    );
  });

  test('row 43: a blob that the repository has by another tag is not sent', async (t) => {
    const shared = [800, 600];
    await push(source.direct, 'row/43-blob', 'v1', ociImage('43 shared', { layers: shared }));
    await push(
      source.url,
      'row/43-blob',
      'v2',
      ociImage('43 shared', { layers: shared, more: { annotations: {} } }),
    );
    await copied(t, 'row/43-blob');
    const { tag, written } = await copied(t, 'row/43-blob', { reference: ':v2' });
    assert.deepEqual([tag.outcome, tag.blobs.skipped], ['copied', 3]);
    assert.deepEqual(sent(written), ['PUT row/43-blob/manifests/v2']);
  });

  describe('row 44: a destination that fails is not one that has nothing', () => {
    test('row 44: a 500 to the question for a manifest is asked again', async (t) => {
      await push(source.direct, 'row/44', 'v1', ociImage('44'));
      await copied(t, 'row/44');
      destination.faults.times(6, /^HEAD .*row\/44\/manifests/, registryError(500, 'UNKNOWN', 'broken'));
      const { code, tag, log, written } = await copied(t, 'row/44');
      assert.deepEqual([code, tag.outcome, written], [0, 'unchanged', []]);
      assert.equal(tag.attempts, 2);
      assert.ok(log.some((line) => line.includes('Start to retry tasks, please wait ...')));
    });

    test('row 44: a 500 each time is a failure, and nothing is written', async (t) => {
      await push(source.direct, 'row/44-always', 'v1', ociImage('44'));
      destination.faults.always(/^HEAD .*row\/44-always\/manifests/, registryError(500, 'UNKNOWN', 'broken'));
      const { code, tag, summary, written } = await copied(t, 'row/44-always');
      assert.deepEqual([code, tag.reason, tag.attempts, written], [1, 'unreachable', 3, []]);
      assert.match(summary[0] ?? '', /^failed .* resolve v1 at the destination: HEAD .* answered 500/);
    });

    test('row 44: so is a 500 to the manifest itself', async (t) => {
      const list = lists['an OCI index'];
      assert.ok(list);
      await push(source.direct, 'row/44-get', 'v1', list);
      await push(destination.direct, 'row/44-get', 'v1', afterImageSyncer(list));
      destination.faults.always(/^GET .*row\/44-get\/manifests/, registryError(500, 'UNKNOWN', 'broken'));
      const { code, tag, written } = await copied(t, 'row/44-get');
      assert.deepEqual([code, tag.reason, written], [1, 'unreachable', []]);
    });
  });

  describe('row 45: an index keeps its bytes', () => {
    const inner = dockerListOf(imagesFor('45 inner', [amd64]));
    const shapes: Record<string, Image> = {
      ...lists,
      'an index with attestations': multiPlatform('45'),
      'an index within an index': nestedIndex('45'),
      'a Docker list in an OCI index, beside images of both kinds': indexOf([
        { image: inner },
        { image: ociImage('45 oci') },
        { image: dockerImage('45 docker') },
      ]),
    };
    for (const [index, [what, image]] of Object.entries(shapes).entries())
      test(`row 45: ${what}, by its tag and by its digest`, async (t) => {
        const repository = `row/45-${index}`;
        const digest = await push(source.direct, repository, 'v1', image);
        const byTag = await copied(t, repository);
        assert.deepEqual([byTag.code, byTag.tag.outcome, byTag.tag.digest], [0, 'copied', digest]);
        assert.equal(byTag.tag.destinationDigest, undefined);
        await assertSame(repository);
        const byDigest = await copied(t, repository, {
          reference: `@${digest}`,
          to: `${repository}/by-digest`,
        });
        assert.deepEqual([byDigest.code, byDigest.tag.outcome], [0, 'copied']);
        await assertSame(repository, digest, `${repository}/by-digest`);
      });
  });
});
