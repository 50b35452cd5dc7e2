import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { oidcRole } from '../../src/aliyun/oidc.ts';
import { Wire } from '../../src/aliyun/wire.ts';
import { LeapingClock } from '../registry/clock.ts';
import { accessKey } from '../support/acr-openapi.ts';
import { reset } from '../support/connection-fault.ts';
import { answer, editJson, html } from '../support/fault.ts';
import { role, startSts } from '../support/sts.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { connections, failure, startStand } from './stand.ts';

const minute = 60_000;

async function start(t: Ending, clock = new LeapingClock()) {
  const sts = await startSts(t, () => clock.now());
  const tokenFile = join(await temporaryFolder(t), 'token');
  await writeFile(tokenFile, `${sts.token}\n`);
  const wire = new Wire({ connections: connections(), idleTimeout: 5_000, onRequest: () => undefined });
  t.after(() => wire.close());
  const url = async () => new URL(sts.url);
  const identity = oidcRole({ ...role, tokenFile, sessionName: 'tagferry', url, wire, clock });
  return { clock, sts, identity, tokenFile };
}

test('the token goes in the body, unsigned, and a key comes back', async (t) => {
  const { identity, sts, clock } = await start(t);
  assert.deepEqual(await identity.get(), { ...accessKey, securityToken: 'sts-token-1' });
  const [call] = sts.calls;
  const { SignatureNonce: nonce, ...query } = call?.query ?? {};
  assert.deepEqual(query, {
    Action: 'AssumeRoleWithOIDC',
    Format: 'JSON',
    Timestamp: new Date(clock.now()).toISOString().replace('.000', ''),
    Version: '2015-04-01',
  });
  assert.match(nonce ?? '', /^[0-9a-f-]{36}$/);
  assert.deepEqual(call?.form, {
    RoleArn: role.roleArn,
    OIDCProviderArn: role.providerArn,
    OIDCToken: sts.token,
    RoleSessionName: 'tagferry',
  });
});

test('renewed ahead of its end, with the token that is in the file by then', async (t) => {
  const { identity, sts, clock, tokenFile } = await start(t);
  await Promise.all([identity.get(), identity.get()]);
  assert.equal(sts.given, 1);
  sts.token = 'the-next-one-not-to-be-shown';
  await writeFile(tokenFile, sts.token);
  clock.advance(54 * minute);
  assert.equal((await identity.get()).securityToken, 'sts-token-2');
});

test('a token that is refused is told, and not shown', async (t) => {
  const { identity, sts, tokenFile } = await start(t);
  await writeFile(tokenFile, 'stale-not-to-be-shown');
  const error = await failure(identity.get(), 'denied');
  assert.equal(
    error.message,
    `AssumeRoleWithOIDC at ${sts.url} answered 400 (AuthenticationFail.OIDCToken.Expired; The token *** has expired.; request R-4; expected a role whose trust policy names this OIDC provider, audience and service account, and a token in force)`,
  );
  assert.equal(error.code, 'AuthenticationFail.OIDCToken.Expired');
});

test('a token file that is missing, or empty', async (t) => {
  const { identity, sts, tokenFile } = await start(t);
  await writeFile(tokenFile, '\n');
  const empty = await failure(identity.get(), 'denied');
  assert.match(empty.message, /^aliyun\.oidc\.tokenFile: expected a token in .*, got an empty file$/);
  await rm(tokenFile);
  const missing = await failure(identity.get(), 'denied');
  assert.match(missing.message, /^aliyun\.oidc\.tokenFile: expected a file with a token: ENOENT/);
  assert.equal(sts.calls.length, 0);
});

const endless = {
  AccessKeyId: 'AKTEST',
  AccessKeySecret: 'not-to-be-shown',
  SecurityToken: 'not-to-be-shown',
  Expiration: 'not-to-be-shown',
};

test('what passes is told from what does not', async (t) => {
  const { identity, sts } = await start(t);
  for (const [fault, expected] of [
    [reset, 'unreachable'],
    [html(502), 'unreachable'],
    [answer(408), 'timeout'],
    [answer(429), 'rate-limited'],
    [answer(400, {}, '{"Code":"Throttling.User"}'), 'rate-limited'],
    [answer(403), 'denied'],
    [answer(200, {}, '{}'), 'protocol'],
    [answer(200, {}, '[]'), 'protocol'],
    [editJson((whole) => ({ ...whole, Credentials: { SecurityToken: 'not-to-be-shown' } })), 'protocol'],
    [editJson((whole) => ({ ...whole, Credentials: endless })), 'protocol'],
  ] as const) {
    sts.faults.once(/^POST/, fault);
    await failure(identity.get(), expected);
  }
});

test('an OpenAPI that takes the key no more gets the next one', async (t) => {
  const { identity, sts, clock } = await start(t);
  const { server, client } = await startStand(t, { clock, identity });
  const ask = () => client.call('GetAuthorizationToken', {}, z.object({}));
  await ask();
  server.refuse(1, { status: 400, code: 'InvalidSecurityToken.Expired' });
  await ask();
  const tokens = server.calls.map(({ headers }) => headers['x-acs-security-token']);
  assert.deepEqual(tokens, ['sts-token-1', 'sts-token-1', 'sts-token-2']);
  server.refuse(2, { status: 400, code: 'InvalidSecurityToken.Malformed' });
  const error = await failure(ask(), 'denied');
  assert.match(error.message, /expected a security token that is in force/);
  assert.equal(sts.given, 3);
});

test('an OpenAPI that is asked while STS is away for a moment', async (t) => {
  const { identity, sts, clock } = await start(t);
  const { server, client } = await startStand(t, { clock, identity });
  sts.faults.times(3, /^POST/, reset);
  await client.call('GetAuthorizationToken', {}, z.object({}));
  assert.equal(server.calls.length, 1);
  sts.faults.always(/^POST/, reset);
  clock.advance(60 * minute);
  await failure(client.call('GetAuthorizationToken', {}, z.object({})), 'unreachable');
  assert.equal(sts.requests.length, 4 + 4);
});
