import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Instance, type InstanceOptions } from '../../src/aliyun/instance.ts';
import { RegistryError } from '../../src/copy/error.ts';
import { failure } from './stand.ts';

const service = 'registry.aliyuncs.com:cn-test:china:cri-standin00000001';
const id = 'cri-standin00000001';
const domain = 'registry.example.com';

function instanceOf(options: Partial<InstanceOptions>) {
  const asked: string[] = [];
  const instance = new Instance({
    known: {},
    host: domain,
    service: async () => {
      asked.push('service');
      return service;
    },
    isReachable: async (host) => {
      asked.push(host);
      return true;
    },
    ...options,
  });
  return { instance, asked };
}

test('all is in the configuration: nothing is asked', async () => {
  const known = { instanceId: 'cri-1', openapiUrl: 'http://127.0.0.1:15603' };
  const { instance, asked } = instanceOf({ known });
  assert.deepEqual(await instance.address(), { url: new URL('http://127.0.0.1:15603'), instanceId: 'cri-1' });
  const region = instanceOf({ known: { instanceId: 'cri-1', region: 'cn-other' } });
  const { url } = await region.instance.address();
  assert.equal(url.origin, 'https://cr.cn-other.aliyuncs.com');
  assert.deepEqual([...asked, ...region.asked], []);
});

test('behind a custom domain, the challenge says both', async () => {
  const { instance } = instanceOf({});
  assert.deepEqual(await instance.address(), {
    url: new URL('https://cr.cn-test.aliyuncs.com'),
    instanceId: id,
  });
});

test('the region is in the name of the host, and the configuration goes before it', async () => {
  const host = 'demo-registry.cn-host.cr.aliyuncs.com';
  const { instance, asked } = instanceOf({ host, known: { instanceId: id } });
  assert.equal((await instance.address()).url.origin, 'https://cr.cn-host.aliyuncs.com');
  assert.deepEqual(asked, []);
  const written = instanceOf({ host, known: { region: 'cn-written' } });
  assert.equal((await written.instance.address()).url.origin, 'https://cr.cn-written.aliyuncs.com');
});

test('from a VPC its APIs are asked there, where they are reached', async () => {
  const host = 'demo-registry-vpc.cn-test.cr.aliyuncs.com';
  const there = instanceOf({ host });
  assert.equal((await there.instance.address()).url.origin, 'https://cr-vpc.cn-test.aliyuncs.com');
  assert.equal((await there.instance.sts()).origin, 'https://sts-vpc.cn-test.aliyuncs.com');
  assert.deepEqual(
    there.asked.filter((asked) => asked !== 'service'),
    ['cr-vpc.cn-test.aliyuncs.com', 'sts-vpc.cn-test.aliyuncs.com'],
  );
  const elsewhere = instanceOf({ host, isReachable: async () => false });
  assert.equal((await elsewhere.instance.address()).url.origin, 'https://cr.cn-test.aliyuncs.com');
  assert.equal((await elsewhere.instance.sts()).origin, 'https://sts.cn-test.aliyuncs.com');
});

test('a registry that is none of ACR, or of its personal edition', async () => {
  const other = instanceOf({ service: async () => 'harbor-registry' });
  const unknown = await failure(other.instance.address(), 'protocol');
  assert.match(unknown.message, /^the challenge of registry\.example\.com does not name .*; write aliyun\./);
  assert.equal((await other.instance.sts()).origin, 'https://sts.aliyuncs.com');
  const personal = instanceOf({ service: async () => 'registry.aliyuncs.com:cn-test:26842' });
  const error = await failure(personal.instance.address(), 'protocol');
  assert.match(
    error.message,
    /does not name the id of an instance of ACR Enterprise Edition; write aliyun\.instanceId$/,
  );
});

test('a registry that cannot be asked', async () => {
  const away = new RegistryError('unreachable', 'nobody there');
  const { instance } = instanceOf({ service: () => Promise.reject(away) });
  assert.equal(await failure(instance.address(), 'unreachable'), away);
});
