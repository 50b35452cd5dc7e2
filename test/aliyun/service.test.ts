import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseService } from '../../src/aliyun/service.ts';

test('an instance, wherever its id stands', () => {
  const expected = { region: 'cn-hangzhou', instanceId: 'cri-0123abc' };
  for (const rest of ['china:cri-0123abc', 'cri-0123abc', 'china:cri-0123abc:fifth', 'a:b:c:cri-0123abc'])
    assert.deepEqual(parseService(`registry.aliyuncs.com:cn-hangzhou:${rest}`), expected, rest);
});

test('the personal edition has a region only', () => {
  const expected = { region: 'cn-hangzhou', instanceId: undefined };
  for (const rest of [':26842', '', ':china:cri', ':china:CRI-1', ':china:cri-', ':china:cri-a/b'])
    assert.deepEqual(parseService(`registry.aliyuncs.com:cn-hangzhou${rest}`), expected, rest);
});

test('what no ACR says', () => {
  for (const service of [
    undefined,
    '',
    'harbor-registry',
    'registry.example.com:cn-hangzhou:china:cri-1',
    'registry.aliyuncs.com',
    'registry.aliyuncs.com:',
    'registry.aliyuncs.com:evil.example/x:china:cri-1',
  ])
    assert.equal(parseService(service), undefined, service);
});
