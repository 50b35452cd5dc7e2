import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type BlobCounts, BlobTraffic } from '../../src/copy/blob.ts';
import { copy, type CopyRequest, type CopyResult } from '../../src/copy/copy.ts';
import { CopyError } from '../../src/copy/error.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { dockerList, ociIndex } from '../../src/oci/media-type.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { clientOf } from '../registry/stand.ts';
import { Client } from '../support/client.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import {
  type Image,
  dockerImage,
  dockerListOf,
  helmChart,
  indexOf,
  layer,
  multiPlatform,
  ociImage,
  rewritten,
} from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';
import { wholeFile } from '../support/whole-file.ts';

/*
 * Rows of the compatibility table between two processes of CNCF Distribution 2.8. Each test has a repository of its
 * own, and knows what was sent to either end.
 */
let source: End;
let destination: End;
const file = wholeFile();

interface End {
  url: string;
  client: Registry;
  /** Methods of the requests since this was last asked. */
  sent(): string[];
}

async function startEnd(): Promise<End> {
  const { url } = await startDockerRegistry(file);
  const methods: string[] = [];
  const client = clientOf(file, url, { onRequest: (method) => void methods.push(method) });
  // The first request looks for a challenge before.
  await client.repository('nobody', 'pull').resolve('v1');
  return { url, client, sent: () => methods.splice(0) };
}

before(async () => {
  [source, destination] = await Promise.all([startEnd(), startEnd()]);
});

interface Row {
  repository: string;
  sent(): { source: string[]; destination: string[] };
  counts: BlobCounts;
  copy(tag: string, other?: Partial<CopyRequest>): Promise<CopyResult>;
}

let rows = 0;

/** `from`: where the source has it, when not under the same name. */
function row(from?: string): Row {
  const repository = `row/${++rows}`;
  const counts = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  const traffic = new BlobTraffic();
  const sent = () => ({ source: source.sent(), destination: destination.sent() });
  sent();
  return {
    repository,
    sent,
    counts,
    copy: (tag, other) =>
      copy({
        source: source.client.repository(from ?? repository, 'pull'),
        sourceTag: tag,
        destination: destination.client.repository(repository, 'push'),
        destinationTag: tag,
        blobs: traffic.mover(repository, counts),
        force: false,
        signal: new AbortController().signal,
        ...other,
      }),
  };
}

function only(os: string[], arch: string[]): Pick<CopyRequest, 'platforms'> {
  const platforms = parsePlatforms({ os, arch });
  return platforms ? { platforms } : {};
}

/** What the destination has under the tag, or digest. */
async function textOf(repository: string, reference: string): Promise<string> {
  const headers = { accept: [ociIndex, dockerList].join() };
  const path = `/v2/${repository}/manifests/${reference}`;
  return (await new Client(destination.url).expect(200, path, { headers })).body.toString();
}

async function assertSame(repository: string, tag: string): Promise<void> {
  const [expected, got] = [source, destination].map(({ url }) => contentsOf(url, repository, tag));
  assert.deepEqual(await got, await expected);
}

/** The index as image-syncer writes it. */
function afterImageSyncer(index: Image): Image {
  const { schemaVersion, manifests } = JSON.parse(Buffer.from(index.bytes).toString());
  return rewritten(
    index,
    JSON.stringify({ schemaVersion, mediaType: index.descriptor.mediaType, manifests }),
  );
}

/** An image for each of these platforms. */
function imagesFor(seed: string, platforms: readonly object[]): { image: Image; more: object }[] {
  return platforms.map((platform, index) => {
    return { image: dockerImage(`${seed} ${index}`, []), more: { platform } };
  });
}

const amd64 = { architecture: 'amd64', os: 'linux' };
const arm64 = { architecture: 'arm64', os: 'linux', variant: 'v8' };
const armv6 = { architecture: 'arm', os: 'linux', variant: 'v6' };
const armv7 = { architecture: 'arm', os: 'linux', variant: 'v7' };

