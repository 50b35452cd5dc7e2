import assert from 'node:assert/strict';
import test from 'node:test';
import { summaryOf } from '../../src/cli/sync-summary.ts';
import { multiPlatform, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { startEnds, sync } from './stand.ts';

test('all tags of a repository are copied, and a second run says that nothing is to do', async (t) => {
  const { source, destination, auth } = await startEnds(t);
  await push(source.url, 'library/nginx', '1', ociImage('one'));
  await push(source.url, 'library/nginx', '2', multiPlatform('two'));
  const config = { auth, images: { [`${source.host}/library/nginx`]: '' } };
  const flags = ['--proc=10', `--registry=${destination.host}`, '--namespace=image-syncer', '--retries=10'];
  const first = await sync(t, { files: { config }, flags });
  assert.equal(first.code, 0);
  assert.equal(first.report.counts.copied, 2);
  assert.match(first.log.at(-1) ?? '', /Synchronization finished, 0 tasks failed, cost /);
  const second = await sync(t, { files: { config }, flags });
  assert.equal(second.code, 0);
  assert.deepEqual(second.report.counts, { copied: 0, unchanged: 2, skipped: 0, failed: 0, rulesFailed: 0 });
});

test('tags are told in an order that people expect, whatever the registry lists', async (t) => {
  const { source, destination, auth } = await startEnds(t);
  for (const tag of ['v10', 'v9', 'v1', 'latest']) await push(source.url, 'p/x', tag, ociImage('one'));
  const config = { auth, images: { [`${source.host}/p/x`]: `${destination.host}/p/x` } };
  const { report } = await sync(t, { files: { config } });
  assert.deepEqual(
    report.tags.map((tag) => tag.source.split(':').at(-1)),
    ['latest', 'v1', 'v9', 'v10'],
  );
});

test('a dry run says what would be copied, in the log as well, and what is skipped is not "nothing to do"', async (t) => {
  const { source, destination, auth } = await startEnds(t);
  await push(source.url, 'p/x', 'v1', multiPlatform('one'));
  const config = { auth, images: { [`${source.host}/p/x`]: `${destination.host}/p/x` } };
  const dry = await sync(t, { files: { config }, flags: ['--dry-run'] });
  assert.deepEqual([dry.code, dry.report.counts.copied], [0, 1]);
  assert.ok(dry.log.some((line) => /Finish synchronizing manifest .*: would be copied\. Now/.test(line)));
  const { report } = await sync(t, { files: { config }, flags: ['--arch=s390x'] });
  const last = summaryOf(report, { columns: false }).at(-1) ?? '';
  assert.match(last, /^copied 0, unchanged 0, skipped 1, failed 0; 0 B in [0-9.]+ s$/);
});
