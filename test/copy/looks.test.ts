import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CopyRequest } from '../../src/copy/copy.ts';
import { parsePlatforms } from '../../src/copy/platform.ts';
import { registryError, withoutDigest, wrongDigest } from '../support/fault.ts';
import { indexOf, multiPlatform, ociImage } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type End, type Stand, startStand } from './stand.ts';

/*
 * What a copy asks of manifests, by what is known before.
 */

/** `METHOD manifest` or `METHOD tag` of the requests about manifests since it was called last. */
function watch({ registry }: End): () => string[] {
  let from = registry.requests.length;
  return () => {
    const news = registry.requests.slice(from);
    from = registry.requests.length;
    return news.flatMap(({ method, path }) => {
      const reference = /\/manifests\/(.*)$/.exec(path)?.[1];
      if (reference === undefined) return [];
      return [`${method} ${reference.startsWith('sha256:') ? 'manifest' : reference}`];
    });
  };
}

interface Asked {
  source: string[];
  destination: string[];
  result: Awaited<ReturnType<Stand['copy']>>;
}

async function asked(stand: Stand, tag: string, known: Partial<CopyRequest> = {}): Promise<Asked> {
  const [source, destination] = [watch(stand.source), watch(stand.destination)];
  const result = await stand.copy(tag, known);
  return { source: source(), destination: destination(), result };
}

async function startWith(t: Parameters<typeof startStand>[0], seed: string) {
  const stand = await startStand(t);
  const digest = await push(stand.source.url, 'app', 'v1', ociImage(seed));
  return { stand, digest };
}

test('nothing known: a look at each end, the manifest, and afterwards both tags again', async (t) => {
  const { stand, digest } = await startWith(t, 'unknown');
  assert.deepEqual(await asked(stand, 'v1'), {
    source: ['HEAD v1', 'GET manifest', 'HEAD v1'],
    destination: ['HEAD v1', 'PUT v1', 'HEAD v1'],
    result: { outcome: 'copied', digest, moved: false },
  });
});

test('nothing at the destination: the manifest by its tag, at once', async (t) => {
  const { stand, digest } = await startWith(t, 'nothing');
  const known = { holds: 'nothing', follow: false } as const;
  assert.deepEqual(await asked(stand, 'v1', known), {
    source: ['GET v1'],
    destination: ['PUT v1', 'HEAD v1'],
    result: { outcome: 'copied', digest, moved: false },
  });
});

test('news: the manifest by its tag, and a look at the destination', async (t) => {
  const { stand, digest } = await startWith(t, 'news');
  const first = await asked(stand, 'v1', { news: true });
  assert.deepEqual(
    [first.source, first.destination],
    [
      ['GET v1', 'HEAD v1'],
      ['HEAD v1', 'PUT v1', 'HEAD v1'],
    ],
  );
  // Told twice: nothing is written.
  assert.deepEqual(await asked(stand, 'v1', { news: true }), {
    source: ['GET v1'],
    destination: ['HEAD v1'],
    result: { outcome: 'unchanged', digest },
  });
});

test('news of a tag that is gone, whatever the destination says', async (t) => {
  const stand = await startStand(t);
  stand.destination.faults.always(/manifests/, registryError(403, 'DENIED', 'no'));
  assert.deepEqual(await stand.copy('v1', { news: true }), { outcome: 'source-gone' });
});

test('a list of the source and a record of the destination: nobody is asked', async (t) => {
  const { stand, digest } = await startWith(t, 'listed');
  const resolved: string[] = [];
  const onResolved = (one: string): void => void resolved.push(one);
  assert.deepEqual(await asked(stand, 'v1', { listed: digest, holds: digest, onResolved }), {
    source: [],
    destination: [],
    result: { outcome: 'unchanged', digest },
  });
  assert.deepEqual(resolved, [digest]);
});

test('a list of the source alone: one look at the destination, and at the source only where they differ', async (t) => {
  const { stand, digest } = await startWith(t, 'listed alone');
  await stand.copy('v1');
  const unchanged = await asked(stand, 'v1', { listed: digest });
  assert.deepEqual([unchanged.source, unchanged.destination], [[], ['HEAD v1']]);
  const newer = await push(stand.source.url, 'app', 'v1', ociImage('newer'));
  assert.deepEqual(await asked(stand, 'v1', { listed: newer, follow: false }), {
    source: ['GET v1'],
    destination: ['HEAD v1', 'PUT v1', 'HEAD v1'],
    result: { outcome: 'copied', digest: newer, moved: false },
  });
});