describe('row 41: unchanged', () => {
  test('row 41: the same digest costs one request at each end', async () => {
    const { repository, copy, sent } = row();
    const digest = await push(source.url, repository, 'v1', multiPlatform('row 41'));
    await copy('v1', { equivalent: true });
    sent();
    assert.deepEqual(await copy('v1', { equivalent: true }), { outcome: 'unchanged', digest });
    assert.deepEqual(sent(), { source: ['HEAD'], destination: ['HEAD'] });
  });

  const indexes: Record<string, Image> = {
    'an OCI index': indexOf(imagesFor('row 41', [amd64, arm64]), { mediaType: undefined, annotations: {} }),
    'a Docker list': dockerListOf(imagesFor('row 41', [amd64, arm64])),
  };
  for (const [what, index] of Object.entries(indexes))
    test(`row 41: ${what} that image-syncer wrote is left alone, unless forced`, async () => {
      const { repository, copy, sent } = row();
      const digest = await push(source.url, repository, 'v1', index);
      const equivalent = await push(destination.url, repository, 'v1', afterImageSyncer(index));
      assert.notEqual(digest, equivalent);
      assert.deepEqual(await copy('v1', { equivalent: true }), { outcome: 'unchanged', digest, equivalent });
      assert.deepEqual(sent(), { source: ['HEAD', 'GET'], destination: ['HEAD', 'GET', 'HEAD', 'HEAD'] });
      const forced = await copy('v1', { equivalent: true, force: true });
      assert.deepEqual(forced, { outcome: 'copied', digest, moved: false });
      await assertSame(repository, 'v1');
    });

  test('row 41: with strict digests it is written again', async () => {
    const { repository, copy } = row();
    const index = dockerListOf(imagesFor('strict', [amd64, arm64]));
    const digest = await push(source.url, repository, 'v1', index);
    await push(destination.url, repository, 'v1', afterImageSyncer(index));
    assert.deepEqual(await copy('v1'), { outcome: 'copied', digest, moved: false });
    await assertSame(repository, 'v1');
  });

  test('row 41: a child that is missing is sent, and the tag stays', async () => {
    const { repository, copy, sent, counts } = row();
    const index = dockerListOf(imagesFor('row 41 missing', [amd64, arm64]));
    const digest = await push(source.url, repository, 'v1', index);
    const equivalent = await push(destination.url, repository, 'v1', afterImageSyncer(index));
    const child = index.children[1]?.descriptor.digest;
    await new Client(destination.url).expect(202, `/v2/${repository}/manifests/${child}`, {
      method: 'DELETE',
    });
    assert.deepEqual(await copy('v1', { equivalent: true }), { outcome: 'unchanged', digest, equivalent });
    assert.equal(sent().destination.filter((method) => method === 'PUT').length, 1);
    assert.equal(counts.skipped, 1);
    assert.equal(await digestOfTag(destination.url, repository, 'v1'), equivalent);
    assert.equal((await contentsOf(destination.url, repository, 'v1')).length, 5);
  });

  test('row 41: an image in another layout', async () => {
    const { repository, copy, sent } = row();
    const image = dockerImage('row 41');
    const digest = await push(source.url, repository, 'v1', image);
    const compact = rewritten(image, JSON.stringify(JSON.parse(Buffer.from(image.bytes).toString())));
    const equivalent = await push(destination.url, repository, 'v1', compact);
    assert.deepEqual(await copy('v1', { equivalent: true }), { outcome: 'unchanged', digest, equivalent });
    assert.deepEqual(sent(), { source: ['HEAD', 'GET'], destination: ['HEAD', 'GET'] });
  });

  test('row 41: what says something else is copied, its manifest read once', async () => {
    const { repository, copy, sent } = row();
    const digest = await push(source.url, repository, 'v1', dockerImage('row 41 new', []));
    await push(destination.url, repository, 'v1', dockerImage('row 41 old', []));
    assert.deepEqual(await copy('v1', { equivalent: true }), { outcome: 'copied', digest, moved: false });
    assert.deepEqual(sent().source, ['HEAD', 'GET', 'GET', 'HEAD']);
    await push(destination.url, repository, 'v1', ociImage('row 41 other kind', { layers: [] }));
    assert.equal((await copy('v1', { equivalent: true })).outcome, 'copied');
    assert.equal(sent().destination.includes('GET'), false);
  });
});

