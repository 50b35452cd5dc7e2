import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { dockerList, ociIndex } from '../../src/oci/media-type.ts';
import { Client } from '../support/client.ts';
import {
  blobOf,
  cosignSignature,
  cosignTag,
  dockerImage,
  dockerListOf,
  helmChart,
  type Image,
  indexOf,
  layer,
  multiPlatform,
  ociImage,
} from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { schema1Image } from '../support/schema1.ts';
import { wholeFile } from '../support/whole-file.ts';
import { startCopies, textOf } from './copied.ts';
import { amd64, arm64, arm64v8, armv7, documentOf, imagesFor } from './lists.ts';
import { startWatched } from './watched.ts';

/*
 * Kinds of artifacts and their platforms, by the rows of the compatibility table; each in a repository of its own.
 */
const file = wholeFile();
const { source, destination, copied, assertSame } = await startCopies(file);
/** Like today's registries it takes no schema 1. */
const modern = await startWatched(file);

describe('artifacts', { concurrency: 6 }, () => {
  describe('row 46: platforms', () => {
    const platforms = [amd64, armv7, arm64v8, arm64];
    const list = dockerListOf(imagesFor('46', platforms));
    const cases: [flags: string[], kept: number[]][] = [
      [['--arch', 'amd64'], [0]],
      [
        ['--arch', 'amd64', '--arch', 'arm64'],
        [0, 2, 3],
      ],
      // What does not say its variant is not excluded by one.
      [
        ['--arch', 'arm64:v8'],
        [2, 3],
      ],
      [['--arch', 'arm:v6', '--arch', 'amd64'], [0]],
    ];
    for (const [index, [flags, kept]] of cases.entries())
      test(`row 46: ${flags.join(' ')} makes a smaller list, the same each time`, async (t) => {
        const repository = `row/46-${index}`;
        const digest = await push(source.direct, repository, 'v1', list);
        const { code, tag, log } = await copied(t, repository, { flags });
        assert.deepEqual([code, tag.outcome, tag.digest], [0, 'copied', digest]);
        const children = documentOf(list).manifests;
        const text = await textOf(destination, repository, 'v1');
        const wanted = kept.map((place) => children[place]);
        assert.deepEqual(JSON.parse(text), { schemaVersion: 2, mediaType: dockerList, manifests: wanted });
        for (const [place, { digest: child }] of children.entries())
          assert.equal(
            await digestOfTag(destination.direct, repository, child),
            kept.includes(place) ? child : undefined,
          );
        assert.equal(await digestOfTag(destination.direct, repository, 'v1'), tag.destinationDigest);
        assert.ok(log.some((line) => /level=warning .*signatures of the whole ones do not fit/.test(line)));
        const again = await copied(t, repository, { flags });
        assert.deepEqual([again.tag.outcome, again.written], ['unchanged', []]);
      });

    test('row 46: a destination that has nothing yet gets the same digest in another run', async (t) => {
      await push(source.direct, 'row/46-twice', 'v1', list);
      const flags = ['--arch=arm64'];
      const [one, two] = [
        await copied(t, 'row/46-twice', { flags, to: 'row/46-one' }),
        await copied(t, 'row/46-twice', { flags, to: 'row/46-two' }),
      ];
      assert.deepEqual([one.tag.outcome, two.tag.outcome], ['copied', 'copied']);
      assert.equal(one.tag.destinationDigest, two.tag.destinationDigest);
    });

    test('row 46: where nothing fits, the tag is skipped, which is a success', async (t) => {
      await push(source.direct, 'row/46-none', 'v1', list);
      const { code, tag, log, summary, written } = await copied(t, 'row/46-none', {
        flags: ['--arch=s390x'],
      });
      assert.deepEqual([code, tag.outcome, tag.reason, written], [0, 'skipped', 'filtered', []]);
      assert.ok(log.some((line) => line.includes('no manifest fits platform filters')));
      assert.match(summary[0] ?? '', /^skipped .* no manifest fits platform filters$/);
    });

    test('row 46: --os and its version', async (t) => {
      const windows = ['10.0.17763.1', '10.0.20348.1'].map((version) => {
        return { architecture: 'amd64', os: 'windows', 'os.version': version };
      });
      const mixed = indexOf(imagesFor('46 windows', [amd64, ...windows]));
      await push(source.direct, 'row/46-os', 'v1', mixed);
      await copied(t, 'row/46-os', { flags: ['--os=linux', '--os=windows:10.0.20348.1'] });
      const { mediaType, manifests } = JSON.parse(await textOf(destination, 'row/46-os', 'v1'));
      const children = documentOf(mixed).manifests;
      assert.deepEqual([mediaType, manifests], [ociIndex, [children[0], children[2]]]);
    });
  });

  test('row 49: with another --arch a single Docker image is skipped, and a single OCI image is copied', async (t) => {
    await push(source.direct, 'row/49-docker', 'v1', dockerImage('49'));
    await push(source.direct, 'row/49-oci', 'v1', ociImage('49'));
    const flags = ['--arch=arm64'];
    const docker = await copied(t, 'row/49-docker', { flags });
    assert.deepEqual([docker.code, docker.tag.outcome, docker.tag.reason], [0, 'skipped', 'filtered']);
    assert.deepEqual(docker.written, []);
    assert.match(docker.summary[0] ?? '', /^skipped .* no manifest fits platform filters$/);
    const oci = await copied(t, 'row/49-oci', { flags });
    assert.deepEqual([oci.code, oci.tag.outcome], [0, 'copied']);
    await assertSame('row/49-oci');
    const fitting = await copied(t, 'row/49-docker', { flags: [...flags, '--arch=amd64'] });
    assert.deepEqual([fitting.code, fitting.tag.outcome], [0, 'copied']);
    await assertSame('row/49-docker');
  });

  describe('row 51: what image-syncer loses without a word', () => {
    const cached = layer('51 cache', 700);
    const shapes: Record<string, Image> = {
      'a Docker image without layers': dockerImage('51', []),
      'an OCI image without layers': ociImage('51', { layers: [] }),
      'an index of nothing': indexOf([]),
      'an index of layers, as BuildKit keeps its cache': {
        ...indexOf([{ image: { ...ociImage('51'), descriptor: cached.descriptor } }]),
        blobs: [cached, blobOf('{}', 'application/vnd.buildkit.cacheconfig.v0')],
        children: [],
      },
    };
    for (const [index, [what, image]] of Object.entries(shapes).entries())
      test(`row 51: ${what} is copied`, async (t) => {
        const repository = `row/51-${index}`;
        await push(source.direct, repository, 'v1', image);
        const { code, tag } = await copied(t, repository);
        assert.deepEqual([code, tag.outcome], [0, 'copied']);
        await assertSame(repository);
      });

    test('row 51: an index with a child of a type that cannot be read is a failure, and the others are copied', async (t) => {
      const mediaType = 'application/vnd.example.manifest.v1+json';
      const strange = indexOf([{ image: ociImage('51 child'), more: { mediaType } }]);
      await push(source.direct, 'row/51-strange', 'v1', strange);
      await push(source.direct, 'row/51-strange', 'v2', ociImage('51 plain'));
      const { code, tag, log, report, summary } = await copied(t, 'row/51-strange', { reference: '' });
      assert.deepEqual([code, report.counts.copied, report.counts.failed], [1, 1, 1]);
      assert.deepEqual([tag.outcome, tag.reason], ['failed', 'not-found']);
      const child = strange.children[0]?.descriptor.digest ?? '';
      assert.ok(summary[0]?.startsWith(`failed ${tag.source} -> `) && summary[0].includes(child), summary[0]);
      assert.ok(
        log.some((line) => line.includes(`Failed to executed synchronizing manifest from ${tag.source}`)),
      );
      assert.equal(await digestOfTag(destination.direct, 'row/51-strange', 'v1'), undefined);
      await assertSame('row/51-strange', 'v2');
    });
  });

  describe('row 52: attestations, charts and signatures', () => {
    test('row 52: attestations go with their index, and not with a filter', async (t) => {
      const index = multiPlatform('52', 'empty');
      await push(source.direct, 'row/52', 'v1', index);
      await copied(t, 'row/52');
      await assertSame('row/52');
      for (const flags of [['--os=linux'], ['--arch=amd64', '--arch=arm64']]) {
        const { tag } = await copied(t, 'row/52', { flags, to: 'row/52-filtered' });
        const { manifests } = JSON.parse(await textOf(destination, 'row/52-filtered', 'v1'));
        assert.deepEqual(manifests, documentOf(index).manifests.slice(0, 2));
        assert.notEqual(tag.destinationDigest, undefined);
      }
    });

    test('row 52: a chart and a signature are copied byte for byte, whatever the filter', async (t) => {
      const image = ociImage('52 signed');
      const signature = cosignTag(image.descriptor.digest);
      await push(source.direct, 'row/52-chart', '0.1.0', helmChart('52'));
      await push(source.direct, 'row/52-chart', signature, cosignSignature(image));
      const { code, report } = await copied(t, 'row/52-chart', { reference: '', flags: ['--arch=s390x'] });
      assert.deepEqual([code, report.counts.copied], [0, 2]);
      for (const tag of ['0.1.0', signature]) await assertSame('row/52-chart', tag);
    });
  });

  describe('row 54: schema 1', () => {
    const image = schema1Image('row/54', 'v1');

    before(() => push(source.direct, 'row/54', 'v1', image));

    test('row 54: it is copied byte for byte where it is taken, and is unchanged then', async (t) => {
      const { code, tag } = await copied(t, 'row/54');
      assert.deepEqual([code, tag.outcome], [0, 'copied']);
      // Distribution takes the signatures off and signs anew with a key of its own; the digest is of the rest.
      const { signatures: _, ...payload } = JSON.parse(await textOf(destination, 'row/54', 'v1'));
      assert.deepEqual(payload, JSON.parse(image.payload.toString()));
      assert.equal(await digestOfTag(destination.direct, 'row/54', 'v1'), image.descriptor.digest);
      for (const { descriptor } of image.blobs)
        await new Client(destination.direct).expect(200, `/v2/row/54/blobs/${descriptor.digest}`);
      const again = await copied(t, 'row/54');
      assert.deepEqual([again.code, again.tag.outcome, again.written], [0, 'unchanged', []]);
    });

    test('row 54: of the filters only --arch applies', async (t) => {
      const os = await copied(t, 'row/54', { flags: ['--os=windows'], to: 'row/54-os' });
      assert.deepEqual([os.code, os.tag.outcome], [0, 'copied']);
      const arch = await copied(t, 'row/54', { flags: ['--arch=arm64'], to: 'row/54-arch' });
      assert.deepEqual([arch.code, arch.tag.outcome, arch.tag.reason], [0, 'skipped', 'filtered']);
      assert.deepEqual(arch.written, []);
    });

    test('row 54: a registry that takes none refuses it, and the failure says why', async (t) => {
      const { code, tag, summary } = await copied(t, 'row/54', { at: modern });
      assert.deepEqual([code, tag.outcome, tag.reason, tag.attempts], [1, 'failed', 'artifact-refused', 1]);
      assert.match(summary[0] ?? '', /^failed .*  artifact-refused: write v1 at the destination: PUT /);
      assert.match(summary[0] ?? '', /it takes no Docker schema 1, it seems: push the image again/);
      assert.equal(summary.at(-1), 'failed tasks exist');
    });
  });
});
