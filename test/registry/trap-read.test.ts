import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import {
  answer,
  editJson,
  gzipEncoded,
  html,
  hugeBody,
  link,
  rateLimited,
  registryError,
} from '../support/fault.ts';
import {
  setHeaders,
  tagsNull,
  typeWithParameters,
  withTags,
  withoutDigest,
  wrongDigest,
} from '../support/fault.ts';
import { unavailable } from '../support/fault.ts';
import { multiPlatform, ociImage } from '../support/image.ts';
import { startStorage } from '../support/storage.ts';
import { all, bearer, failure } from './stand.ts';
import { startMirror } from './trap.ts';

const blobs = /^GET .*\/blobs\//;
const manifests = /manifests/;

test('trap 03: blobs are read from another host, which gets no Authorization; signed once, they are served', async (t) => {
  const mirror = await startMirror(t, { source: { auth: bearer } });
  const storage = await startStorage(t);
  mirror.source.faults.always(blobs, storage.redirect);
  await mirror.arrives();
  assert.deepEqual(
    storage.requests.map(({ authorization, status }) => [authorization, status]),
    [
      ['none', 200],
      ['none', 200],
      ['none', 200],
    ],
  );
});

test('trap 16: without Docker-Content-Digest the bytes are hashed, and a wrong one is not believed', async (t) => {
  const mirror = await startMirror(t);
  mirror.source.faults.always(manifests, withoutDigest);
  mirror.destination.faults.always(manifests, withoutDigest);
  await mirror.arrives();
  const lying = await startMirror(t);
  lying.source.faults.always(/^GET .*manifests/, wrongDigest);
  await lying.arrives();
  lying.source.faults.always(manifests, wrongDigest);
  await assert.rejects(lying.copy(), { side: 'source' });
});

test('trap 18: the whole Accept on HEAD and GET: an index stays an index', async (t) => {
  const mirror = await startMirror(t, { image: multiPlatform('trap 18') });
  const accepts = new Set<string | undefined>();
  const look: Misbehaviour = (call, next) => {
    if (call.method !== 'PUT') accepts.add(call.headers.accept);
    return next();
  };
  mirror.source.faults.always(manifests, look);
  mirror.destination.faults.always(manifests, look);
  await mirror.arrives();
  assert.equal(accepts.size, 1);
});

test('trap 19: parameters of a Content-Type do not matter; a type that contradicts the manifest does', async (t) => {
  const mirror = await startMirror(t, { image: multiPlatform('trap 19') });
  mirror.source.faults.always(manifests, typeWithParameters);
  mirror.destination.faults.always(/^HEAD .*manifests/, typeWithParameters);
  await mirror.arrives();
  const other = await startMirror(t);
  const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
  other.source.faults.always(manifests, setHeaders({ 'content-type': list }));
  await assert.rejects(other.copy(), { side: 'source', reason: 'artifact-refused' });
  assert.deepEqual(other.destination.seen(/^(PUT|POST)/), []);
});

test('trap 20: the bytes that are pushed are those that were pulled', async (t) => {
  // Their JSON is indented by three, which no library prints by itself.
  const { arrives, image, destination } = await startMirror(t);
  await arrives();
  const put = destination.registry.requests.find(
    ({ method, path }) => method === 'PUT' && manifests.test(path),
  );
  assert.equal(put?.bytesIn, image.bytes.length);
});

test('trap 23: Link may be relative, and a short page is not the end; a Link to elsewhere or in a circle ends it', async (t) => {
  const { source } = await startMirror(t);
  const tags = () => all(source.client.repository('a/b', 'pull').tags());
  source.faults.once(/tags/, link('/v2/a/b/tags/list?n=1000&last=a'));
  assert.deepEqual(await tags(), ['v1']);
  for (const target of ['https://elsewhere.example/v2/a/b/tags/list', '/v2/a/b/tags/list?n=1000']) {
    source.faults.once(/tags/, link(target));
    await failure(tags(), 'protocol');
  }
  assert.equal(source.seen(/tags/).length, 4);
});

