import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryOf, signedHeaders } from '../../src/aliyun/signature.ts';

/** Without a body, as everywhere here. */
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const vendor = {
  operation: {
    host: 'ecs.cn-shanghai.aliyuncs.com',
    action: 'RunInstances',
    version: '2014-05-26',
    parameters: {
      RegionId: 'cn-shanghai',
      ImageId: 'win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd',
    },
  },
  identity: { accessKeyId: 'YourAccessKeyId', accessKeySecret: 'YourAccessKeySecret' },
  moment: { time: Date.parse('2023-10-26T10:22:32Z'), nonce: '3156853299f313e23d1673dc12e1703d' },
};

test("the vendor's example", () => {
  const headers = signedHeaders(vendor.operation, vendor.identity, vendor.moment);
  assert.deepEqual(headers, {
    host: 'ecs.cn-shanghai.aliyuncs.com',
    'x-acs-action': 'RunInstances',
    'x-acs-content-sha256': emptyHash,
    'x-acs-date': '2023-10-26T10:22:32Z',
    'x-acs-signature-nonce': '3156853299f313e23d1673dc12e1703d',
    'x-acs-version': '2014-05-26',
    authorization:
      'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
  });
});

/** `GetAuthorizationToken`, asked for in the middle of a second. */
function authorizationOf(securityToken?: string): string {
  const operation = {
    host: 'cr.cn-shanghai.aliyuncs.com',
    action: 'GetAuthorizationToken',
    version: '2018-12-01',
    parameters: { InstanceId: 'cri-standin00000001' },
  };
  const identity = { accessKeyId: 'AKTEST', accessKeySecret: 'SKTEST', securityToken };
  const moment = { time: Date.parse('2026-11-23T00:00:00.999Z'), nonce: '0123456789abcdef' };
  return signedHeaders(operation, identity, moment)['authorization'] ?? '';
}

test('a temporary password of ACR', () => {
  assert.match(
    authorizationOf(),
    /,Signature=bc1f5d75b3c986191e60fd64e7a3a74cc4f1aea4a975288d152e8efe314b95d8$/,
  );
});

test('the same by a temporary key, as another program signs it', () => {
  assert.match(
    authorizationOf('STSTOKEN+/='),
    /,Signature=509219dca60e27593dc965eb7c0dd4605ca2ff26178571538ade295a12eaf6c0$/,
  );
});

test('a security token is sent and signed', () => {
  const sign = (securityToken: string | undefined) =>
    signedHeaders(vendor.operation, { ...vendor.identity, securityToken }, vendor.moment);
  const one = sign('token one');
  assert.equal(one['x-acs-security-token'], 'token one');
  assert.match(one.authorization ?? '', /;x-acs-security-token;x-acs-signature-nonce;/);
  const signatures = [undefined, 'token one', 'token two'].map((token) => sign(token).authorization);
  assert.equal(new Set(signatures).size, 3);
});

test('the query is sorted and encoded as RFC 3986 has it', () => {
  const parameters = { b: "a b+c!'()*~-._", a: 'é/=&?%', Z: '', A1: '{"x":[1]}' };
  assert.equal(
    queryOf(parameters),
    'A1=%7B%22x%22%3A%5B1%5D%7D&Z=&a=%C3%A9%2F%3D%26%3F%25&b=a%20b%2Bc%21%27%28%29%2A~-._',
  );
});
