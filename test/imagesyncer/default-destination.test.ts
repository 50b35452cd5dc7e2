import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from '../../src/config.ts';
import type { Defaults } from '../../src/imagesyncer/default-destination.ts';
import { abortedBy, copies, loadConfig } from './files.ts';

const D = `sha256:${'a'.repeat(64)}`;

function destinations(images: object, defaults: Defaults, env: Environment = {}): string[] | undefined {
  return loadConfig(images, { defaults, env }).config?.rules.map(({ destination }) => destination);
}

test('row 23: with registry and namespace, the first part of the name is replaced', () => {
  const images = {
    'r.io/library/nginx': '',
    'r.io/team/sub/app:v2': [''],
    'r.io/one:v1,v2': '',
    'nginx:1': '',
    'r.io/p/x:/^v/': '',
    [`r.io/p/y:v1@${D}`]: '',
    [`r.io/p/z:v1,${D}`]: ['', 't.io/n/z'],
  };
  const outcome = loadConfig(images, { defaults: { registry: 't.io:5000', namespace: 'n' } });
  assert.deepEqual(outcome.mistakes, []);
  assert.deepEqual(copies(outcome, ['v9']), [
    'r.io/library/nginx v9 -> t.io:5000/n/nginx v9',
    'r.io/team/sub/app v2 -> t.io:5000/n/sub/app v2',
    'r.io/one v1 -> t.io:5000/n/one v1',
    'r.io/one v2 -> t.io:5000/n/one v2',
    'docker.io/library/nginx 1 -> t.io:5000/n/nginx 1',
    'r.io/p/x v9 -> t.io:5000/n/x v9',
    `r.io/p/y ${D} -> t.io:5000/n/y ${D}`,
    'r.io/p/z v1 -> t.io:5000/n/z v1',
    `r.io/p/z ${D} -> t.io:5000/n/z ${D}`,
    'r.io/p/z v1 -> t.io/n/z v1',
    `r.io/p/z ${D} -> t.io/n/z ${D}`,
  ]);
  assert.deepEqual(destinations({ 'r.io/team/sub/app:v2': '' }, { registry: 't.io', namespace: 'n' }), [
    't.io/n/sub/app:v2',
  ]);
});

test('row 23: the environment names them, too, and a flag wins', () => {
  const env = { DEFAULT_REGISTRY: 'env.io', DEFAULT_NAMESPACE: 'e' };
  const images = { 'r.io/p/x': '' };
  assert.deepEqual(destinations(images, {}, env), ['env.io/e/x']);
  assert.deepEqual(destinations(images, { registry: 't.io', namespace: 'n/' }, env), ['t.io/n/x']);
  assert.deepEqual(destinations(images, { registry: '', namespace: 'n' }, env), ['env.io/n/x']);
});

test('row 23: other destinations are left alone', () => {
  const defaults = { registry: 'no such registry', namespace: 'n' };
  assert.deepEqual(destinations({ 'r.io/p/x': 't.io/n/y' }, defaults), ['t.io/n/y']);
  assert.deepEqual(destinations({ 'r.io/p/x': 't.io/n/y' }, {}, { DEFAULT_NAMESPACE: 'n' }), ['t.io/n/y']);
});

test('row 24: with a registry alone, the whole name is kept', () => {
  assert.deepEqual(destinations({ 'r.io/p/x:v1': '', 'r.io/one': '', nginx: '' }, { registry: 't.io/' }), [
    't.io/p/x:v1',
    't.io/one',
    't.io/library/nginx',
  ]);
});

test('row 24: a namespace without a registry is a mistake', () => {
  assert.deepEqual(abortedBy(loadConfig({ 'r.io/p/x': 't.io/n/x' }, { defaults: { namespace: 'n' } })), [
    '--namespace is nothing without --registry: name the registry of the empty destinations, too',
  ]);
});

test('row 24: a default that no destination can be made of is told once', () => {
  const wrong: [Defaults, string][] = [
    [
      { registry: 'https://t.io' },
      'https://t.io (--registry) cannot be used: leave out the scheme in front, and write HOST or HOST:PORT',
    ],
    [{ registry: 'harbor' }, 'harbor (--registry) cannot be used: the registry is not HOST or HOST:PORT'],
    [
      { registry: 't.io', namespace: 'Team' },
      't.io/Team (--registry and --namespace) cannot be used: the name of a repository has no capital letters',
    ],
  ];
  for (const [defaults, why] of wrong)
    assert.deepEqual(abortedBy(loadConfig({ 'r.io/p/x': '', 'r.io/p/y': '' }, { defaults })), [
      `the default destination ${why}`,
    ]);
});

test('an empty list stays a mistake with defaults', () => {
  assert.match(
    abortedBy(loadConfig({ 'r.io/p/x': [] }, { defaults: { registry: 't.io' } }))[0] ?? '',
    /^empty destination is not supported for source: r\.io\/p\/x: /,
  );
});

/** The published procedure: the credential of one registry, and another one as default. */
function procedure(registry: string, namespace: string, key = 'demo-registry.cn-shanghai.cr.aliyuncs.com') {
  const auth = {
    'harbor.example.com:32080': { username: 'admin', password: 'p', insecure: true },
    [key]: { username: 'u', password: 'p' },
  };
  const images = { 'harbor.example.com:32080/library/nginx': '' };
  return loadConfig(images, { auth, defaults: { registry, namespace } });
}

test('row 25: the published procedure works with the registry that has the credential', () => {
  const outcome = procedure('demo-registry.cn-shanghai.cr.aliyuncs.com', 'image-syncer');
  assert.deepEqual(copies(outcome, ['1.27']), [
    'harbor.example.com:32080/library/nginx 1.27 -> demo-registry.cn-shanghai.cr.aliyuncs.com/image-syncer/nginx 1.27',
  ]);
  assert.deepEqual(outcome.warnings, []);
});

test('row 25: as it is written it would push to another registry without a credential, and is aborted', () => {
  for (const key of [
    'demo-registry.cn-shanghai.cr.aliyuncs.com',
    'demo-registry-vpc.cn-shanghai.cr.aliyuncs.com',
  ])
    assert.deepEqual(abortedBy(procedure('registry.cn-beijing.aliyuncs.com', 'image-syncer', key)), [
      `the default registry registry.cn-beijing.aliyuncs.com has no credential in auth, but ${key} (ACR Enterprise Edition) has one: give --registry=${key} if it is meant, else add registry.cn-beijing.aliyuncs.com to auth`,
    ]);
});

test('row 25: a default registry without a credential is right when none was meant for it', () => {
  assert.equal(procedure('127.0.0.1:5000', 'n', 'registry.cn-beijing.aliyuncs.com').config?.rules.length, 1);
});
