import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatInstanceHost, isPersonalHost, parseInstanceHost } from '../../src/oci/aliyun-host.ts';

test('both names of an instance, there and back', () => {
  for (const [name, parts] of [
    ['demo-registry.cn-shanghai.cr.aliyuncs.com', { instance: 'demo', region: 'cn-shanghai', vpc: false }],
    ['a-registry-vpc.us-east-1.cr.aliyuncs.com', { instance: 'a', region: 'us-east-1', vpc: true }],
    [
      'x-registry-registry.cn-hangzhou.cr.aliyuncs.com',
      { instance: 'x-registry', region: 'cn-hangzhou', vpc: false },
    ],
  ] as const) {
    assert.deepEqual(parseInstanceHost(name), parts);
    assert.deepEqual(parseInstanceHost(name.toUpperCase()), parts);
    assert.equal(formatInstanceHost(parts), name);
  }
});

const personal = [
  'registry.cn-hangzhou.aliyuncs.com',
  'registry-vpc.cn-hangzhou.aliyuncs.com',
  'registry-internal.cn-hangzhou.aliyuncs.com',
  'registry-intl.ap-southeast-1.aliyuncs.com',
  'registry-intl-vpc.ap-southeast-1.aliyuncs.com',
  'crpi-abc123.cn-shanghai.personal.cr.aliyuncs.com',
];

test('hosts of the personal edition are another thing', () => {
  for (const name of personal) {
    assert.equal(parseInstanceHost(name), undefined, name);
    assert.ok(isPersonalHost(name), name);
  }
});

test('what is neither', () => {
  for (const name of [
    '',
    'registry.example.com',
    'demo-registry.cn-shanghai.cr.aliyuncs.com.evil.example',
    'demo-registry.distributed.cn-shanghai.cr.aliyuncs.com',
    '-registry.cn-shanghai.cr.aliyuncs.com',
    'cr.cn-shanghai.aliyuncs.com',
  ]) {
    assert.equal(parseInstanceHost(name), undefined, name);
    assert.ok(!isPersonalHost(name), name);
  }
});
