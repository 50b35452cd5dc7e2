import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RealmPolicy, TokenCache } from '../../src/registry/token.ts';
import { FakeClock } from '../support/clock.ts';

/** A cache whose server gives tokens of so many characters; `asked`: how often it was. */
function stand(length: number) {
  const asked: string[] = [];
  const registry = new URL('https://registry.example');
  const cache = new TokenCache(
    async (url) => {
      asked.push(url.searchParams.get('scope') ?? '');
      return Buffer.from(JSON.stringify({ token: 'x'.repeat(length), expires_in: 3_600 }));
    },
    async () => undefined,
    new RealmPolicy(registry, [], false),
    new FakeClock(),
  );
  const get = (scope: number) =>
    cache.get({ realm: '/token', service: undefined }, [String(scope)], undefined);
  return { asked, cache, get };
}

test('tokens: their size bounds how many are kept, the oldest go', async () => {
  const { asked, get } = stand(16 * 1024);
  for (let scope = 0; scope <= 1_024; scope++) await get(scope);
  asked.length = 0;
  for (const scope of [1, 1_024]) await get(scope);
  assert.deepEqual(asked, []);
  await get(0);
  assert.deepEqual(asked, ['0']);
});

test('tokens: one that is renewed or forgotten takes no room twice', async () => {
  const { asked, cache, get } = stand(16 * 1024);
  for (let scope = 0; scope < 1_024; scope++) await get(scope);
  for (let round = 0; round < 1_000; round++) {
    cache.forget(['1023'], 'x'.repeat(16 * 1024));
    await get(1_023);
  }
  asked.length = 0;
  await get(0);
  assert.deepEqual(asked, []);
});

test('tokens: of small ones five thousand are kept', async () => {
  const { asked, get } = stand(10);
  for (let scope = 0; scope <= 5_000; scope++) await get(scope);
  asked.length = 0;
  for (const scope of [1, 0]) await get(scope);
  assert.deepEqual(asked, ['0']);
});
