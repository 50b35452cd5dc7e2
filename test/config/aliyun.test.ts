import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Environment } from '../../src/config.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { failure, load, mistakes, smallest } from './document.ts';

const aliyun = {
  accessKeyId: 'LTAI5tExample',
  accessKeySecret: 'hunter2-hunter2',
  instanceId: 'cri-0123456789abcdef',
  region: 'cn-shanghai',
};

function withAcr(keys: object): object {
  const { harbor, acr } = smallest.registries;
  return { ...smallest, registries: { harbor, acr: { ...acr, ...keys } } };
}

/** The mistakes below `registries.acr`. */
function wrong(document: object): string[] {
  return mistakes(document).map((mistake) => mistake.replace(/^\d+ registries\.acr\.?/, ''));
}

const { instanceId, region, ...key } = aliyun;
const identity = { kind: 'access-key', ...key, securityToken: undefined };

test('an access key, and an instance that is written down', () => {
  const [, acr] = load(withAcr({ aliyun })).registries;
  assert.deepEqual(acr?.aliyun, { identity, instanceId, region, openapiUrl: undefined });
  assert.equal(acr?.credential, undefined);
});

test('the OpenAPI may be elsewhere, and a password may stand beside the key', () => {
  const openapiUrl = 'http://127.0.0.1:15603/';
  const keys = { username: 'u', password: 'p', aliyun: { ...aliyun, openapiUrl } };
  const [, acr] = load(withAcr(keys)).registries;
  assert.equal(acr?.aliyun?.openapiUrl, 'http://127.0.0.1:15603');
  assert.deepEqual(acr?.credential, { username: 'u', password: 'p' });
});

test('the instance may be left to be found', () => {
  const [, acr] = load(withAcr({ aliyun: key })).registries;
  const nothing = { instanceId: undefined, region: undefined, openapiUrl: undefined };
  assert.deepEqual(acr?.aliyun, { identity, ...nothing });
});

/** The identity that such a section makes. */
function identityOf(section: object, env: Environment = {}): unknown {
  return load(withAcr({ aliyun: section }), env).registries[1]?.aliyun?.identity;
}

test('the RAM role of an ECS instance', () => {
  const there = { metadataUrl: 'http://100.100.100.200' };
  assert.deepEqual(identityOf({ ecsRamRole: {} }), { kind: 'ecs-ram-role', ...there });
  assert.deepEqual(identityOf({ ecsRamRole: { role: 'mirror', metadataUrl: 'http://127.0.0.1:1/' } }), {
    kind: 'ecs-ram-role',
    role: 'mirror',
    metadataUrl: 'http://127.0.0.1:1',
  });
});

test('a role by OIDC: written down, or from the variables that RRSA sets', async (t) => {
  const tokenFile = join(await temporaryFolder(t), 'token');
  await writeFile(tokenFile, 'token');
  const [roleArn, providerArn] = ['acs:ram::1:role/mirror', 'acs:ram::1:oidc-provider/ack'];
  const expected = { kind: 'oidc', roleArn, providerArn, tokenFile, sessionName: 'tagferry' };
  assert.deepEqual(identityOf({ oidc: { roleArn, providerArn, tokenFile } }), expected);
  const env = {
    ALIBABA_CLOUD_ROLE_ARN: roleArn,
    ALIBABA_CLOUD_OIDC_PROVIDER_ARN: providerArn,
    ALIBABA_CLOUD_OIDC_TOKEN_FILE: tokenFile,
  };
  assert.deepEqual(identityOf({ oidc: {} }, env), expected);
  const other = 'acs:ram::2:role/other';
  assert.deepEqual(identityOf({ oidc: { roleArn: other } }, env), { ...expected, roleArn: other });
});

