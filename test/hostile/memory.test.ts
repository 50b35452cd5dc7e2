import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const child = fileURLToPath(new URL('memory-child.ts', import.meta.url));

test('parsers: twelve rounds of the corpus leave nothing in memory', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, '12']);
  const grown = Number(stdout);
  t.diagnostic(`${Math.round(grown / 1024)} KiB more after 8 rounds`);
  // A round is a third of a megabyte of text for each parser: one that kept it would be seen.
  assert.ok(grown < 1024 * 1024, `${grown} bytes more`);
});
