import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Credential, temporaryCredential } from '../../src/aliyun/temporary-credential.ts';
import type { Renewing } from '../../src/aliyun/renewing.ts';
import { editJson } from '../support/fault.ts';
import { failure, startStand, type Stand } from './stand.ts';

const minute = 60_000;
const expected = {
  username: 'cr_temp_user',
  password: 'eyJpbnN0YW5jZUlkIjoiIn0:0123456789abcdef01234567',
};

async function start(t: Parameters<typeof startStand>[0]): Promise<Stand & { held: Renewing<Credential> }> {
  const stand = await startStand(t);
  return { ...stand, held: temporaryCredential(stand.client, stand.clock) };
}

test('user and password as they come, colon and all', async (t) => {
  const { held } = await start(t);
  assert.deepEqual(await held.get(), expected);
});

test('fetched once for all that wait, and kept', async (t) => {
  const { held, server, clock } = await start(t);
  const all = await Promise.all(Array.from({ length: 20 }, () => held.get()));
  assert.equal(all.length, 20);
  for (const each of all) assert.deepEqual(each, expected);
  clock.advance(50 * minute);
  await held.get();
  assert.equal(server.requests.length, 1);
});

test('renewed a tenth of its life before its end, at least a minute', async (t) => {
  for (const [life, until] of [
    [60 * minute, 54 * minute],
    [5 * minute, 4 * minute],
  ] as const) {
    const { held, server, clock } = await start(t);
    server.passwordLife = life;
    const begun = clock.now();
    await held.get();
    clock.advance(begun + until - 1_000 - clock.now());
    await held.get();
    assert.equal(server.requests.length, 1, `${life}`);
    clock.advance(1_000);
    await held.get();
    assert.equal(server.requests.length, 2, `${life}`);
  }
});

test('an outage near its end costs nothing while it is good, and is an error after it', async (t) => {
  const { held, server, clock } = await start(t);
  await held.get();
  clock.advance(55 * minute);
  server.forbidden.add('GetAuthorizationToken');
  assert.deepEqual(await held.get(), expected);
  assert.equal(server.requests.length, 2);
  clock.advance(5 * minute);
  const error = await failure(held.get(), 'denied');
  assert.match(error.message, /grant cr:GetAuthorizationToken on \* to/);
  server.forbidden.clear();
  assert.deepEqual(await held.get(), expected);
});

test('all that wait hear of the failure, and the next one asks again', async (t) => {
  const { held, server } = await start(t);
  server.refuse(1, { status: 403, code: 'NoPrivilege' });
  await Promise.all([failure(held.get(), 'denied'), failure(held.get(), 'denied')]);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(await held.get(), expected);
});

test('an answer that holds none does not show what it holds', async (t) => {
  const { held, server } = await start(t);
  const [user, password] = ['a:b', 'password-not-to-be-shown'];
  for (const wrong of [
    { TempUsername: user, AuthorizationToken: password },
    { TempUsername: '', AuthorizationToken: password },
    { AuthorizationToken: '' },
    { AuthorizationToken: [password] },
    { AuthorizationToken: password, ExpireTime: password },
  ]) {
    server.faults.once(
      /^POST/,
      editJson((answer) => ({ ...answer, ...wrong })),
    );
    await failure(held.get(), 'protocol');
  }
});