test('a role by OIDC of which something is missing: all of it is named', () => {
  const unset = (name: string) => `a value, or the environment variable ${name} to be set, got neither`;
  assert.deepEqual(wrong(withAcr({ aliyun: { oidc: {} } })), [
    `aliyun.oidc.roleArn: expected ${unset('ALIBABA_CLOUD_ROLE_ARN')}`,
    `aliyun.oidc.providerArn: expected ${unset('ALIBABA_CLOUD_OIDC_PROVIDER_ARN')}`,
    `aliyun.oidc.tokenFile: expected ${unset('ALIBABA_CLOUD_OIDC_TOKEN_FILE')}`,
  ]);
  const mistyped = { roleArn: 'mirror', providerArn: 'ack', tokenFile: '/nowhere/token', sessionName: '!' };
  assert.deepEqual(
    wrong(withAcr({ aliyun: { oidc: mistyped } })).map((line) => line.replace(/: expected .*, got /, ': ')),
    [
      'aliyun.oidc.roleArn: a text that is not shown',
      'aliyun.oidc.providerArn: a text that is not shown',
      'aliyun.oidc.tokenFile: one that cannot be read (ENOENT)',
      'aliyun.oidc.sessionName: a text that is not shown',
    ],
  );
});

test("what Alibaba's own package finds", () => {
  assert.deepEqual(identityOf({ credentialsPackage: true }), { kind: 'credentials-package' });
});

test('exactly one identity, and a whole one', () => {
  const choice =
    'expected one identity: accessKeyId and accessKeySecret, ecsRamRole, oidc, or credentialsPackage: true';
  assert.deepEqual(wrong(withAcr({ aliyun: {} })), [`aliyun: ${choice}, got none`]);
  assert.deepEqual(wrong(withAcr({ aliyun: { credentialsPackage: false } })), [
    `aliyun: ${choice}, got none`,
  ]);
  assert.deepEqual(wrong(withAcr({ aliyun: { ...key, ecsRamRole: {}, credentialsPackage: true } })), [
    `aliyun: ${choice}, got an access key and ecsRamRole and credentialsPackage`,
  ]);
  assert.deepEqual(wrong(withAcr({ aliyun: { securityToken: 'hunter2' } })), [
    'aliyun.accessKeyId: expected the id of an access key, got nothing',
    'aliyun.accessKeySecret: expected the secret of an access key, got nothing',
  ]);
});

test('of two names of an instance one is chosen', () => {
  const url = 'https://demo-registry.cn-shanghai.cr.aliyuncs.com';
  for (const endpoint of ['public', 'vpc', 'auto'])
    assert.equal(load(withAcr({ url, endpoint })).registries[1]?.endpoint, endpoint);
  assert.equal(load(withAcr({ url })).registries[1]?.endpoint, undefined);
  assert.deepEqual(wrong(withAcr({ url, endpoint: 'private' })), [
    'endpoint: expected "public" or "vpc" or "auto", got "private"',
  ]);
  assert.deepEqual(wrong(withAcr({ type: 'harbor', endpoint: 'auto' })), [
    'endpoint: expected type: acr-ee beside it, got another type',
  ]);
});

test('a custom domain has no second name that is known', () => {
  assert.equal(load(withAcr({ endpoint: 'auto' })).registries[1]?.endpoint, 'auto');
  assert.deepEqual(wrong(withAcr({ endpoint: 'vpc' })), [
    'endpoint: expected a url like https://INSTANCE-registry.REGION.cr.aliyuncs.com beside vpc, whose other name is known, got another url',
  ]);
});

test('the log is told what is secret in the key', () => {
  assert.deepEqual(load(withAcr({ aliyun })).secrets, [aliyun.accessKeySecret]);
  const temporary = { ...aliyun, securityToken: 'sts-token' };
  assert.deepEqual(load(withAcr({ aliyun: temporary })).secrets, [aliyun.accessKeySecret, 'sts-token']);
});

