import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { Reloading } from '../../src/main/reloading.ts';
import { load, smallest } from '../config/document.ts';
import { logLines } from '../support/log-lines.ts';

/** Reloads whose files are read when the test says so. */
function stand() {
  const { stream, lines } = logLines();
  const log = createLog({ level: 'info', format: 'json', stream });
  const reading: PromiseWithResolvers<Config>[] = [];
  const applied: Config[] = [load(smallest)];
  const reloading = new Reloading({
    config: () => applied.at(-1) ?? assert.fail(),
    load() {
      reading.push(Promise.withResolvers());
      return reading.at(-1)?.promise ?? assert.fail();
    },
    apply: async (config) => void applied.push(config),
    log,
  });
  return { reloading, reading, applied, lines };
}

const other = (attempts: number) => load({ ...smallest, dispatch: { attempts } });

test('one that is asked for while another reads follows it, each with its own difference', async () => {
  const { reloading, reading, applied } = stand();
  const first = reloading.reload();
  await new Promise(setImmediate);
  const second = reloading.reload();
  await new Promise(setImmediate);
  assert.equal(reading.length, 1);
  reading[0]?.resolve(other(3));
  const settings = [{ path: 'dispatch.attempts', change: 'changed', restart: false }];
  assert.partialDeepStrictEqual(await first, { settings });
  await new Promise(setImmediate);
  reading[1]?.resolve(other(3));
  assert.partialDeepStrictEqual(await second, { settings: [] });
  assert.equal(applied.length, 3);
});

test('one that fails changes nothing, says so, and keeps no other', async () => {
  const { reloading, reading, applied, lines } = stand();
  const first = reloading.reload();
  await new Promise(setImmediate);
  const second = reloading.reload();
  reading[0]?.reject(new Error('no such device'));
  await assert.rejects(first, /no such device/);
  assert.partialDeepStrictEqual(JSON.parse(lines[0] ?? ''), {
    level: 'error',
    message: 'configuration not reloaded',
  });
  assert.equal(applied.length, 1);
  await new Promise(setImmediate);
  reading[1]?.resolve(other(3));
  assert.ok(typeof (await second) === 'object');
});

test('what is read when the mirror stops is not put into force', async () => {
  const { reloading, reading, applied } = stand();
  const under = reloading.reload();
  await new Promise(setImmediate);
  const stopped = reloading.stop();
  reading[0]?.resolve(other(3));
  assert.equal(await under, 'stopping');
  await stopped;
  assert.equal(applied.length, 1);
});

test('a storm: whoever asks while one waits has that one, and what waits when the mirror stops reads nothing', async () => {
  const { reloading, reading } = stand();
  const first = reloading.reload();
  await new Promise(setImmediate);
  const storm = Array.from({ length: 100 }, () => reloading.reload());
  reading[0]?.resolve(other(3));
  await first;
  await new Promise(setImmediate);
  assert.equal(reading.length, 2);
  const late = reloading.reload();
  const stopped = reloading.stop();
  reading[1]?.resolve(other(4));
  assert.deepEqual(new Set(await Promise.all([...storm, late])), new Set(['stopping']));
  await stopped;
  assert.equal(reading.length, 2);
});