test('row 43: forced, the manifest is written again and the blobs are not', async () => {
  const { repository, copy, sent, counts } = row();
  const digest = await push(source.url, repository, 'v1', dockerImage('row 43', [500]));
  await copy('v1');
  sent();
  assert.deepEqual(await copy('v1', { force: true }), { outcome: 'copied', digest, moved: false });
  assert.deepEqual(
    sent().destination.filter((method) => method !== 'HEAD'),
    ['PUT'],
  );
  assert.deepEqual([counts.copied, counts.skipped], [2, 2]);
});

test('row 45: an index keeps its bytes, by tag and by digest', async () => {
  const { repository, copy } = row();
  const index = multiPlatform('row 45', 'empty');
  const digest = await push(source.url, repository, 'v1', index);
  assert.deepEqual(await copy('v1'), { outcome: 'copied', digest, moved: false });
  assert.equal(await textOf(repository, 'v1'), Buffer.from(index.bytes).toString());
  await assertSame(repository, 'v1');
  assert.deepEqual(await copy(digest), { outcome: 'unchanged', digest });
  const other = await push(source.url, repository, undefined, multiPlatform('row 45 by digest'));
  assert.deepEqual(await copy(other), { outcome: 'copied', digest: other, moved: false });
  await assertSame(repository, other);
});

