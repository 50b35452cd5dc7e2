import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json } from '../../src/demo/registry/call.ts';
import { RealmPolicy } from '../../src/registry/token.ts';
import { follow, isInternal, sameOrigin, shown } from '../../src/registry/url.ts';
import { startCallServer } from '../support/call-server.ts';
import { answer, redirect, setHeaders } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { startStorage } from '../support/storage.ts';
import { challenge } from '../support/token-fault.ts';
import { bearer, clientOf, failure, read, robot, startStand } from './stand.ts';

const image = ociImage('address', { layers: [50_000] });
const credential = { name: robot.username, password: robot.password };
const layerBlob = image.blobs[1]?.descriptor ?? image.descriptor;

/** Answers everything with a token; a test looks at what came. */
function tokenHost(t: Parameters<typeof startStand>[0]) {
  return startCallServer(t, () => json(200, { token: 'stolen' }));
}

test('a realm on another host gets nothing, unless it is allowed', async (t) => {
  const other = await tokenHost(t);
  const { registry, client, faults } = await startStand(t, { auth: bearer });
  const there = challenge(`Bearer realm="${other.url}/token",service="registry"`);
  faults.once(/^GET \/v2\/$/, there);
  const error = await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.match(error.message, /may not get the credential; if it is right, add it to tokenHosts/);
  assert.equal(other.requests.length, 0);
  for (const tokenHosts of [['127.0.0.1'], [new URL(other.url).host]]) {
    faults.once(/^GET \/v2\/$/, there);
    const allowed = clientOf(t, registry.url, { credential: async () => robot, tokenHosts });
    await failure(allowed.repository('a/b', 'pull').resolve('v1'), 'denied');
  }
  assert.deepEqual(
    other.requests.map(({ authorization }) => authorization),
    ['basic', 'basic'],
  );
});

test('a realm on a port of its own is another host; without a credential, too, an internal one gets nothing', async (t) => {
  const other = await tokenHost(t);
  const { registry, faults } = await startStand(t);
  faults.always(/./, async () => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${other.url}/token"` },
  }));
  const anonymous = clientOf(t, registry.url);
  const error = await failure(anonymous.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.match(error.message, /is an internal address/);
  assert.equal(other.requests.length, 0);
});

test('a token service on a host of its own that was allowed gives tokens', async (t) => {
  const { registry, client } = await startStand(
    t,
    { auth: { ...bearer, apart: true } },
    { tokenHosts: ['127.0.0.1'] },
  );
  await push(registry.url, 'a/b', 'v1', image, credential);
  assert.equal((await client.repository('a/b', 'pull').resolve('v1'))?.digest, image.descriptor.digest);
});

test('where any token server is believed, the one that the registry names gets the credential', async (t) => {
  const other = await tokenHost(t);
  const { registry, faults } = await startStand(t, { auth: bearer });
  faults.once(/^GET \/v2\/$/, challenge(`Bearer realm="${other.url}/token",service="registry"`));
  const client = clientOf(t, registry.url, { credential: async () => robot, tokenHosts: 'any' });
  await failure(client.repository('a/b', 'pull').resolve('v1'), 'denied');
  assert.deepEqual(
    other.requests.map(({ authorization }) => authorization),
    ['basic'],
  );
});