test('trap 24: tags that are null, and a 404, are an empty list', async (t) => {
  const { source } = await startMirror(t);
  source.faults.once(/tags/, tagsNull);
  source.faults.once(/tags/, registryError(404, 'NAME_UNKNOWN', 'no such repository'));
  for (let time = 0; time < 2; time++)
    assert.deepEqual(await all(source.client.repository('a/b', 'pull').tags()), []);
  assert.ok(
    source.registry.requests.every(({ query }) => !/n=\d{5}/.test(query)),
    'ECR refuses n above 1000',
  );
});

test('trap 31: warnings are not acted on, whatever is in them', async (t) => {
  const mirror = await startMirror(t);
  const warning = ['299 - "old"', `299 - "${'w'.repeat(5_000)} \u00fc\t"`, 'nonsense'];
  mirror.source.faults.always(/./, setHeaders({ warning }));
  mirror.destination.faults.always(/./, setHeaders({ warning }));
  await mirror.arrives();
});

test('trap 32: an error body of any kind leaves the status to speak', async (t) => {
  const { source, image } = await startMirror(t);
  const bodies = [
    html(403),
    answer(403),
    answer(403, {}, '{"errors":'),
    answer(403, {}, '{"errors":[null]}'),
    hugeBody(403),
  ];
  for (const fault of bodies) {
    source.faults.once(manifests, fault);
    const resolved = source.client.repository('a/b', 'pull').manifest(image.descriptor);
    assert.equal((await failure(resolved, 'denied')).status, 403);
  }
  await source.assertFree();
});

test('trap 33: Retry-After in seconds and as a date, on anything, and nobody asks meanwhile', async (t) => {
  const mirror = await startMirror(t);
  const early: string[] = [];
  for (const { faults, clock } of [mirror.source, mirror.destination]) {
    let until = 0;
    const refuse = (seconds: number, fault: Misbehaviour): Misbehaviour => {
      return (call, next) => {
        until = clock.now() + seconds * 1_000;
        return fault(call, next);
      };
    };
    const date = new Date(clock.now() + 9_000).toUTCString();
    faults.once(/manifests/, refuse(3, rateLimited('3')));
    faults.once(/^(GET .*blobs|PUT .*uploads)/, refuse(6, unavailable(date)));
    faults.always(/manifests|tags/, (call, next) => {
      if (clock.now() < until) early.push(call.path);
      return next();
    });
  }
  await mirror.arrives();
  assert.deepEqual(early, []);
});

test('trap 35: identity is asked for, and a layer labelled as gzip is left as it is', async (t) => {
  const mirror = await startMirror(t);
  const asked = new Set<unknown>();
  mirror.source.faults.always(blobs, (call, next) => {
    asked.add(call.headers['accept-encoding']);
    return gzipEncoded(call, next);
  });
  await mirror.arrives();
  assert.deepEqual([...asked], ['identity']);
});

test('trap 47: tags of a list that are none are left out', async (t) => {
  const { source } = await startMirror(t);
  source.faults.once(/tags/, withTags('sha256:0', '-x', 'a/b', '', 'y'.repeat(129), 'ok'));
  assert.deepEqual(await all(source.client.repository('a/b', 'pull').tags()), ['v1', 'ok']);
  source.faults.once(
    /tags/,
    editJson(() => ({ tags: [1, null, {}] })),
  );
  assert.deepEqual(await all(source.client.repository('a/b', 'pull').tags()), []);
});

test('trap 48: a manifest of 4 MiB is copied; 413 from a destination that takes less is its refusal', async (t) => {
  const annotations = { note: 'x'.repeat(4 * 1024 * 1024 - 2_000) };
  const image = ociImage('trap 48', { layers: [1_000], more: { annotations } });
  const mirror = await startMirror(t, { image });
  mirror.destination.faults.once(/^PUT .*manifests/, answer(413));
  await assert.rejects(mirror.copy(), { reason: 'artifact-refused' });
  await mirror.arrives();
});
