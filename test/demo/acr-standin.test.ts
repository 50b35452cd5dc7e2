import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { nocreate, pusher, reader, temporary } from '../support/acr-tokens.ts';
import { Client, type Credential, basic } from '../support/client.ts';
import { rateLimited } from '../support/fault.ts';
import { type Received, type Sent, send } from '../support/http.ts';
import { artifact, helmChart, indexOf, multiPlatform, ociImage } from '../support/image.ts';
import { contentsOf, digestOfTag, push } from '../support/push.ts';

/** The shapes of acr.md, sections 7.1 and 10: what a client of the stand-in sees when it goes wrong. */

const image = ociImage('standin', { layers: [5_000] });
const layer = image.blobs[1]?.descriptor.digest ?? '';

async function askToken(
  { tokens }: AcrStandIn,
  credential: Credential,
  ...scopes: string[]
): Promise<Received> {
  const query = new URLSearchParams({ service: tokens.trust.service });
  for (const scope of scopes) query.append('scope', scope);
  return send(`${tokens.trust.realm}?${query.toString()}`, { headers: { authorization: basic(credential) } });
}

async function bearer(acr: AcrStandIn, credential: Credential, ...scopes: string[]): Promise<string> {
  const answer = await askToken(acr, credential, ...scopes);
  assert.equal(answer.status, 200);
  return `Bearer ${String(JSON.parse(answer.body.toString()).token)}`;
}

function accessIn(authorization: string): unknown {
  return JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString()).access;
}

const begin: Sent = { method: 'POST' };

test('without a token: Distribution’s 87 bytes, and the service that tells the edition', async (t) => {
  const { url, tokens } = await startAcr(t);
  const { status, headers, body } = await send(`${url}/v2/`);
  assert.equal(status, 401);
  assert.equal(body.length, 87);
  assert.equal(
    headers['www-authenticate'],
    `Bearer realm="${tokens.trust.realm}",service="registry.aliyuncs.com:cn-shanghai:china:cri-standin00000001"`,
  );
});

test('an image arrives whole, and its blobs are had from storage without the credential', async (t) => {
  const acr = await startAcr(t);
  const whole = multiPlatform('whole', 'empty');
  await push(acr.url, 'mirror/app', 'v1', whole, pusher);
  const lines = await contentsOf(acr.url, 'mirror/app', 'v1', pusher);
  assert.equal(lines.length, 1 + 2 * 3 + 2 * 3);
  assert.equal(lines[0], `${whole.descriptor.mediaType} ${whole.descriptor.digest} ${whole.descriptor.size}`);
  assert.ok(acr.storage.requests.length > 0);
  assert.ok(acr.storage.requests.every(({ authorization }) => authorization === 'none'));
});

test('what is denied is an empty token, then 401 insufficient_scope', async (t) => {
  const acr = await startAcr(t);
  const denied: [Credential, string][] = [
    [pusher, 'missing/app'],
    [pusher, 'frozen/new'],
    [pusher, 'mirror/a/b'],
    [nocreate, 'mirror/new'],
    [temporary, 'frozen/known'],
  ];
  for (const [credential, repository] of denied) {
    const authorization = await bearer(acr, credential, `repository:${repository}:pull,push`);
    assert.deepEqual(accessIn(authorization), [], repository);
    const answer = await send(`${acr.url}/v2/${repository}/blobs/uploads/`, {
      ...begin,
      headers: { authorization },
    });
    assert.equal(answer.status, 401, repository);
    assert.match(
      String(answer.headers['www-authenticate']),
      new RegExp(`scope="repository:${repository}:(pull,push|push,pull)",error="insufficient_scope"`),
    );
  }
});

test('a reader reads but cannot push; a pull-only token for what is not there yet is empty', async (t) => {
  const acr = await startAcr(t);
  const scope = 'repository:mirror/app:pull,push';
  assert.deepEqual(accessIn(await bearer(acr, pusher, 'repository:mirror/app:pull')), []);
  await push(acr.url, 'mirror/app', 'v1', image, pusher);
  const authorization = await bearer(acr, reader, scope);
  assert.deepEqual(accessIn(authorization), [{ type: 'repository', name: 'mirror/app', actions: ['pull'] }]);
  assert.equal(await digestOfTag(acr.url, 'mirror/app', 'v1', reader), image.descriptor.digest);
});

test('a token that expires in mid-upload is invalid_token, and the session goes on with a new one', async (t) => {
  const acr = await startAcr(t);
  const scope = 'repository:mirror/app:pull,push';
  const authorization = await bearer(acr, pusher, scope);
  const begun = await send(`${acr.url}/v2/mirror/app/blobs/uploads/`, {
    ...begin,
    headers: { authorization },
  });
  assert.equal(begun.status, 202);
  const location = String(begun.headers.location);
  assert.equal(new URL(location).origin, acr.url);
  acr.edge.expireTokens();
  const patch = (token: string) =>
    send(location, { method: 'PATCH', headers: { authorization: token }, body: Buffer.from('bytes') });
  const refused = await patch(authorization);
  assert.equal(refused.status, 401);
  assert.match(String(refused.headers['www-authenticate']), /error="invalid_token"/);
  assert.equal((await patch(await bearer(acr, pusher, scope))).status, 202);
});

