import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError, type Fault } from '../../src/copy/error.ts';
import type { Misbehaviour } from '../../src/demo/registry/call.ts';
import { stall } from '../support/connection-fault.ts';
import { answer, html, registryError, unavailable } from '../support/fault.ts';
import { layer, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import * as token from '../support/token-fault.ts';
import { basic, bearer, failure, opens, robot, startStand } from './stand.ts';

const image = ociImage('auth', { layers: [2_000] });
const credential = { name: robot.username, password: robot.password };
const tokens = /^GET \/token/;

async function pushed(t: Parameters<typeof startStand>[0], auth = bearer) {
  const stand = await startStand(t, { auth });
  await push(stand.registry.url, 'a/b', 'v1', image, credential);
  stand.registry.requests.length = 0;
  return stand;
}

test('without authentication a registry is pinged once, and no credential leaves', async (t) => {
  const { registry, client, seen, assertFree } = await startStand(t, {}, { credential: async () => robot });
  await Promise.all(['v1', 'v2', 'v3'].map((tag) => client.repository('a/b', 'pull').resolve(tag)));
  assert.equal(seen(/^GET \/v2\/$/).length, 1);
  assert.deepEqual([...new Set(registry.requests.map(({ authorization }) => authorization))], ['none']);
  await assertFree();
});

test('Basic: the credential goes with every request but the ping, as UTF-8', async (t) => {
  const { registry, client, seen } = await pushed(t, basic);
  assert.equal((await client.repository('a/b', 'pull').resolve('v1'))?.digest, image.descriptor.digest);
  assert.deepEqual(
    registry.requests.map(({ path, authorization }) => [path, authorization]),
    [
      ['/v2/', 'none'],
      ['/v2/a/b/manifests/v1', 'basic'],
    ],
  );
  assert.deepEqual(seen(tokens), []);
});

test('the service that the challenge names, without a credential and asked for once', async (t) => {
  const { registry, client, seen } = await startStand(t, { auth: bearer });
  const named = await Promise.all([client.service(), client.service()]);
  await client.repository('a/b', 'pull').resolve('v1');
  assert.equal(seen(/^GET \/v2\/$/).length, 1);
  const challenge = (await fetch(`${registry.url}/v2/`)).headers.get('www-authenticate') ?? '';
  assert.ok(named[0] && challenge.includes(`service="${named[0]}"`), challenge);
  assert.equal(named[1], named[0]);
  for (const options of [{ auth: basic }, {}])
    assert.equal(await (await startStand(t, options)).client.service(), undefined);
});

test('Basic: a wrong password is denied by one request', async (t) => {
  const wrong = { credential: async () => ({ ...robot, password: 'wrong' }) };
  const { client, seen } = await startStand(t, { auth: basic }, wrong);
  await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.equal(seen(/manifests/).length, 1);
});

test('Bearer: whoever gave the credential hears that the token server does not know it, and a new one is used', async (t) => {
  const wrong = { ...robot, password: 'past its end' };
  let given = wrong;
  const refused: unknown[] = [];
  const { client } = await startStand(
    t,
    { auth: bearer },
    {
      credential: async () => given,
      onRefused: (credential) => {
        refused.push(credential);
        given = robot;
      },
    },
  );
  const repository = client.repository('a/b', 'pull');
  const error = await failure(repository.resolve('v1'), 'denied');
  assert.doesNotMatch(error.message, /past its end/);
  assert.equal(await repository.resolve('v1'), undefined);
  assert.deepEqual(refused, [wrong]);
});

test('Bearer: one token for all that wait, then from the cache; one more for other scopes', async (t) => {
  const { client, seen } = await pushed(t);
  const repository = client.repository('a/b', 'pull');
  await Promise.all(Array.from({ length: 12 }, () => repository.resolve('v1')));
  await repository.resolve('v1');
  assert.equal(seen(tokens).length, 1);
  await client.repository('a/b', 'push').resolve('v1');
  assert.equal(seen(tokens).length, 2);
  assert.equal(seen(/^GET \/v2\/$/).length, 1);
});

test('Bearer: pull and push are asked together at the destination, from the first request on', async (t) => {
  const { registry, client } = await pushed(t);
  const repository = client.repository('new/one', 'push');
  const blob = layer('together', 1_000);
  await repository.resolve('v1');
  assert.equal(await repository.hasBlob(blob.descriptor), false);
  assert.equal(await repository.writeBlob(blob.descriptor, opens(blob), {}), 'copied');
  const asked = registry.requests.filter(({ path }) => path === '/token').map(({ query }) => query);
  assert.deepEqual(
    asked.map((query) => new URLSearchParams(query).getAll('scope')),
    [['repository:new/one:pull,push']],
  );
});

test('Bearer: a token is renewed before it ends, and never used after', async (t) => {
  const { client, clock, seen } = await pushed(t);
  const repository = client.repository('a/b', 'pull');
  await repository.resolve('v1');
  clock.advance(269_000);
  await repository.resolve('v1');
  assert.equal(seen(tokens).length, 1);
  clock.advance(2_000); // nine tenths of its 300 s are over
  await repository.resolve('v1');
  assert.equal(seen(tokens).length, 2);
  assert.equal(seen(/manifests/).length, 3, 'no request was refused');
});

test('Bearer: a token that ended early costs one more, however many requests find out', async (t) => {
  const { client, faults, clock, seen } = await startStand(t, { auth: { ...bearer, tokenLife: 20_000 } });
  faults.always(tokens, token.promisedLife(300));
  const repository = client.repository('a/b', 'pull');
  await repository.resolve('v1');
  clock.advance(30_000);
  await Promise.all(Array.from({ length: 12 }, () => repository.resolve('v1')));
  assert.equal(seen(tokens).length, 2);
});

test('Bearer: a token refused by the registry is fetched anew once', async (t) => {
  const { client, faults, seen } = await pushed(t);
  const repository = client.repository('a/b', 'pull');
  await repository.resolve('v1');
  const revoked = 'Bearer realm="https://elsewhere.example/token",error="invalid_token"';
  faults.once(/manifests/, answer(401, { 'www-authenticate': revoked }));
  assert.equal((await repository.resolve('v1'))?.digest, image.descriptor.digest);
  assert.equal(seen(tokens).length, 2);
  await repository.resolve('v1');
  assert.equal(seen(tokens).length, 2, 'the new one is kept');
});

test('denied: one token, not a loop, and the next request may find the permission granted', async (t) => {
  const { client, faults, seen, assertFree } = await pushed(t);
  faults.times(1, tokens, token.lessScope(/never/));
  const error = await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.equal(error.status, 401);
  assert.deepEqual([seen(tokens).length, seen(/manifests/).length], [1, 1]);
  await client.repository('a/b', 'pull').resolve('v1');
  assert.deepEqual([seen(tokens).length, seen(/manifests/).length], [2, 2]);
  await assertFree();
});

test('denied with a token from the cache: exactly one more', async (t) => {
  const { client, faults, seen } = await pushed(t);
  await client.repository('a/b', 'pull').resolve('v1');
  faults.always(/manifests/, registryError(401, 'UNAUTHORIZED', 'no'));
  await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.deepEqual([seen(tokens).length, seen(/manifests/).length], [2, 3]);
});

test('insufficient_scope with a scope never asked for: exactly one more token', async (t) => {
  const { client, faults, seen, registry } = await pushed(t);
  const more = 'Bearer realm="x",scope="repository:a/b:pull repository:a/c:pull",error="insufficient_scope"';
  faults.always(/manifests/, answer(401, { 'www-authenticate': more }));
  await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.deepEqual([seen(tokens).length, seen(/manifests/).length], [2, 2]);
  assert.match(
    registry.requests.at(-2)?.query ?? '',
    /scope=repository%3Aa%2Fb%3Apull&scope=repository%3Aa%2Fc%3Apull/,
  );
  // What was refused is not kept: the permission may have been granted meanwhile.
  await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.equal(seen(tokens).length, 3);
});

const stray = answer(401, { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token",service="x"' });

test('a challenge whose token cannot be had is not kept: the next request asks the registry anew', async (t) => {
  for (const [expression, fault, reason] of [
    [/^GET \/v2\/$/, stray, 'denied'],
    [tokens, html(404), 'protocol'],
    [tokens, unavailable(), 'unreachable'],
  ] as const) {
    const { client, faults, seen, assertFree } = await pushed(t);
    const repository = client.repository('a/b', 'pull');
    faults.times(reason === 'unreachable' ? 4 : 1, expression, fault);
    await failure(repository.resolve('v1'), reason);
    assert.equal((await repository.resolve('v1'))?.digest, image.descriptor.digest);
    await repository.resolve('v1');
    assert.equal(seen(/^GET \/v2\/$/).length, 2, 'and then no more');
    await assertFree();
  }
});

test('one stray challenge of a registry that is open to all fails one request', async (t) => {
  const stand = await startStand(t, {}, { credential: async () => robot });
  await push(stand.registry.url, 'a/b', 'v1', image);
  const repository = stand.client.repository('a/b', 'pull');
  await repository.resolve('v1');
  stand.faults.once(/manifests/, stray);
  await failure(repository.resolve('v1'), 'denied');
  assert.equal((await repository.resolve('v1'))?.digest, image.descriptor.digest);
  assert.ok(stand.registry.requests.every(({ authorization }) => authorization === 'none'));
});

/** Says in code and message what it was sent, in each form that is secret. */
const echo: Misbehaviour = async (call, next) => {
  const header = call.headers.authorization ?? '';
  const given = header.slice(header.indexOf(' ') + 1);
  const pair = header.startsWith('Basic') ? Buffer.from(given, 'base64').toString() : '';
  const said = `${'x'.repeat(100)} ${header} ${given} ${pair} ${pair.slice(pair.indexOf(':') + 1)} ${'y'.repeat(300)} ${header}`;
  return registryError(403, header, said)(call, next);
};

for (const [what, auth, where] of [
  ['a registry that takes Basic', basic, /manifests/],
  ['a registry that takes Bearer', bearer, /manifests/],
  ['a token service', bearer, tokens],
] as const)
  test(`${what} and repeats what it was sent puts no secret into an error`, async (t) => {
    const { client, faults } = await pushed(t, auth);
    const sent = new Set<string>();
    faults.always(where, (call, next) => {
      sent.add(call.headers.authorization?.split(' ')[1] ?? '');
      return echo(call, next);
    });
    const { message, code } = await failure(
      client.repository('a/b', 'push').manifest(image.descriptor),
      'denied',
    );
    assert.match(`${code} ${message}`, /\*\*\* .*\*\*\* /);
    assert.equal(sent.size, 1);
    for (const secret of [...sent].flatMap((given) => [given, given.slice(0, 12), 'wörd', robot.password]))
      assert.ok(secret !== '' && !`${code} ${message}`.includes(secret), `${secret} in ${message}`);
  });

test('each wait can be aborted by itself; those who stay get their token', async (t) => {
  const { client, faults, seen } = await pushed(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const expression of [/^GET \/v2\/$/, tokens]) {
    faults.once(expression, stall(promise));
    const stop = new AbortController();
    const repository = client.repository('a/b', 'pull');
    const left = assert.rejects(repository.resolve('v1', stop.signal), /enough/);
    const stays = repository.resolve('v1');
    stop.abort(new RangeError('enough'));
    await left;
    resolve();
    assert.equal((await stays)?.digest, image.descriptor.digest);
  }
  assert.equal(seen(tokens).length, 1);
});

for (const [what, fault, reason] of [
  ['does not know the password', answer(401), 'denied'],
  ['is not there', html(404), 'protocol'],
  ['answers HTML', html(200), 'protocol'],
  ['gives no token', answer(200, {}, '{"token":""}'), 'protocol'],
  ['gives a token that is no header', answer(200, {}, '{"token":"a\\r\\nb: c"}'), 'protocol'],
  ['gives more than 64 KiB', answer(200, {}, JSON.stringify({ token: 'x'.repeat(70_000) })), 'protocol'],
  ['is down', unavailable(), 'unreachable'],
] as const)
  test(`a token service that ${what}: ${reason}, and no loop`, async (t) => {
    const { client, faults, seen, assertFree } = await pushed(t);
    faults.always(tokens, fault);
    const repository = client.repository('a/b', 'pull');
    await failure(repository.resolve('v1'), reason);
    assert.equal(seen(tokens).length, reason === 'unreachable' ? 4 : 1);
    assert.equal(seen(/manifests/).length, 0);
    await assertFree();
  });

test('a token service that is not there: its own answer is kept as the cause', async (t) => {
  const { client, faults } = await pushed(t);
  faults.always(tokens, answer(404));
  const { cause } = await failure(client.repository('a/b', 'pull').resolve('v1'), 'protocol');
  assert.ok(cause instanceof RegistryError);
  assert.deepEqual([cause.fault, cause.status], ['not-found', 404]);
});

test('a password that cannot be read is the registry’s failure, and says so', async (t) => {
  const unreadable = async () => Promise.reject(new RangeError('ENOENT /run/secrets/x'));
  const { client } = await startStand(t, { auth: bearer }, { credential: unreadable });
  const error = await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.match(error.message, /registry test: its credential cannot be read: ENOENT/);
});

const away: readonly [Fault, Fault][] = [
  ['unreachable', 'unreachable'],
  ['rate-limited', 'rate-limited'],
  // It is not what was to be copied that is not there.
  ['not-found', 'denied'],
];

for (const [fault, expected] of away)
  test(`whoever gives out the password is ${fault}: ${expected}, and not asked again at once`, async (t) => {
    let asked = 0;
    const credential = async () => {
      asked++;
      throw new RegistryError(fault, 'nobody there');
    };
    const { client } = await startStand(t, { auth: bearer }, { credential });
    const error = await failure(client.repository('a/b', 'pull').resolve('v1'), expected);
    assert.match(error.message, /registry test: its credential cannot be read: nobody there/);
    assert.equal(asked, 1);
  });

test('what answers the ping in another way is no registry', async (t) => {
  const { client, faults } = await startStand(t);
  faults.once(/^GET \/v2\/$/, html(404));
  faults.once(/^GET \/v2\/$/, answer(401));
  faults.once(/^GET \/v2\/$/, html(403));
  const ask = () => client.repository('a/b', 'pull').resolve('v1');
  assert.match(
    (await failure(ask(), 'protocol')).message,
    /GET http.*\/v2\/: .* got 404; is this a registry/,
  );
  await failure(ask(), 'protocol');
  await failure(ask(), 'denied');
  assert.equal(await ask(), undefined, 'asked again, it is one');
});

test('a token that comes in the wrong form is quoted nowhere', async (t) => {
  const { client, faults } = await pushed(t);
  faults.always(tokens, answer(200, {}, 'eyJhbGciOi-half-a-token'));
  const { message } = await failure(client.repository('a/b', 'pull').resolve('v1'), 'protocol');
  assert.match(message, /expected a JSON object, got 23 bytes/);
  assert.doesNotMatch(message, /eyJ/);
});
