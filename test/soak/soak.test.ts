import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { compare } from './compare.ts';
import { soakOptions } from './options.ts';
import { soak } from './soak.ts';

/** The long one is `npm run soak`. */
for (const [title, ...args] of [['a Harbor'], ['a registry without an API', '--no-harbor']]) {
  test(`a short soak from ${title} ends without a difference`, async (t) => {
    const options = soakOptions(['--minutes', '0', '--kills', '3', ...args], process.env);
    t.diagnostic(`SOAK_SEED=${options.seed}`);
    const { counts, differences, tags } = await soak(t, options);
    assert.deepEqual(differences, []);
    assert.equal(counts['kills'], 3);
    assert.ok(tags > 0);
    assert.equal((counts["requests of Harbor's API"] ?? 0) > 0, options.source === 'harbor');
  });
}

test('a tag that is missing, another one, or too many is a difference', async (t) => {
  const [source, destination] = [await EmbeddedRegistry.start(), await EmbeddedRegistry.start()];
  t.after(() => Promise.all([source.close(), destination.close()]).then(() => undefined));
  const [one, two] = [ociImage('one'), ociImage('two')];
  for (const [tag, there] of [
    ['same', one],
    ['other', two],
  ] as const) {
    await push(source.url, 'library/app', tag, one);
    await push(destination.url, 'mirror/app', tag, there);
  }
  await push(source.url, 'library/app', 'missing', one);
  await push(destination.url, 'mirror/app', 'more', one);
  const names = ['library/app:same', 'library/app:other', 'library/app:missing'];
  const ends = { source: source.url, destination: destination.url };
  const found = await compare(ends, names, (name) => name.replace('library', 'mirror'));
  assert.deepEqual([found.tags, found.contents], [3, 4]);
  assert.deepEqual(
    found.differences.map((line) => line.split(/[: ]/, 2).join(':')),
    ['library/app:other', 'library/app:missing', 'library/app:more'],
  );
});