test('tokens can have expired when they come', async (t) => {
  const acr = await startAcr(t);
  acr.tokens.tokenLife = 0;
  const authorization = await bearer(acr, pusher);
  const answer = await send(`${acr.url}/v2/`, { headers: { authorization } });
  assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/);
});

test('a temporary user whose hour is over, or a wrong password: 401 at the realm', async (t) => {
  const acr = await startAcr(t);
  const scope = 'repository:mirror/app:pull,push';
  assert.equal((await askToken(acr, temporary, scope)).status, 200);
  for (const user of acr.accounts.users) user.expired = user.name === temporary.name;
  assert.equal((await askToken(acr, temporary, scope)).status, 401);
  assert.equal((await askToken(acr, { ...pusher, password: 'wrong' }, scope)).status, 401);
  assert.equal((await send(acr.tokens.trust.realm, { method: 'POST' })).status, 400);
});

test('what is no image is refused where only images are taken, and taken elsewhere', async (t) => {
  const [all, imagesOnly] = [await startAcr(t), await startAcr(t, { imagesOnly: true })];
  for (const thing of [artifact('thing'), helmChart('chart')]) {
    await push(all.url, 'mirror/things', 'v1', thing, pusher);
    const refused = push(imagesOnly.url, 'mirror/things', 'v1', thing, pusher);
    await assert.rejects(refused, /got 403: .*DENIED.*unknown manifest class for application\/vnd/);
  }
  await push(imagesOnly.url, 'mirror/app', 'v1', multiPlatform('old attestations', 'image'), pusher);
});

test('an index before its children is 400 MANIFEST_BLOB_UNKNOWN', async (t) => {
  const acr = await startAcr(t);
  const index = { ...indexOf([{ image }]), children: [] };
  await assert.rejects(push(acr.url, 'mirror/app', 'v1', index, pusher), /got 400: .*MANIFEST_BLOB_UNKNOWN/);
});

test('no catalog, no referrers, tags without pages', async (t) => {
  const acr = await startAcr(t);
  for (const tag of ['v1', 'v2', 'v3']) await push(acr.url, 'mirror/app', tag, image, pusher);
  const client = new Client(acr.url, pusher);
  assert.equal((await client.send('/v2/_catalog')).status, 401);
  const referrers = await client.send(`/v2/mirror/app/referrers/${image.descriptor.digest}`);
  assert.deepEqual([referrers.status, referrers.headers['content-type']], [404, 'text/plain; charset=utf-8']);
  const tags = await client.expect(200, '/v2/mirror/app/tags/list?n=1');
  assert.equal(tags.headers.link, undefined);
  assert.deepEqual(JSON.parse(tags.body.toString()).tags.toSorted(), ['v1', 'v2', 'v3']);
});

test('a mount needs a scope for the source too', async (t) => {
  const acr = await startAcr(t);
  await push(acr.url, 'mirror/app', 'v1', image, pusher);
  const mount = `${acr.url}/v2/mirror/other/blobs/uploads/?mount=${layer}&from=mirror/app`;
  const other = 'repository:mirror/other:pull,push';
  const without = await bearer(acr, pusher, other);
  assert.equal((await send(mount, { ...begin, headers: { authorization: without } })).status, 401);
  const both = await bearer(acr, pusher, other, 'repository:mirror/app:pull');
  assert.equal((await send(mount, { ...begin, headers: { authorization: both } })).status, 201);
});

test('an immutable tag cannot be written again, not even with the same digest; latest can', async (t) => {
  const acr = await startAcr(t);
  acr.edge.immutable.add('mirror/app');
  for (const tag of ['v1', 'latest', 'latest']) await push(acr.url, 'mirror/app', tag, image, pusher);
  const again = push(acr.url, 'mirror/app', 'v1', image, pusher);
  await assert.rejects(again, /got 403: .*already exists and cannot be overwritten/);
});

test('an address that is not on the whitelist gets no answer', async (t) => {
  const acr = await startAcr(t);
  acr.edge.whitelist = 'reset';
  await assert.rejects(send(`${acr.url}/v2/`), { code: 'ECONNRESET' });
  acr.edge.whitelist = 'hang';
  const before = acr.requests.length;
  const hanging = assert.rejects(send(`${acr.url}/v2/`), { code: 'ECONNRESET' });
  t.after(() => hanging);
  while (acr.requests.length === before) await setImmediate();
  acr.edge.whitelist = 'open';
  assert.equal((await send(`${acr.url}/v2/`)).status, 401);
  assert.equal(acr.requests[before]?.status, 0);
});

test('faults at the edge and at the realm', async (t) => {
  const acr = await startAcr(t);
  acr.faults.once(/^GET \/v2\/$/, rateLimited('2'));
  acr.tokens.faults.once(/^GET \/auth/, rateLimited('3'));
  assert.equal((await send(`${acr.url}/v2/`)).headers['retry-after'], '2');
  assert.equal((await askToken(acr, pusher)).headers['retry-after'], '3');
  assert.equal((await askToken(acr, pusher)).status, 200);
});
