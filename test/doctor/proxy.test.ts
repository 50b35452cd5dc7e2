import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessKey, instanceId } from '../support/acr-openapi.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import type { Ending } from '../support/temporary.ts';
import { diagnose, told, wordsOf } from './stand.ts';

/*
 * A proxy on the way that makes no connection: it is told as what it is, once for each registry, by its address and without its
 * password, and nobody is sent to a whitelist.
 */

const password = 'h1dden-pass';

async function diagnosed(t: Ending, host: string) {
  const credential = { username: 'someone@1', password: 'another' };
  const aliyun = { ...accessKey, instanceId, region: 'cn-shanghai' };
  const url = (name: string) => `https://${name}-registry.cn-shanghai.cr.aliyuncs.com`;
  const report = await diagnose(t, {
    env: { HTTPS_PROXY: `http://someone:${password}@${host}` },
    registries: {
      harbor: { type: 'harbor', url: 'https://harbor.example', ...credential },
      acr: { type: 'acr-ee', url: url('demo'), ...credential },
      other: { type: 'acr-ee', url: url('other'), ...credential, aliyun },
      oci: { url: 'https://oci.example', ...credential },
    },
    rules: ['acr', 'other', 'oci'].map((destination) => ({
      name: destination,
      source: 'harbor',
      repositories: ['mirror/app'],
      destination,
    })),
  });
  assert.ok(!JSON.stringify(report).includes(password));
  const words = ['harbor-tls', 'instance', 'whitelist', 'reachable'].map((check) => wordsOf(report, check));
  return { errors: told(report).filter((line) => / error /.test(line)), words };
}

const rows: [what: string, start: (t: Ending) => Promise<string>, words: RegExp][] = [
  [
    'wants a login',
    async (t) => (await startConnectProxy(t, '127.0.0.1:1', 'user:other')).host,
    /wants a login.*\nHTTPS_PROXY=http:\/\/USER:PASSWORD@/,
  ],
  [
    'gets no connection itself',
    async (t) => (await startConnectProxy(t, '127.0.0.1:1', `someone:${password}`)).host,
    /itself gets no connection there\n.*address of the proxy/,
  ],
  ['is not there', async () => '127.0.0.1:1', /there is no proxy at 127\.0\.0\.1:1, .*\ncurl -v -x /],
  [
    'does not answer',
    async (t) => (await startConnectProxy(t, undefined)).host,
    /nothing comes back by it.*\ncurl -v -x /,
  ],
];
for (const [what, start, expected] of rows) {
  test(`a proxy that ${what}`, async (t) => {
    const host = await start(t);
    const { errors, words } = await diagnosed(t, host);
    assert.deepEqual(errors, [
      'harbor harbor-tls error proxy',
      'acr whitelist error proxy',
      'other instance error proxy',
      'oci reachable error proxy',
    ]);
    for (const text of words) {
      assert.match(text, expected);
      assert.ok(text.includes(` by the proxy ${host}: `));
      assert.match(text, /NO_PROXY/);
    }
    assert.doesNotMatch(words.join('\n'), /Access Control|ifconfig/);
  });
}
