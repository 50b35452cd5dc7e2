import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proxies, proxiesOf } from '../../src/registry/proxy.ts';
import { originOf } from '../../src/registry/scheme.ts';
import { certificate } from '../support/certificate.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { blobOf, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { LeapingClock } from './clock.ts';
import { clientOf, failure, opens, read } from './stand.ts';

const image = ociImage('proxy', { layers: [300_000] });
const [, layer] = image.blobs;
const through = (host: string) => proxiesOf({ HTTP_PROXY: `http://${host}`, HTTPS_PROXY: host });

/** Whether the proxy is taken for these addresses. */
const takes = (except: string, ...addresses: string[]): boolean[] => {
  const proxies = proxiesOf({ https_proxy: 'http://proxy.example:3128', no_proxy: except });
  return addresses.map((address) => proxies.of(new URL(address)) !== undefined);
};

for (const scheme of ['http', 'https'] as const)
  test(`a registry that only a proxy reaches, by ${scheme}: read, written, and its certificate checked`, async (t) => {
    const { key, cert, ca } = await certificate();
    const { url } = await startDockerRegistry(t, scheme === 'https' ? { tls: { key, cert } } : {});
    const proxy = await startConnectProxy(t, new URL(url).host, 'user:p@ss');
    const proxies = through(`user:p%40ss@${proxy.host}`);
    const there = `${scheme}://registry.example:5000`;
    const clock = new LeapingClock();
    const repository = clientOf(t, there, { ca: [ca], proxies, clock }).repository('a/b', 'push');
    const blobs = [layer, blobOf('{}', 'x/y')].flatMap((blob) => blob ?? []);
    for (const blob of blobs)
      assert.equal(await repository.writeBlob(blob.descriptor, opens(blob), {}), 'copied');
    for (const { descriptor } of blobs)
      assert.equal(
        (await read(clientOf(t, there, { ca: [ca], proxies }), 'a/b', descriptor)).length,
        descriptor.size,
      );
    const [first] = proxy.requests;
    assert.equal(first, scheme === 'http' ? `GET ${there}/v2/` : 'CONNECT registry.example:5000');
    const careless = clientOf(t, there, { insecureSkipVerify: true, proxies });
    assert.equal(await careless.repository('a/b', 'pull').resolve('v1'), undefined);
    if (scheme === 'http') return;
    const strict = failure(clientOf(t, there, { proxies }).repository('a/b', 'pull').resolve('v1'), 'tls');
    assert.match((await strict).message, /by the proxy 127\.0\.0\.1:\d+: .*certificate/);
    const origin = originOf('registry.example', {
      insecureSkipVerify: true,
      proxies,
      connectTimeout: 5_000,
      idleTimeout: 5_000,
      onRequest: () => undefined,
    });
    assert.equal((await origin).href, 'https://registry.example/');
  });

test('a proxy that refuses, is not there, or does not answer: the failure names it, without its password', async (t) => {
  const refusing = await startConnectProxy(t, '127.0.0.1:1', 'user:other');
  const silent = await startConnectProxy(t, undefined);
  for (const scheme of ['http', 'https'])
    for (const [host, fault, message] of [
      [refusing.host, 'unreachable', /407/],
      ['127.0.0.1:1', 'unreachable', /ECONNREFUSED/],
      ...(scheme === 'https' ? [[silent.host, 'timeout', /Timeout/] as const] : []),
    ] as const) {
      const proxies = through(`user:s3cret@${host}`);
      const options = { proxies, connectTimeout: 200, clock: new LeapingClock() };
      const client = clientOf(t, `${scheme}://registry.example`, options);
      const error = await failure(client.repository('a/b', 'pull').resolve('v1'), fault);
      assert.match(error.message, message);
      assert.match(
        error.message,
        new RegExp(`^GET ${scheme}://registry\\.example/v2/ by the proxy ${host}: `),
      );
      assert.doesNotMatch(error.message + JSON.stringify(error), /s3cret/);
    }
});

test('this machine is reached directly, whatever the proxy', async (t) => {
  const { url } = await startDockerRegistry(t);
  await push(url, 'a/b', 'v1', image);
  const client = clientOf(t, url, { proxies: through('127.0.0.1:1') });
  assert.deepEqual(await client.repository('a/b', 'pull').resolve('v1'), image.descriptor);
  assert.deepEqual(
    takes(
      '',
      'https://localhost/',
      'https://127.3.2.1/',
      'https://[::1]:5000/',
      'https://10.0.0.1/',
      'https://h/',
    ),
    [false, false, false, true, true],
  );
});

test('NO_PROXY: names and those below, with ports, addresses, networks, everything', () => {
  const h = 'https://h.example/';
  assert.deepEqual(takes('h.example', h, 'https://a.H.example/', 'https://ah.example/'), [
    false,
    false,
    true,
  ]);
  assert.deepEqual(takes(' x , H.Example. ,', 'https://x/', 'https://y/'), [false, true]);
  for (const below of ['.h.example', '*.h.example'])
    assert.deepEqual(takes(below, h, 'https://a.h.example:5000/'), [true, false]);
  assert.deepEqual(takes('h.example:5000', h, 'https://h.example:5000/'), [true, false]);
  assert.deepEqual(takes('h.example:443', h, 'http://h.example/'), [false, false], 'HTTP has no proxy here');
  assert.deepEqual(
    takes(
      '10.0.0.0/8,192.168.1.7,[2001:db8::1]:5000,fd00::/8',
      'https://10.9.8.7:30003/',
      'https://11.0.0.1/',
    ),
    [false, true],
  );
  assert.deepEqual(
    takes(
      '10.0.0.0/99,192.168.1.7,[2001:db8::1]:5000,fd00::/8,fe80::1',
      'https://10.0.0.1/',
      'https://192.168.1.7/',
      'https://1.192.168.1.7.example/',
      'https://[2001:db8::1]:5000/',
      'https://[2001:db8::1]/',
      'https://[fd00::7]/',
      'https://[fe80::1]/',
    ),
    [true, false, true, false, true, false, false],
  );
  assert.deepEqual(takes('*', h, 'https://10.0.0.1/'), [false, false]);
});

test('which variable counts, and what is no proxy', () => {
  const address = (environment: Record<string, string>, url = 'https://h.example/') =>
    proxiesOf(environment).of(new URL(url))?.href;
  assert.equal(address({}), undefined);
  assert.equal(address({ HTTPS_PROXY: '', https_proxy: 'p:1' }), 'http://p:1/');
  assert.equal(address({ HTTPS_PROXY: 'https://q', https_proxy: 'p:1' }), 'https://q/');
  assert.equal(address({ HTTP_PROXY: 'p:1' }), undefined);
  assert.equal(address({ HTTP_PROXY: 'p:1' }, 'http://h.example/'), 'http://p:1/');
  assert.equal(new Proxies(undefined, undefined, '').of(new URL('https://h.example')), undefined);
  for (const bad of ['socks5://u:s3cret@h', 'http://', 'u:s3cret@', 'http://u:s3cret%zz@h', '://s3cret'])
    assert.throws(
      () => proxiesOf({ HTTPS_PROXY: bad }),
      (error: Error) =>
        error.name === 'ProxyError' &&
        error.message.startsWith('HTTPS_PROXY: ') &&
        !/s3cret/.test(error.message),
      bad,
    );
});