describe('row 46: platforms', () => {
  /** The list with these of its children, as it is to be at the destination. */
  function reduced(list: Image, children: readonly number[]): string {
    const document = JSON.parse(Buffer.from(list.bytes).toString());
    const manifests = children.map((index) => document.manifests[index]);
    return JSON.stringify({ ...document, manifests });
  }

  const platforms = [amd64, armv6, armv7, arm64];
  const cases: [arch: string[], children: number[]][] = [
    [['amd64'], [0]],
    [
      ['amd64', 'arm64'],
      [0, 3],
    ],
    [
      ['arm64:v8', 'arm:v6'],
      [1, 3],
    ],
    [['arm'], [1, 2]],
  ];
  const kinds = {
    list: dockerListOf(imagesFor('row 46', platforms)),
    index: indexOf(imagesFor('row 46', platforms)),
  };

  before(async () => {
    for (const [tag, list] of Object.entries(kinds)) await push(source.url, 'row/46', tag, list);
  });

  for (const [tag, list] of Object.entries(kinds))
    for (const [arch, children] of cases)
      test(`row 46: ${tag} with --arch ${arch.join(' --arch ')}`, async () => {
        const { repository, copy, sent } = row('row/46');
        const { digest } = list.descriptor;
        const expected = reduced(list, children);
        const smaller = digestOf(Buffer.from(expected));
        const options = only([], arch);
        const result = await copy(tag, options);
        assert.deepEqual(result, { outcome: 'copied', digest, reduced: smaller, moved: false });
        assert.equal(await textOf(repository, tag), expected);
        assert.equal((await contentsOf(destination.url, repository, tag)).length, 1 + 2 * children.length);
        for (const [index, { descriptor }] of list.children.entries())
          assert.equal(
            await digestOfTag(destination.url, repository, descriptor.digest),
            children.includes(index) ? descriptor.digest : undefined,
          );
        sent();
        assert.deepEqual(await copy(tag, options), { outcome: 'unchanged', digest, reduced: smaller });
        assert.deepEqual(sent(), { source: ['HEAD', 'GET'], destination: ['HEAD'] });
      });

  test('row 46: a list all of which fits keeps its bytes', async () => {
    const { repository, copy, sent } = row();
    const digest = await push(source.url, repository, 'v1', dockerListOf(imagesFor('all', platforms)));
    assert.deepEqual(await copy('v1', only(['linux'], [])), { outcome: 'copied', digest, moved: false });
    assert.equal(sent().source.filter((method) => method === 'GET').length, 1 + 2 * platforms.length);
    await assertSame(repository, 'v1');
  });

  test('row 46: where none fits, nothing is written and what is there stays', async () => {
    const { repository, copy, sent } = row();
    const digest = await push(source.url, repository, 'v1', dockerListOf(imagesFor('none', platforms)));
    const old = await push(destination.url, repository, 'v1', dockerImage('old', [10]));
    assert.deepEqual(await copy('v1', only([], ['s390x'])), { outcome: 'filtered', digest });
    assert.deepEqual(sent(), { source: ['HEAD', 'GET'], destination: [] });
    assert.equal(await digestOfTag(destination.url, repository, 'v1'), old);
  });

  test('row 46: a list that image-syncer reduced is left alone', async () => {
    const { repository, copy } = row();
    const list = dockerListOf(imagesFor('both', platforms));
    const digest = await push(source.url, repository, 'v1', list);
    const written = { ...rewritten(list, reduced(list, [0]).replace('{', '{ ')), children: list.children };
    const equivalent = await push(destination.url, repository, 'v1', written);
    const smaller = digestOf(Buffer.from(reduced(list, [0])));
    assert.deepEqual(await copy('v1', { ...only([], ['amd64']), equivalent: true }), {
      outcome: 'unchanged',
      digest,
      reduced: smaller,
      equivalent,
    });
  });

  test('row 46: an index within an index is reduced, or goes when nothing of it is left', async () => {
    const { repository, copy, sent } = row();
    const [one, two, three] = imagesFor('nested', [amd64, arm64, armv7]);
    assert.ok(one && two && three);
    const [mixed, arms] = [indexOf([one, two]), indexOf([two, three])];
    const outer = indexOf([{ image: mixed }, { image: arms }, { image: mixed }, three]);
    const digest = await push(source.url, repository, 'v1', outer);
    const inner = reduced(mixed, [0]);
    const child = { mediaType: ociIndex, digest: digestOf(Buffer.from(inner)), size: inner.length };
    const expected = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [child, child] });
    const result = await copy('v1', only([], ['amd64']));
    const smaller = digestOf(Buffer.from(expected));
    assert.deepEqual(result, { outcome: 'copied', digest, reduced: smaller, moved: false });
    assert.equal(await textOf(repository, 'v1'), expected);
    assert.equal(await textOf(repository, child.digest), inner);
    assert.equal((await contentsOf(destination.url, repository, 'v1')).length, 1 + 2 * 3);
    // Each index once, the one image and its config.
    assert.equal(sent().source.filter((method) => method === 'GET').length, 5);
    assert.equal((await copy('v1', only([], ['arm64', 'arm', 'amd64']))).outcome, 'copied');
    assert.equal(await digestOfTag(destination.url, repository, 'v1'), digest);
  });

  test('row 46: by digest, the smaller list goes by its own digest', async () => {
    const { repository, copy } = row();
    const list = dockerListOf(imagesFor('digest', platforms));
    const digest = await push(source.url, repository, undefined, list);
    const smaller = digestOf(Buffer.from(reduced(list, [3])));
    const options = only([], ['arm64']);
    const result = await copy(digest, options);
    assert.deepEqual(result, { outcome: 'copied', digest, reduced: smaller, moved: false });
    assert.equal(await digestOfTag(destination.url, repository, digest), undefined);
    assert.equal(await digestOfTag(destination.url, repository, smaller), smaller);
    assert.deepEqual(await copy(digest, options), { outcome: 'unchanged', digest, reduced: smaller });
  });
});