test('a list that is out of date: what is copied is what the tag names', async (t) => {
  const { stand, digest } = await startWith(t, 'old');
  const newer = await push(stand.source.url, 'app', 'v1', ociImage('newer'));
  const { result } = await asked(stand, 'v1', { listed: digest, holds: 'nothing' });
  assert.deepEqual(result, { outcome: 'copied', digest: newer, moved: false });
});

test('forced, a list and a record are not enough', async (t) => {
  const { stand, digest } = await startWith(t, 'forced');
  await stand.copy('v1');
  const { source, destination, result } = await asked(stand, 'v1', {
    listed: digest,
    holds: digest,
    force: true,
  });
  assert.deepEqual(
    [source, destination],
    [
      ['GET v1', 'HEAD v1'],
      ['PUT v1', 'HEAD v1'],
    ],
  );
  assert.equal(result.outcome, 'copied');
});

test('with platforms a list does not say what is wanted', async (t) => {
  const stand = await startStand(t);
  const digest = await push(stand.source.url, 'app', 'v1', multiPlatform('platforms'));
  const platforms = parsePlatforms({ os: ['linux'], arch: ['amd64'] });
  const { result } = await asked(stand, 'v1', { listed: digest, ...(platforms && { platforms }) });
  assert.equal(result.outcome, 'copied');
  assert.notEqual(await digestOfTag(stand.destination.url, 'mirror/app', 'v1'), digest);
});

test('a manifest that the repository has: its tag is written, and nothing else', async (t) => {
  const { stand } = await startWith(t, 'twice');
  await push(stand.source.url, 'app', 'latest', ociImage('twice'));
  await stand.copy('v1');
  const before = stand.destination.registry.requests.length;
  const { source, destination } = await asked(stand, 'latest', { holds: 'nothing', follow: false });
  assert.deepEqual([source, destination], [['GET latest'], ['PUT latest', 'HEAD latest']]);
  assert.equal(stand.destination.registry.requests.length - before, 2);
});

test('one that the repository had, and misses under its tag: all below it is looked for', async (t) => {
  const { stand } = await startWith(t, 'taken away');
  await stand.copy('v1');
  const before = stand.destination.seen(/^HEAD .*blobs/).length;
  await stand.copy('v1', { holds: 'nothing', missed: true });
  assert.equal(stand.destination.seen(/^HEAD .*blobs/).length - before, ociImage('taken away').blobs.length);
});

test('an index whose children the repository has: they are not looked at', async (t) => {
  const stand = await startStand(t);
  const [one, two] = ['one', 'two'].map((seed) => ({ image: ociImage(seed) }));
  assert.ok(one && two);
  await push(stand.source.url, 'app', 'v1', indexOf([one, two]));
  await push(stand.source.url, 'app', 'v2', indexOf([two]));
  await stand.copy('v1');
  const { destination } = await asked(stand, 'v2', { holds: 'nothing' });
  assert.deepEqual(destination, ['PUT v2', 'HEAD v2']);
});

test('a manifest that is believed wrongly is written with all below it, once', async (t) => {
  const { stand, digest } = await startWith(t, 'lost');
  await push(stand.source.url, 'app', 'latest', ociImage('lost'));
  await stand.copy('v1');
  stand.destination.faults.once(
    /^PUT .*manifests\/latest/,
    registryError(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'),
  );
  const before = stand.destination.seen(/^HEAD .*blobs/).length;
  assert.equal((await stand.copy('latest')).outcome, 'copied');
  assert.equal(stand.destination.seen(/^HEAD .*blobs/).length - before, ociImage('lost').blobs.length);
  assert.equal(await digestOfTag(stand.destination.url, 'mirror/app', 'latest'), digest);
});

test('with proofs a tag is read back until one was right, and where the answer to the write names no digest', async (t) => {
  const { stand } = await startWith(t, 'proof');
  for (const tag of ['v2', 'v3']) await push(stand.source.url, 'app', tag, ociImage(tag));
  const known = { holds: 'nothing', follow: false, proofs: { readBack: false } } as const;
  assert.deepEqual((await asked(stand, 'v1', known)).destination, ['PUT v1', 'HEAD v1']);
  assert.deepEqual((await asked(stand, 'v2', known)).destination, ['PUT v2']);
  stand.destination.faults.once(/^PUT .*manifests/, withoutDigest);
  assert.deepEqual((await asked(stand, 'v3', known)).destination, ['PUT v3', 'HEAD v3']);
});

test('a registry that has not read back right is not believed', async (t) => {
  const { stand } = await startWith(t, 'liar');
  const proofs = { readBack: false };
  stand.destination.faults.always(/^HEAD .*manifests\/v1/, wrongDigest);
  await assert.rejects(stand.copy('v1', { holds: 'nothing', proofs }), { reason: 'corrupt' });
  assert.equal(proofs.readBack, false);
});
