import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
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

test('the OpenAPI is the one of the region', () => {
  const [, acr] = load(withAcr({ aliyun })).registries;
  assert.deepEqual(acr?.aliyun, { ...aliyun, openapiUrl: 'https://cr.cn-shanghai.aliyuncs.com' });
  assert.equal(acr?.credential, undefined);
});

test('the OpenAPI may be elsewhere, and a password may stand beside the key', () => {
  const openapiUrl = 'http://127.0.0.1:15603/';
  const keys = { username: 'u', password: 'p', aliyun: { ...aliyun, openapiUrl } };
  const [, acr] = load(withAcr(keys)).registries;
  assert.equal(acr?.aliyun?.openapiUrl, 'http://127.0.0.1:15603');
  assert.deepEqual(acr?.credential, { username: 'u', password: 'p' });
});

test('the log is told the secret of the key', () => {
  assert.deepEqual(load(withAcr({ aliyun })).secrets, [aliyun.accessKeySecret]);
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
  assert.equal(acr?.aliyun?.accessKeySecret, 'value-of-ALIBABA_CLOUD_ACCESS_KEY_SECRET');
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