test('what is missing or mistyped is named, without what stands there', () => {
  const document = withAcr({
    aliyun: {
      accessKeyId: 'a,b',
      accesKeySecret: 'hunter2',
      instanceId: 'crpi-x',
      region: 'x/../y',
      openapiUrl: 'https://h/p',
    },
  });
  assert.deepEqual(wrong(document), [
    'aliyun.accessKeySecret: expected the secret of an access key, got nothing',
    'aliyun.accessKeyId: expected the id of an access key, got a text that is not shown',
    'aliyun.accesKeySecret: expected a known key, got "accesKeySecret" (accessKeySecret?)',
    'aliyun.instanceId: expected an instance id that begins with cri-, got a text that is not shown',
    'aliyun.region: expected a region such as cn-shanghai, got a text that is not shown',
    'aliyun.openapiUrl: expected https://HOST[:PORT] (or http://) without path, user or query, got a text that is not shown',
  ]);
  assert.doesNotMatch(failure(document).message, /hunter2/);
});

test('the key is for ACR Enterprise Edition only', () => {
  for (const type of ['harbor', 'oci', undefined])
    assert.deepEqual(wrong(withAcr({ type, aliyun })), [
      'aliyun: expected type: acr-ee beside it, got another type',
    ]);
});

test('what the example shows of it is right', () => {
  const text = readFileSync(new URL('../../config/tagferry.example.yaml', import.meta.url), 'utf8');
  const uncommented = text.replace(/^ {4}# aliyun:\n(?: {4}# {3}.*\n)+/m, (block) =>
    block.replaceAll(/^ {4}# /gm, '    '),
  );
  const references = [...text.matchAll(/\$\{([A-Z]\w+)\}/g)].map(([, name = '']) => [
    name,
    `value-of-${name}`,
  ]);
  const env = { ...Object.fromEntries(references), ALIBABA_CLOUD_ACCESS_KEY_ID: 'LTAI5tExample' };
  const [, acr] = load(uncommented, env).registries;
  const { identity } = acr?.aliyun ?? {};
  assert.ok(identity?.kind === 'access-key');
  assert.equal(identity.accessKeySecret, 'value-of-ALIBABA_CLOUD_ACCESS_KEY_SECRET');
  assert.equal(acr?.aliyun?.openapiUrl, 'https://cr-vpc.cn-shanghai.aliyuncs.com');
});

test('what may be made at the destination has its defaults, and is nothing unless it is named', () => {
  const namespaces = { visibility: 'private', immutableTags: false, autoCreateRepositories: false };
  const repositories = { visibility: 'private', immutableTags: false, summary: 'Mirrored by Tagferry' };
  const prepareOf = (prepare: object | undefined) =>
    load(withAcr({ aliyun, ...(prepare && { prepare }) })).registries[1]?.prepare;
  assert.deepEqual(prepareOf({ namespaces: {} }), { namespaces });
  assert.deepEqual(prepareOf({ repositories: {} }), { repositories });
  assert.deepEqual(prepareOf({ namespaces: { visibility: 'public' }, repositories: { summary: 'x' } }), {
    namespaces: { ...namespaces, visibility: 'public' },
    repositories: { ...repositories, summary: 'x' },
  });
  assert.equal(prepareOf({}), undefined);
  assert.equal(prepareOf(undefined), undefined);
});

test('nothing can be made without a key, nor what the OpenAPI would not take', () => {
  assert.deepEqual(wrong(withAcr({ username: 'u', password: 'p', prepare: { repositories: {} } })), [
    'prepare: expected aliyun beside it, to make things with, got no aliyun',
  ]);
  const repositories = { visibility: 'secret', summary: 'x'.repeat(101), immutableTag: true };
  assert.deepEqual(wrong(withAcr({ aliyun, prepare: { repositories } })), [
    'prepare.repositories.visibility: expected "private" or "public", got "secret"',
    `prepare.repositories.summary: expected a text of 1 to 100 characters, got "${'x'.repeat(80)}…"`,
    'prepare.repositories.immutableTag: expected a known key, got "immutableTag" (immutableTags?)',
  ]);
});
