import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { summaryOf } from '../../src/cli/sync-summary.ts';
import { dockerList, manifestTypes, ociIndex } from '../../src/oci/media-type.ts';
import type { TagOutcome } from '../../src/sync/outcome.ts';
import { run } from '../integration/process.ts';
import type { LeapingClock } from '../registry/clock.ts';
import { Client } from '../support/client.ts';
import { rateLimited, registryError, unavailable } from '../support/fault.ts';
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
  nestedIndex,
  ociImage,
  rewritten,
} from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { schema1Image } from '../support/schema1.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { type SyncEnd, sync } from './stand.ts';
import { asked, HastyClock, startWatched, type Watched, writing } from './watched.ts';

/*
 * Copying, by the rows of the compatibility table: between two processes of CNCF Distribution 2.8, each row in a
 * repository of its own, several at the same time: registries mostly wait for their disk. Both take schema 1, as
 * registries did in 2020.
 */
let source: Watched;
let destination: Watched;
/** Like today's registries it takes no schema 1. */
let modern: Watched;
const endings: (() => void | Promise<void>)[] = [];
const file: Ending = { after: (end) => void endings.push(end) };

before(async () => {
  const [one, two, three] = await Promise.all([
    startWatched(file, { schema1: true }),
    startWatched(file, { schema1: true }),
    startWatched(file),
  ]);
  [source, destination, modern] = [one, two, three];
});

after(async () => {
  for (const end of endings.toReversed()) await end();
});

interface Done extends SyncEnd {
  /** The first tag's outcome. */
  tag: TagOutcome;
  /** What both were asked about the repositories, as `METHOD path`. */
  asked: { source: string[]; destination: string[] };
  /** What the destination was told to write. */
  written: string[];
  summary: string[];
  /** Waits. */
  slept: readonly number[];
}

interface How {
  flags?: readonly string[];
  /** Beside the tag `v1`; empty: all. */
  reference?: string;
  to?: string;
  at?: Watched;
  clock?: LeapingClock;
}

/** Copies `v1` of the repository to the same name, unless told otherwise. No wait takes time. */
async function copied(t: Ending, repository: string, how: How = {}): Promise<Done> {
  const { flags = [], reference = ':v1', to = repository, at = destination, clock = new HastyClock() } = how;
  const auth = { [source.host]: { insecure: true }, [at.host]: { insecure: true } };
  const images = { [`${source.host}/${repository}${reference}`]: `${at.host}/${to}` };
  const before = { source: asked(source, repository).length, destination: asked(at, to).length };
  const end = await sync(t, { files: { auth, images }, flags, clock });
  const [tag] = end.report.tags;
  assert.ok(tag, end.log.join('\n'));
  const requests = {
    source: asked(source, repository).slice(before.source),
    destination: asked(at, to).slice(before.destination),
  };
  const summary = summaryOf(end.report, { columns: false });
  return {
    ...end,
    tag,
    asked: requests,
    written: writing(requests.destination),
    summary,
    slept: clock.slept,
  };
}

async function textOf(at: Watched, repository: string, reference: string): Promise<string> {
  const headers = { accept: manifestTypes.join() };
  const path = `/v2/${repository}/manifests/${reference}`;
  return (await new Client(at.direct).expect(200, path, { headers })).body.toString();
}

/** The manifest is the same, byte for byte, and all below it is at the destination under its digest. */
async function assertSame(repository: string, reference = 'v1', to = repository): Promise<void> {
  assert.equal(await textOf(destination, to, reference), await textOf(source, repository, reference));
  await contentsOf(destination.direct, to, reference);
}

const amd64 = { architecture: 'amd64', os: 'linux' };
const armv7 = { architecture: 'arm', os: 'linux', variant: 'v7' };
const arm64v8 = { architecture: 'arm64', os: 'linux', variant: 'v8' };
/** Says nothing of its variant. */
const arm64 = { architecture: 'arm64', os: 'linux' };

function imagesFor(seed: string, platforms: readonly object[]): { image: Image; more: object }[] {
  return platforms.map((platform, index) => {
    return { image: dockerImage(`${seed} ${index}`, [300]), more: { platform } };
  });
}

/** Indented, with members that image-syncer's library does not know. */
const lists: Record<string, Image> = {
  'a Docker list': withMembers(dockerListOf(imagesFor('a list', [amd64, armv7])), { 'x-builder': 'a' }),
  'an OCI index': indexOf(imagesFor('an index', [amd64, armv7]), {
    mediaType: undefined,
    artifactType: 'application/vnd.example',
    annotations: { made: 'here' },
  }),
};

