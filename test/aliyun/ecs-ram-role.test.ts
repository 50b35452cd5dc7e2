import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ecsRamRole } from '../../src/aliyun/ecs-ram-role.ts';
import { Wire } from '../../src/aliyun/wire.ts';
import { LeapingClock } from '../registry/clock.ts';
import { accessKey } from '../support/acr-openapi.ts';
import { answer, html } from '../support/fault.ts';
import { startEcsMetadata } from '../support/sts.ts';
import type { Ending } from '../support/temporary.ts';
import { connections, failure } from './stand.ts';

const minute = 60_000;

async function start(t: Ending, role?: string) {
  const clock = new LeapingClock();
  const ecs = await startEcsMetadata(t, () => clock.now());
  const wire = new Wire({ connections: connections(), idleTimeout: 5_000, onRequest: () => undefined });
  t.after(() => wire.close());
  const identity = ecsRamRole({ role, url: new URL(ecs.url), wire, clock });
  const seen = () => ecs.requests.map(({ method, path }) => `${method} ${path}`);
  return { clock, ecs, identity, seen };
}

const names = '/latest/meta-data/ram/security-credentials/';

test('a token, the role that is attached, and its key', async (t) => {
  const { identity, seen } = await start(t);
  assert.deepEqual(await identity.get(), { ...accessKey, securityToken: 'sts-token-1' });
  assert.deepEqual(seen(), ['PUT /latest/api/token', `GET ${names}`, `GET ${names}mirror`]);
});

test('a role that is known is not asked for', async (t) => {
  const { identity, seen } = await start(t, 'mirror');
  await identity.get();
  assert.deepEqual(seen(), ['PUT /latest/api/token', `GET ${names}mirror`]);
});

test('a metadata server that knows no tokens is asked without', async (t) => {
  const { identity, ecs } = await start(t);
  ecs.tokens = 'unknown';
  assert.equal((await identity.get()).securityToken, 'sts-token-1');
});

test('renewed ahead of its end', async (t) => {
  const { identity, ecs, clock } = await start(t);
  ecs.life = 15 * minute;
  await identity.get();
  clock.advance(13 * minute);
  assert.equal((await identity.get()).securityToken, 'sts-token-1');
  clock.advance(minute);
  assert.equal((await identity.get()).securityToken, 'sts-token-2');
});

test('an instance without a role, or with another one', async (t) => {
  const none = await start(t);
  none.ecs.role = undefined;
  const nothing = await failure(none.identity.get(), 'denied');
  assert.equal(
    nothing.message,
    `the RAM role of this ECS instance (aliyun.ecsRamRole) at ${none.ecs.url}${names} answered 404 (expected a RAM role of that name, attached to the instance in the ECS console)`,
  );
  const other = await start(t, 'other');
  const error = await failure(other.identity.get(), 'denied');
  assert.match(error.message, /security-credentials\/other answered 404/);
});

test('what passes is told from what does not', async (t) => {
  const { identity, ecs } = await start(t);
  for (const [first, fault, expected] of [
    [/^PUT/, html(503), 'unreachable'],
    [/^PUT/, answer(429), 'rate-limited'],
    [/^GET/, html(500), 'unreachable'],
    [/^GET/, answer(200, {}, '../../x'), 'protocol'],
    [/mirror$/, answer(200, {}, '{"Code":"Success","SecurityToken":"token-not-to-be-shown"}'), 'protocol'],
    [/mirror$/, answer(200, {}, '<html>'), 'protocol'],
  ] as const) {
    ecs.faults.once(first, fault);
    await failure(identity.get(), expected);
  }
});