describe('row 49: a single image of another platform', () => {
  test('row 49: a Docker image is left out, by its config', async () => {
    const { repository, copy, sent } = row();
    const digest = await push(source.url, repository, 'v1', dockerImage('row 49', [500]));
    assert.deepEqual(await copy('v1', only([], ['arm64'])), { outcome: 'filtered', digest });
    assert.deepEqual(sent(), { source: ['HEAD', 'GET', 'GET'], destination: ['HEAD'] });
    const fitting = await copy('v1', only(['linux'], ['arm64', 'amd64']));
    assert.deepEqual(fitting, { outcome: 'copied', digest, moved: false });
    // The manifest, the config to look at, and both blobs.
    assert.equal(sent().source.filter((method) => method === 'GET').length, 4);
    assert.deepEqual(await copy('v1', only([], ['amd64'])), { outcome: 'unchanged', digest });
    assert.deepEqual(sent(), { source: ['HEAD'], destination: ['HEAD'] });
    await assertSame(repository, 'v1');
  });

  test('row 49: an OCI image is copied', async () => {
    const { repository, copy } = row();
    const digest = await push(source.url, repository, 'v1', ociImage('row 49'));
    assert.deepEqual(await copy('v1', only([], ['arm64'])), { outcome: 'copied', digest, moved: false });
    await assertSame(repository, 'v1');
  });
});

describe('row 51: what image-syncer loses', () => {
  const shapes: Record<string, Image> = {
    'a Docker image without layers': dockerImage('row 51', []),
    'an OCI image without layers': ociImage('row 51', { layers: [] }),
    'an index of nothing': indexOf([]),
    'an index of layers, as BuildKit keeps its cache': cacheOf('row 51'),
  };
  for (const [what, image] of Object.entries(shapes))
    test(`row 51: ${what} is copied, with a filter, too`, async () => {
      const { repository, copy } = row();
      const digest = await push(source.url, repository, 'v1', image);
      for (const platforms of [{}, only([], ['amd64'])]) {
        const result = await copy('v1', { ...platforms, force: true });
        assert.deepEqual(result, { outcome: 'copied', digest, moved: false });
        await assertSame(repository, 'v1');
      }
    });

  test('row 51: a child of a type that cannot be read is a failure', async () => {
    const { repository, copy } = row();
    const mediaType = 'application/vnd.example.manifest.v1+json';
    const index = indexOf([{ image: ociImage('row 51 child'), more: { mediaType } }]);
    await push(source.url, repository, 'v1', index);
    await assert.rejects(copy('v1'), (error) => {
      assert.ok(error instanceof CopyError);
      assert.deepEqual([error.reason, error.side], ['not-found', 'source']);
      assert.match(error.message, new RegExp(`read blob ${index.children[0]?.descriptor.digest}`));
      return true;
    });
    assert.equal(await digestOfTag(destination.url, repository, 'v1'), undefined);
  });
});

function cacheOf(seed: string): Image {
  const blob = layer(seed, 700);
  const image = { descriptor: blob.descriptor, bytes: new Uint8Array(), blobs: [], children: [] };
  return { ...indexOf([{ image }]), blobs: [blob], children: [] };
}

describe('row 52: attestations and charts', () => {
  test('row 52: attestations come with their index, and go with a filter', async () => {
    const { repository, copy } = row();
    const index = multiPlatform('row 52', 'empty');
    const digest = await push(source.url, repository, 'v1', index);
    await copy('v1');
    await assertSame(repository, 'v1');
    const result = await copy('v1', only(['linux'], []));
    assert.ok(result.outcome === 'copied' && result.reduced !== undefined && result.reduced !== digest);
    const children = JSON.parse(await textOf(repository, 'v1')).manifests;
    assert.deepEqual(
      children.map((child: { digest: string }) => child.digest),
      index.children.slice(0, 2).map(({ descriptor }) => descriptor.digest),
    );
  });

  test('row 52: a chart is copied whatever the filter', async () => {
    const { repository, copy } = row();
    const digest = await push(source.url, repository, '1.0.0', helmChart('row 52'));
    const result = await copy('1.0.0', only(['windows'], ['s390x']));
    assert.deepEqual(result, { outcome: 'copied', digest, moved: false });
    await assertSame(repository, '1.0.0');
  });
});
