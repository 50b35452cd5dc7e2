import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ociImage } from '../support/image.ts';
import { startHarborStand } from './harbor-stand.ts';
import { serve } from './mirror.ts';

const [first, second] = [ociImage('first'), ociImage('second')];

test('a tag that is declared immutable and moves all the same is copied, and the log warns of it', async (t) => {
  const edits = [['# immutable: []', "immutable: ['v*']"]] as const;
  const stand = await startHarborStand(t, { edits });
  const mirror = await serve(t, stand.file);
  const warnings = (): object[] =>
    mirror.log().filter(({ message }) => /declared immutable/.test(String(message)));
  for (const image of [first, first]) {
    await mirror.post(await stand.push('library/app', 'v1', image, 'Success'));
    await stand.arrived('library/app', 'v1', first);
  }
  assert.deepEqual(warnings(), []);
  await mirror.post(await stand.push('library/app', 'v1', second, 'Success'));
  await stand.arrived('library/app', 'v1', second);
  const { body } = await mirror.api('GET', '/tasks?limit=1');
  await mirror.finished(JSON.parse(body.toString()).tasks[0].id);
  const [warning, ...others] = warnings();
  assert.deepEqual(others, []);
  assert.partialDeepStrictEqual(warning, {
    level: 'warn',
    source: 'harbor/library/app:v1',
    before: first.descriptor.digest,
    now: second.descriptor.digest,
  });
});