test('credentials and tokens do not follow a redirect to another host', async (t) => {
  const { registry, client, faults, assertFree } = await startStand(t, { auth: bearer });
  await push(registry.url, 'a/b', 'v1', image, credential);
  const storage = await startStorage(t);
  faults.always(/^GET .*\/blobs\//, storage.redirect);
  assert.equal((await read(client, 'a/b', layerBlob)).length, layerBlob.size);
  assert.deepEqual(
    storage.requests.map(({ authorization }) => authorization),
    ['none'],
  );
  await assertFree();
});

test('where the credential itself is shown, no other host is asked in its place', async (t) => {
  const { registry, client, faults, assertFree } = await startStand(t, {}, { credential: async () => robot });
  const other = await startCallServer(t, () => ({ status: 200, headers: {}, body: Buffer.from('{}') }));
  const url = new URL('/api/list?key=hidden', registry.url);
  const call = { method: 'GET', url, scopes: [], auth: 'basic', expect: [200] } as const;
  faults.always(/^GET \/api\/list/, redirect(`${other.url}/api/list`));
  const error = await failure(client.send(call, 1000), 'protocol');
  const to = new URL(other.url).host;
  assert.equal(error.message, `${registry.url}/api/list: expected an answer, got a redirect to ${to}`);
  assert.equal(other.requests.length, 0);
  faults.clear();
  faults.always(/^GET \/api\/list/, redirect('/api/other'));
  faults.always(/^GET \/api\/other/, answer(200, {}, '{}'));
  assert.equal((await client.send(call, 1000)).bytes.toString(), '{}');
  assert.deepEqual(new Set(registry.requests.map(({ authorization }) => authorization)), new Set(['basic']));
  await assertFree();
});

test('another host’s 401 brings it no credential, and costs no token', async (t) => {
  for (const ask of ['Basic realm="x"', 'Bearer realm="http://127.0.0.1:1/token"']) {
    const other = await startCallServer(t, () => ({ status: 401, headers: { 'www-authenticate': ask } }));
    const { client, faults, seen, assertFree } = await startStand(t, {}, { credential: async () => robot });
    faults.always(/blobs/, redirect(`${other.url}/blob`));
    await failure(read(client, 'a/b', layerBlob), 'denied');
    assert.deepEqual(
      other.requests.map(({ authorization }) => authorization),
      ['none'],
    );
    // Nor has it taught the client how to speak to the registry.
    await client.repository('a/b', 'pull').resolve('v1');
    assert.deepEqual(seen(/token/), []);
    await assertFree();
  }
});

test('a redirect within the registry keeps the token, and one that comes back gets it again', async (t) => {
  const { registry, client, faults } = await startStand(t, { auth: bearer });
  await push(registry.url, 'a/b', 'v1', image, credential);
  const back = await startCallServer(t, (call) => ({
    status: 307,
    headers: { location: `${registry.url}${call.path}` },
  }));
  faults.once(/manifests/, redirect(`${back.url}/v2/a/b/manifests/v1`));
  faults.once(/manifests/, redirect('/v2/a/b/manifests/v1', 308));
  assert.equal((await client.repository('a/b', 'pull').resolve('v1'))?.digest, image.descriptor.digest);
  assert.deepEqual(
    back.requests.map(({ authorization }) => authorization),
    ['none'],
  );
  assert.deepEqual(
    registry.requests
      .filter(({ method }) => method === 'HEAD')
      .map(({ authorization }) => authorization)
      .slice(-3),
    ['bearer', 'bearer', 'bearer'],
  );
});

for (const [what, fault] of [
  ['to itself', redirect('/v2/a/b/manifests/v1')],
  ['without Location', setHeaders({})],
  ['to nowhere', redirect('http://')],
  ['to another scheme', redirect('file:///etc/passwd')],
] as const)
  test(`a redirect ${what} ends as the registry’s mistake`, async (t) => {
    const { client, faults, seen, assertFree } = await startStand(t);
    const nowhere = async () => ({ status: 302, headers: {} });
    faults.always(/manifests/, what === 'without Location' ? nowhere : fault);
    await failure(client.repository('a/b', 'pull').resolve('v1'), 'protocol');
    assert.equal(seen(/manifests/).length, what === 'to itself' ? 6 : 1);
    await assertFree();
  });

test('what leads from the outside to this machine, or from https to http, is not followed', () => {
  const outside = new URL('https://registry.example.com/v2/a/b/blobs/x');
  const refused = [
    'http://registry.example.com/x',
    'https://127.0.0.1/x',
    'https://127.1/x',
    'https://2130706433/x',
    'https://localhost/x',
    'https://localhost./x',
    'https://a.localhost/x',
    'https://169.254.169.254/latest/meta-data',
    'https://100.100.100.200/latest/meta-data',
    'https://0.0.0.0/x',
    'https://[::1]/x',
    'https://[::]/x',
    'https://[fe80::1]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://[::ffff:169.254.169.254]/x',
    'https://[::ffff:100.100.100.200]/x',
    'javascript:alert(1)',
    '',
  ];
  for (const to of refused) assert.throws(() => follow(outside, to, 'a redirect'), { fault: 'protocol' }, to);
  for (const to of ['/x', 'x?y=z', '//cdn.example.com/x', 'https://10.0.0.1/x', 'https://[2001:db8::1]/x'])
    assert.ok(follow(outside, to, 'a redirect'), to);
  const inside = new URL('http://127.0.0.1:5000/v2/');
  assert.equal(follow(inside, 'http://localhost:5001/x', 'a redirect').port, '5001');
  assert.equal(isInternal('127.0.0.1.example.com'), false);
});

test('a query, which may carry a signature, is not shown; nor are a user and password', () => {
  const url = new URL('https://user:secret@h.example/path?Signature=secret#secret');
  assert.equal(shown(url), 'https://h.example/path');
  assert.throws(
    () => follow(url, 'ftp://u:secret@h/?Signature=secret', 'x'),
    (error: Error) => {
      return !error.message.includes('secret');
    },
  );
});

test('to which realms a credential may go', () => {
  const accepts = (
    registry: string,
    realm: string,
    options: { hosts?: string[] | 'any'; aliyun?: boolean } = {},
  ) => {
    const policy = new RealmPolicy(new URL(registry), options.hosts ?? [], options.aliyun ?? false);
    try {
      return policy.accept(realm, true).href;
    } catch (error) {
      return error instanceof Error ? error.name : 'thrown';
    }
  };
  const harbor = 'https://harbor.example:8443';
  const no = 'RegistryError';
  assert.equal(accepts(harbor, 'https://harbor.example:8443/token'), 'https://harbor.example:8443/token');
  assert.equal(accepts(harbor, '/service/token'), 'https://harbor.example:8443/service/token');
  assert.equal(accepts('https://h.example', 'https://h.example:443/t'), 'https://h.example/t');
  // Behind a proxy that ends TLS.
  assert.equal(accepts('https://h.example', 'http://h.example/t'), 'https://h.example/t');
  assert.equal(accepts('http://h.example', 'http://h.example/t'), 'http://h.example/t');
  for (const realm of [
    'https://harbor.example/token',
    'https://evil.example/token',
    'https://harbor.example:8443@evil.example/token',
    'https://harbor.example.evil.example:8443/token',
    'http://evil.example/token',
    'ftp://harbor.example:8443/',
    'https://',
    '//evil.example/token',
  ])
    assert.equal(accepts(harbor, realm), no, realm);
  assert.equal(
    accepts(harbor, 'https://auth.example:1/t', { hosts: ['auth.example'] }),
    'https://auth.example:1/t',
  );
  assert.equal(accepts(harbor, 'https://auth.example:1/t', { hosts: ['auth.example:2'] }), no);
  const any = { hosts: 'any' } as const;
  // By IP address and node port, with the realm of Harbor's own name.
  assert.equal(
    accepts('https://10.0.0.7:30003', 'https://harbor.example/t', any),
    'https://harbor.example/t',
  );
  assert.equal(accepts('http://10.0.0.7:30002', 'http://harbor.example/t', any), 'http://harbor.example/t');
  assert.equal(accepts('http://127.0.0.1:5000', 'http://127.0.0.1:5001/t', any), 'http://127.0.0.1:5001/t');
  for (const realm of [
    'http://harbor.lan/t',
    'https://127.0.0.1/t',
    'https://169.254.169.254/t',
    'ftp://h.example/',
  ])
    assert.equal(accepts(harbor, realm, any), no, realm);
  const ee = 'https://demo-registry.cn-shanghai.cr.aliyuncs.com';
  for (const host of [
    'dockerauth.cn-shanghai.aliyuncs.com',
    'dockerauth-vpc.cn-shanghai.aliyuncs.com',
    'dockerauth-ee.cn-shanghai.aliyuncs.com',
    'dockerauth-ee-vpc.cn-shanghai.aliyuncs.com',
    'dockerauth-cn-zhangjiakou.aliyuncs.com',
  ]) {
    assert.equal(accepts(ee, `https://${host}/auth`, { aliyun: true }), `https://${host}/auth`);
    assert.equal(accepts(ee, `https://${host}/auth`), no, 'only for registries of that type');
    for (const realm of [`http://${host}/auth`, `https://${host}/other`, `https://${host}.evil.example/auth`])
      assert.equal(accepts(ee, realm, { aliyun: true }), no, realm);
  }
  assert.equal(accepts(ee, 'https://dockerauth.evil.example/auth', { aliyun: true }), no);
});

test('a default port, written out or not, makes no other host', () => {
  const same: [string, string][] = [
    ['https://h.example', 'https://h.example:443/x'],
    ['http://h.example:80', 'http://h.example'],
    ['https://H.example', 'https://h.example'],
  ];
  for (const [one, other] of same) assert.ok(sameOrigin(new URL(one), new URL(other)));
  for (const other of ['http://h.example', 'https://h.example:444', 'https://h.example.evil'])
    assert.ok(!sameOrigin(new URL('https://h.example'), new URL(other)), other);
});
