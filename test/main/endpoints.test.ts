import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Network } from '../../src/aliyun/endpoint.ts';
import type { Config } from '../../src/config.ts';
import type { Fields, Log } from '../../src/log.ts';
import { settleEndpoints } from '../../src/main/endpoints.ts';
import { load, smallest } from '../config/document.ts';
import { FakeClock } from '../support/clock.ts';

const publicUrl = 'https://demo-registry.cn-test.cr.aliyuncs.com';
const vpcUrl = 'https://demo-registry-vpc.cn-test.cr.aliyuncs.com';

function configOf(keys: object): Config {
  const { harbor, acr } = smallest.registries;
  return load({ ...smallest, registries: { harbor, acr: { ...acr, ...keys } } });
}

/** A network in which the VPC's name is found, or none is. */
function network(inVpc: boolean): Network & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    addresses: async (host) => {
      asked.push(host);
      if (inVpc) return ['10.0.0.5'];
      throw new Error(`getaddrinfo ENOTFOUND ${host}`);
    },
    connect: async (address, port) => void asked.push(`${address}:${port}`),
  };
}

async function settle(keys: object, seen: Network, env: Record<string, string> = {}) {
  const lines: [string, Fields | undefined][] = [];
  const write = (message: string, fields?: Fields) => void lines.push([message, fields]);
  const log: Log = { error: write, warn: write, info: write, debug: write };
  const config = await settleEndpoints(configOf(keys), log, { env, clock: new FakeClock(), network: seen });
  return { url: config.registries[1]?.url, lines };
}

test('without the key nothing is looked at, nothing changed, nothing said', async () => {
  for (const url of [publicUrl, vpcUrl, 'https://acr.test']) {
    const seen = network(true);
    assert.deepEqual(await settle({ url }, seen), { url, lines: [] });
    assert.equal(seen.asked.length, 0);
  }
});

test('public and vpc are taken at their word, whichever name is written', async () => {
  for (const url of [publicUrl, vpcUrl]) {
    const seen = network(false);
    const vpc = await settle({ url, endpoint: 'vpc' }, seen);
    assert.equal(vpc.url, vpcUrl);
    assert.deepEqual(vpc.lines, [
      ['registry acr is reached by its VPC endpoint', { url: vpcUrl, why: 'endpoint: vpc' }],
    ]);
    assert.equal((await settle({ url, endpoint: 'public' }, seen)).url, publicUrl);
    assert.equal(seen.asked.length, 0);
  }
});

test('auto: the VPC endpoint where it is found', async () => {
  const seen = network(true);
  const { url, lines } = await settle({ url: publicUrl, endpoint: 'auto' }, seen);
  assert.equal(url, vpcUrl);
  assert.deepEqual(seen.asked, [new URL(vpcUrl).host, '10.0.0.5:443']);
  const why = `${new URL(vpcUrl).host} is 10.0.0.5 here, which takes connections`;
  assert.deepEqual(lines, [['registry acr is reached by its VPC endpoint', { url: vpcUrl, why }]]);
});

test('auto: falls back to the public one, and says why', async () => {
  const { url, lines } = await settle({ url: vpcUrl, endpoint: 'auto' }, network(false));
  assert.equal(url, publicUrl);
  const host = new URL(vpcUrl).host;
  const why = `${host} is not found here: getaddrinfo ENOTFOUND ${host}`;
  assert.deepEqual(lines, [['registry acr is reached by its public endpoint', { url: publicUrl, why }]]);
});

test('auto: what a proxy leads to is not looked at from here', async () => {
  const env = { HTTPS_PROXY: 'http://user:not-to-be-shown@proxy.test:3128' };
  const seen = network(true);
  const { url, lines } = await settle({ url: publicUrl, endpoint: 'auto' }, seen, env);
  assert.equal(url, publicUrl);
  assert.equal(seen.asked.length, 0);
  const why = `${new URL(vpcUrl).host} would be reached by the proxy proxy.test:3128`;
  assert.deepEqual(lines[0]?.[1], { url: publicUrl, why });
  const direct = await settle({ url: publicUrl, endpoint: 'auto' }, seen, {
    ...env,
    NO_PROXY: '.aliyuncs.com',
  });
  assert.equal(direct.url, vpcUrl);
});

test('auto: a custom domain, and a port of its own', async () => {
  const seen = network(true);
  const own = 'https://registry.example.com';
  const { url, lines } = await settle({ url: own, endpoint: 'auto' }, seen);
  assert.equal(url, own);
  assert.match(lines[0]?.[0] ?? '', /^registry acr is reached by a host of its own/);
  assert.equal(seen.asked.length, 0);
  const port = await settle({ url: `${publicUrl}:8443`, endpoint: 'auto' }, seen);
  assert.equal(port.url, `${vpcUrl}:8443`);
  assert.ok(seen.asked.includes('10.0.0.5:8443'));
});
