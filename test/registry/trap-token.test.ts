import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { startCallServer } from '../support/call-server.ts';
import { blobOf, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import * as token from '../support/token-fault.ts';
import { basic, bearer, failure, opens, robot, startStand, users } from './stand.ts';

const image = ociImage('tokens', { layers: [2_000] });
const tokens = /^GET \/token/;
const ping = /^GET \/v2\/$/;

async function pushed(t: Parameters<typeof startStand>[0], auth = bearer) {
  const stand = await startStand(t, { auth });
  await push(stand.registry.url, 'a/b', 'v1', image, users[0]);
  stand.registry.requests.length = 0;
  const resolve = () => stand.client.repository('a/b', 'pull').resolve('v1');
  return { ...stand, resolve, digest: async () => (await resolve())?.digest };
}

test('trap 37: challenges in one header or many, quoted commas, names in any case, a relative realm', async (t) => {
  const challenges = (url: string) => [
    `Basic realm="a, b", BEARER Realm="${url}/token",SERVICE="registry",scope="repository:a/b:pull,push"`,
    ['Negotiate', 'Basic realm="x', `Bearer realm="${url}/token", service="registry"`],
    'Bearer realm="/token", service=registry',
    `Bearer service="registry" , realm="${url}/token" , error="x\\"y, Basic realm=z"`,
  ];
  for (let index = 0; index < 4; index++) {
    const { registry, faults, digest } = await pushed(t);
    faults.once(ping, token.challenge(challenges(registry.url)[index]));
    assert.equal(await digest(), image.descriptor.digest, `challenge ${index}`);
  }
});

test('trap 38: scopes are repeated, not joined, and the needed one comes first', async (t) => {
  const { registry, client } = await pushed(t);
  const blob = blobOf('scopes', 'x/y');
  await client.repository('c/d', 'push').writeBlob(blob.descriptor, opens(blob), { from: 'a/b' });
  const [first] = registry.requests.filter(({ path }) => path === '/token');
  assert.match(first?.query ?? '', /scope=repository%3Ac%2Fd%3Apull%2Cpush&scope=repository%3Aa%2Fb%3Apull$/);
});

test('trap 39: a token for less than was asked is one refusal, not a loop; a mount without its token is an upload', async (t) => {
  const { client, faults, seen, resolve } = await pushed(t);
  faults.once(tokens, token.lessScope(/nothing/));
  await failure(resolve(), 'denied');
  assert.deepEqual([seen(tokens).length, seen(/manifests/).length], [1, 1]);
  // Harbor gives nothing for either project when two are named.
  const two: Misbehaviour = (call, next) => {
    const several = call.query.getAll('scope').length > 1;
    return several ? token.lessScope(/nothing/)(call, next) : next();
  };
  faults.always(tokens, two);
  const blob = blobOf('two projects', 'x/y');
  const repository = client.repository('c/d', 'push');
  assert.equal(await repository.writeBlob(blob.descriptor, opens(blob), { from: 'a/b' }), 'copied');
  assert.deepEqual([seen(/^POST/).length, seen(tokens).length], [2, 3]);
});

test('trap 40: `token` or `access_token`, both, or one of them empty', async (t) => {
  for (const fault of [token.onlyAccessToken, token.emptyAccessToken]) {
    const { faults, digest } = await pushed(t);
    faults.always(tokens, fault);
    assert.equal(await digest(), image.descriptor.digest);
  }
});

test('trap 40: a token longer than a header may be is refused, and not kept', async (t) => {
  const { faults, seen, resolve, digest } = await pushed(t);
  faults.always(tokens, token.length(16 * 1024 + 1));
  const { message } = await failure(resolve(), 'protocol');
  assert.match(
    message,
    /\/token answered with a token of 16385 characters, where at most 16384 are expected$/,
  );
  assert.equal(seen(/manifests/).length, 0);
  faults.clear();
  assert.equal(await digest(), image.descriptor.digest);
});

test('trap 41: without times a token is good for 60 s of our own clock, and not asked for each request', async (t) => {
  const { faults, clock, seen, digest } = await pushed(t);
  faults.always(tokens, token.withoutTimes);
  for (let seconds = 0; seconds < 45; seconds += 5) {
    assert.equal(await digest(), image.descriptor.digest);
    clock.advance(5_000);
  }
  assert.equal(seen(tokens).length, 1);
  clock.advance(10_000);
  await digest();
  assert.equal(seen(tokens).length, 2);
});

test('trap 44: a 401 without a challenge, with an empty one, or with Basic after a token, is what the ping said', async (t) => {
  for (const later of [token.challenge(undefined), token.challenge(''), token.basicAfterBearer]) {
    const { registry, faults, seen, digest } = await pushed(t);
    await digest();
    // The token has ended, and the refusal does not say where to get another.
    faults.once(/manifests/, (call, next) => {
      call.headers.authorization = 'Bearer ended';
      return later(call, next);
    });
    assert.equal(await digest(), image.descriptor.digest);
    assert.equal(seen(tokens).length, 2);
    assert.ok(
      registry.requests.every(({ path, authorization }) => path === '/token' || authorization !== 'basic'),
    );
  }
});

test('trap 45: a robot’s `$` and `+` reach the registry as they are, in Basic of UTF-8', async (t) => {
  const wanted = `Basic ${Buffer.from(`${robot.username}:${robot.password}`, 'utf8').toString('base64')}`;
  for (const auth of [basic, bearer]) {
    const { faults, digest } = await pushed(t, auth);
    const sent = new Set<string>();
    faults.always(/./, (call, next) => {
      if (call.headers.authorization?.startsWith('Basic')) sent.add(call.headers.authorization);
      return next();
    });
    assert.equal(await digest(), image.descriptor.digest);
    assert.deepEqual([...sent], [wanted]);
  }
});

test('trap 46: a realm on a foreign host receives nothing', async (t) => {
  const foreign = await startCallServer(t, () => ({ status: 200, headers: {} }));
  const { port } = new URL(foreign.url);
  for (const realm of [
    foreign.url,
    `http://localhost:${port}/token`,
    `http://user@127.0.0.1:${port}/`,
    'http://169.254.169.254/',
  ]) {
    const { faults, resolve } = await pushed(t);
    faults.once(ping, token.challenge(`Bearer realm="${realm}",service="registry"`));
    await failure(resolve(), 'denied');
  }
  assert.equal(foreign.requests.length, 0);
});