function withMembers(list: Image, more: object): Image {
  return {
    ...rewritten(list, JSON.stringify({ ...documentOf(list), ...more }, null, 3)),
    children: list.children,
  };
}

function documentOf({ bytes }: Image): { manifests: { digest: string }[]; annotations?: object } {
  return JSON.parse(Buffer.from(bytes).toString());
}

/** As image-syncer writes it: compact, in the order of Go's types, with a media type, without what it does not know. */
function afterImageSyncer(list: Image): Image {
  const { manifests, annotations } = documentOf(list);
  const { mediaType } = list.descriptor;
  const kept = { schemaVersion: 2, mediaType, manifests, ...(annotations && { annotations }) };
  return { ...rewritten(list, JSON.stringify(kept)), children: list.children };
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
      assert.deepEqual([code, tag.reason, written], [0, 'equivalent', [`PUT ${lost}`]]);
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
    assert.deepEqual(written, ['PUT row/43-blob/manifests/v2']);
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

  /** How often the destination was told to write the manifest. */
  function puts({ written }: Done): number {
    return written.filter((request) => request.startsWith('PUT ') && request.includes('/manifests/')).length;
  }

  describe('row 55: a PUT that fails', () => {
    const broken = unavailable();

    test('row 55: it succeeds in the next round', async (t) => {
      await push(source.direct, 'row/55', 'v1', ociImage('55'));
      // Within an attempt the request is sent twice.
      destination.faults.times(2, /^PUT .*row\/55\/manifests\/v1$/, broken);
      const done = await copied(t, 'row/55');
      assert.deepEqual([done.code, done.tag.outcome, done.tag.attempts, puts(done)], [0, 'copied', 2, 3]);
      const rounds = done.log.filter((line) => line.includes('msg="Start to retry tasks, please wait ..."'));
      assert.equal(rounds.length, 1);
      assert.ok(
        done.log.some((line) =>
          line.includes(`Failed to executed synchronizing manifest from ${done.tag.source}`),
        ),
      );
      assert.ok(done.slept.some((ms) => ms >= 500));
      await assertSame('row/55');
    });

    test('row 55: --retries N are N + 1 attempts', async (t) => {
      await push(source.direct, 'row/55-always', 'v1', ociImage('55'));
      destination.faults.always(/^PUT .*row\/55-always\/manifests\/v1$/, broken);
      for (const [retries, attempts] of [
        [0, 1],
        [3, 4],
        [-1, 1],
      ]) {
        const done = await copied(t, 'row/55-always', { flags: [`--retries=${retries}`] });
        assert.deepEqual([done.code, done.tag.attempts], [1, attempts]);
        const begun = done.asked.source.filter((request) => request === 'HEAD row/55-always/manifests/v1');
        assert.equal(begun.length, attempts);
        assert.equal(puts(done), 2 * (attempts ?? 0));
        assert.match(done.log.at(-1) ?? '', /Synchronization finished, 1 tasks failed, cost /);
      }
    });

    test('row 55: what cannot be mended by itself is tried once', async (t) => {
      await push(source.direct, 'row/55-denied', 'v1', ociImage('55'));
      const denied = registryError(403, 'DENIED', 'requested access to the resource is denied');
      destination.faults.always(/^PUT .*row\/55-denied\/manifests\/v1$/, denied);
      const done = await copied(t, 'row/55-denied', { flags: ['--retries=10'] });
      assert.deepEqual([done.code, done.tag.attempts, puts(done)], [1, 1, 1]);
      assert.equal(done.tag.reason, 'destination-denied');
    });

    test('row 55: the process ends with 1, and says on standard output that failed tasks exist', async (t) => {
      const folder = await temporaryFolder(t);
      await push(source.direct, 'row/55-process', 'v1', ociImage('55'));
      destination.faults.always(/^PUT .*row\/55-process\/manifests\/v1$/, broken);
      const auth = { [source.host]: { insecure: true }, [destination.host]: { insecure: true } };
      const images = { [`${source.host}/row/55-process:v1`]: `${destination.host}/row/55-process` };
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auth, images }));
      const { code, stdout, stderr } = await run(t, ['sync', '--config=config.json', '-r', '1'], {
        cwd: folder,
      });
      assert.equal(code, 1);
      const lines = stdout.split('\n');
      assert.match(
        lines[0] ?? '',
        /^failed .*row\/55-process:v1 -> .* gave up after 2 attempts: write v1 at the dest/,
      );
      assert.equal(lines.at(-1), 'failed tasks exist');
      assert.match(stderr, /Synchronization finished, 1 tasks failed, cost /);
      const sent = asked(destination, 'row/55-process').filter(
        (request) => request === 'PUT row/55-process/manifests/v1',
      );
      assert.equal(sent.length, 2 * 2);
    });
  });

  describe('row 56: 429', () => {
    test('row 56: its Retry-After is waited for within the attempt, at either end', async (t) => {
      await push(source.direct, 'row/56', 'v1', ociImage('56'));
      source.faults.once(/^HEAD .*row\/56\/manifests/, rateLimited('3'));
      source.faults.once(/^GET .*row\/56\/manifests/, rateLimited('5'));
      destination.faults.once(/^HEAD .*row\/56\/manifests/, rateLimited('7'));
      const { code, tag, log, slept } = await copied(t, 'row/56');
      assert.deepEqual([code, tag.outcome, tag.attempts], [0, 'copied', 1]);
      for (const seconds of [3, 5, 7]) assert.ok(slept.includes(seconds * 1000), slept.join());
      assert.ok(!log.some((line) => line.includes('Failed to executed')));
    });

    test('row 56: without Retry-After the waits grow', async (t) => {
      await push(source.direct, 'row/56-without', 'v1', ociImage('56'));
      source.faults.times(
        3,
        /^HEAD .*row\/56-without\/manifests/,
        registryError(429, 'TOOMANYREQUESTS', 'slow down'),
      );
      const { code, tag, slept } = await copied(t, 'row/56-without');
      assert.deepEqual([code, tag.attempts, slept], [0, 1, [100, 200, 400]]);
    });

    test('row 56: who goes on limiting has half a minute, as image-syncer gives it', async (t) => {
      await push(source.direct, 'row/56-long', 'v1', ociImage('56'));
      const refusal = registryError(429, 'TOOMANYREQUESTS', 'slow down');
      source.faults.times(8, /^HEAD .*row\/56-long\/manifests/, refusal);
      const { code, tag, slept } = await copied(t, 'row/56-long');
      assert.deepEqual([code, tag.outcome, tag.attempts], [0, 'copied', 3]);
      assert.deepEqual(
        slept.filter((ms) => ms > 1_000),
        [8_000, 8_000],
      );
    });

    test('row 56: a registry that wants to be left alone for an hour is not waited for', async (t) => {
      await push(source.direct, 'row/56-hour', 'v1', ociImage('56'));
      source.faults.always(/^HEAD .*row\/56-hour\/manifests/, rateLimited('3600'));
      const { code, tag, slept } = await copied(t, 'row/56-hour', { flags: ['--retries=5'] });
      assert.deepEqual([code, tag.outcome, tag.reason, tag.attempts], [1, 'failed', 'rate-limited', 1]);
      assert.deepEqual(slept, []);
    });
  });

  describe('row 60a: an exception that nobody foresaw', () => {
    /** Whoever is to wait before asking again meets a mistake of the program. */
    class Mistaken extends HastyClock {
      left = Number.POSITIVE_INFINITY;
      override random(): number {
        if (this.left-- > 0) throw new TypeError('chance is not a function');
        return super.random();
      }
    }

    for (const [what, left, attempts] of [
      ['in a copy is an attempt that failed, and the next one may succeed', 1, 2],
      ['where nobody catches it is a failed tag, and the run comes to its end', Number.POSITIVE_INFINITY, 1],
    ] as const)
      test(`row 60a: one ${what}`, async (t) => {
        const repository = `row/60a-${attempts}`;
        for (const tag of ['v1', 'v2']) await push(source.direct, repository, tag, ociImage(`60a ${tag}`));
        source.faults.once(new RegExp(`^HEAD .*${repository}/manifests/v1`), unavailable());
        const clock = new Mistaken();
        clock.left = left;
        const { code, report, tag, log, summary } = await copied(t, repository, { reference: '', clock });
        const isThere = attempts === 2;
        assert.deepEqual([code, report.counts.copied, tag.attempts], isThere ? [0, 2, 2] : [1, 1, 1]);
        assert.equal(tag.outcome, isThere ? 'copied' : 'failed');
        assert.ok(
          log.some((line) =>
            line.includes(`Failed to executed synchronizing manifest from ${tag.source} to `),
          ),
        );
        if (isThere) return;
        assert.equal(tag.reason, 'internal');
        assert.ok(summary[0]?.endsWith('  internal: chance is not a function'), summary[0]);
        assert.equal(summary.at(-1), 'failed tasks exist');
      });
  });
});
