import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { json, type Call, type Misbehaviour } from '../../src/demo/registry/call.ts';
import type { Report } from '../../src/sync/report.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { begin, hostOf, startRegistry } from './embedded.ts';
import { HastyClock } from './watched.ts';

const image = ociImage('retry');

/** Copies one tag, in two attempts at most. */
async function copied(t: TestContext, misbehave: Misbehaviour): Promise<Report> {
  const source = await startRegistry(t);
  const destination = await startRegistry(t, { misbehave });
  await push(source.url, 'p/x', 'v1', image);
  const images = { [`${hostOf(source)}/p/x:v1`]: `${hostOf(destination)}/n/x` };
  const registries = [source, destination];
  return (await begin(t, { images, registries }, { retries: 1 }, new HastyClock())).report;
}

function isPut({ method, path }: Call): boolean {
  return method === 'PUT' && path.includes('/manifests/');
}

test('a tag whose first PUT lost its answer was copied all the same, and its blobs with all their bytes', async (t) => {
  let loses = 1;
  const { tags, counts, bytes } = await copied(t, async (call, next) => {
    const answer = await next();
    if (isPut(call) && loses-- > 0) answer.headers['docker-content-digest'] = `sha256:${'0'.repeat(64)}`;
    return answer;
  });
  assert.deepEqual(counts, { copied: 1, unchanged: 0, skipped: 0, failed: 0, rulesFailed: 0 });
  assert.deepEqual(tags[0]?.blobs, { copied: image.blobs.length, mounted: 0, skipped: 0 });
  assert.equal(
    bytes,
    image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  );
});

test('what an attempt brought that failed later is counted, and not as skipped', async (t) => {
  let fails = 2; // the request itself is sent twice
  const { tags } = await copied(t, (call, next) =>
    isPut(call) && fails-- > 0 ? Promise.resolve(json(500, { errors: [] })) : next(),
  );
  assert.deepEqual(tags[0]?.blobs, { copied: image.blobs.length, mounted: 0, skipped: 0 });
});
