import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { Run } from '../../src/sync/run.ts';
import { wanted } from '../state/open.ts';

test('a run that is stopped with its plan just made ends, and nothing is begun', async () => {
  const ignore = () => undefined;
  const run: Run = new Run({
    plan: async () => {
      run.stop();
      return { copies: [{ ...wanted(), named: true }], skipped: [], failures: [] };
    },
    ends: () => assert.fail('nothing should be begun'),
    policy: { attempts: 1, first: 1, max: 1, impatient: true },
    width: 1,
    force: false,
    clock: systemClock,
    journal: { expect: ignore, tag: ignore, attempt: ignore, retry: ignore, warn: ignore },
    onThere: ignore,
  });
  const { tags } = await run.run();
  assert.deepEqual(
    tags.map(({ outcome, reason }) => [outcome, reason]),
    [['skipped', 'interrupted']],
  );
});
