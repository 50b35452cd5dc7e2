import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Overview } from '../../src/aliyun/overview.ts';
import { Repositories } from '../../src/aliyun/repositories.ts';
import type { Fault, RegistryError } from '../../src/copy/error.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { all as listed, startStand as startOpenApi } from '../aliyun/stand.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { nocreate, pusher, reader, temporary } from '../support/acr-tokens.ts';
import { basic, type Credential } from '../support/client.ts';
import { rateLimited, registryError, unavailable } from '../support/fault.ts';
import { type Received, send } from '../support/http.ts';
import { artifact, ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { LeapingClock } from './clock.ts';
import { clientOf, failure } from './stand.ts';

/*
 * Each way in which ACR fails, as it is known (acr.md, 7.1): what goes over the wire, and what the product makes of it. The
 * shapes come from the stand-in; where the vendor does not document one, every plausible one is tried.
 */

interface Stand {
  acr: AcrStandIn;
  client: Registry;
}

async function startStand(
  t: TestContext,
  { name: username, password }: Credential,
  options: { imagesOnly?: boolean; edition?: 'enterprise' | 'personal'; idleTimeout?: number } = {},
): Promise<Stand> {
  const { idleTimeout = 60_000, ...rest } = options;
  const acr = await startAcr(t, rest);
  const client = clientOf(t, acr.url, {
    credential: async () => (username === '' ? undefined : { username, password }),
    tokenHosts: [new URL(acr.tokens.trust.realm).host],
    clock: new LeapingClock(),
    idleTimeout,
  });
  return { acr, client };
}

const image = ociImage('failure');
const nobody = { name: '', password: '' };

/** A HEAD as the product asks it, with a token of the same scope. */
async function headBy({ acr }: Stand, credential: Credential, repository: string): Promise<Received> {
  const scope = `repository:${repository}:pull,push`;
  const query = new URLSearchParams({ service: acr.tokens.trust.service, scope });
  const headers = credential.name === '' ? {} : { authorization: basic(credential) };
  const { body } = await send(`${acr.tokens.trust.realm}?${query.toString()}`, { headers });
  const authorization = `Bearer ${String(JSON.parse(body.toString()).token)}`;
  return send(`${acr.url}/v2/${repository}/manifests/v1`, { method: 'HEAD', headers: { authorization } });
}

/** What the copy of an image into the repository meets first. */
function resolve({ client }: Stand, repository: string, fault: Fault): Promise<RegistryError> {
  return failure(client.repository(repository, 'push').resolve('v1'), fault);
}

function put({ client }: Stand, repository: string, thing = image): Promise<boolean> {
  const { descriptor, bytes } = thing;
  return client.repository(repository, 'push').putManifest('v1', descriptor, bytes);
}

test('no token: 401 with the challenge of the edition', async (t) => {
  for (const [edition, service] of [
    ['enterprise', 'registry.aliyuncs.com:cn-shanghai:china:cri-standin00000001'],
    ['personal', 'registry.aliyuncs.com:cn-hangzhou:26842'],
  ] as const) {
    const { acr, client } = await startStand(t, pusher, { edition });
    const { status, headers, body } = await send(`${acr.url}/v2/`);
    assert.deepEqual([status, headers['docker-distribution-api-version']], [401, 'registry/2.0']);
    assert.equal(
      headers['www-authenticate'],
      `Bearer realm="${acr.tokens.trust.realm}",service="${service}"`,
    );
    const [error] = JSON.parse(body.toString()).errors;
    assert.deepEqual(error, { code: 'UNAUTHORIZED', message: 'authentication required', detail: null });
    await push(acr.url, 'mirror/app', 'v1', image, pusher);
    const found = await client.repository('mirror/app', 'push').resolve('v1');
    assert.equal(found?.digest, image.descriptor.digest);
  }
});

test('a wrong password, or a temporary user whose hour is over: the token server says 401', async (t) => {
  for (const credential of [{ ...pusher, password: 'wrong-not-to-be-shown' }, temporary]) {
    const stand = await startStand(t, credential);
    for (const user of stand.acr.accounts.users) user.expired = user.name === temporary.name;
    const error = await resolve(stand, 'mirror/app', 'denied');
    assert.match(error.message, /GET .*\/auth answered 401 \(UNAUTHORIZED: authentication required\)/);
    assert.doesNotMatch(error.message, /not-to-be-shown|0123456789abcdef/);
    assert.equal(stand.acr.tokens.requests.length, 1);
  }
});

test('a private repository, and no right to pull: 401 with the scope in its body', async (t) => {
  const stand = await startStand(t, nobody);
  await push(stand.acr.url, 'mirror/app', 'v1', image, pusher);
  const url = `${stand.acr.url}/v2/mirror/app/manifests/v1`;
  const { status, body } = await send(url);
  const [error] = JSON.parse(body.toString()).errors;
  assert.equal(status, 401);
  assert.deepEqual(error.detail, [{ Type: 'repository', Class: '', Name: 'mirror/app', Action: 'pull' }]);
  const told = await failure(stand.client.repository('mirror/app', 'pull').resolve('v1'), 'denied');
  assert.equal(told.status, 401);
});

const denied: Record<string, [credential: Credential, repository: string]> = {
  'a namespace that is missing': [pusher, 'missing/app'],
  'auto-create off, and the repository missing': [pusher, 'frozen/new'],
  'RAM lacks push': [reader, 'mirror/new'],
  'RAM lacks creation': [nocreate, 'mirror/new'],
  "another account's namespace": [temporary, 'frozen/known'],
  'a name of three parts': [pusher, 'mirror/a/b'],
};

for (const [what, [credential, repository]] of Object.entries(denied)) {
  test(`${what}: 401 insufficient_scope without a body, and one token is asked for`, async (t) => {
    const stand = await startStand(t, credential);
    const { status, headers, body } = await headBy(stand, credential, repository);
    assert.deepEqual([status, body.length], [401, 0]);
    assert.match(
      String(headers['www-authenticate']),
      new RegExp(`scope="repository:${repository}:pull",error="insufficient_scope"`),
    );
    const before = stand.acr.tokens.questions.length;
    const error = await resolve(stand, repository, 'denied');
    assert.match(error.message, /answered 401 \(requested access to the resource is denied: /);
    assert.equal(stand.acr.tokens.questions.length - before, 1);
  });
}

test('a full quota of repositories looks like any other refusal', async (t) => {
  const stand = await startStand(t, pusher);
  stand.acr.accounts.quota = { namespaces: 3, repositories: 1 };
  const { status, headers } = await headBy(stand, pusher, 'mirror/new');
  assert.equal(status, 401);
  assert.match(String(headers['www-authenticate']), /error="insufficient_scope"/);
  await resolve(stand, 'mirror/new', 'denied');
});

test('a token that expires in the middle: 401 invalid_token, and the product goes on', async (t) => {
  const stand = await startStand(t, pusher);
  await push(stand.acr.url, 'mirror/app', 'v1', image, pusher);
  const repository = stand.client.repository('mirror/app', 'push');
  await repository.resolve('v1');
  stand.acr.edge.expireTokens();
  const headers = { authorization: `Bearer ${stand.acr.tokens.expiredToken()}` };
  const refused = await send(`${stand.acr.url}/v2/mirror/app/manifests/v1`, { headers });
  assert.equal(refused.status, 401);
  assert.match(String(refused.headers['www-authenticate']), /error="invalid_token"/);
  assert.equal((await repository.resolve('v1'))?.digest, image.descriptor.digest);
});

test('an artifact of a type that is not taken: 403 DENIED', async (t) => {
  const stand = await startStand(t, pusher, { imagesOnly: true });
  const thing = artifact('failure');
  const refused = push(stand.acr.url, 'mirror/app', 'v1', thing, pusher);
  await assert.rejects(refused, /got 403: .*"DENIED".*unknown manifest class for application\/vnd/);
  const error = await failure(put(stand, 'mirror/app', thing), 'artifact-refused');
  assert.match(error.message, /answered 403 \(DENIED: .*unknown manifest class/);
});

test('an immutable tag, by whatever status and code: known by the words', async (t) => {
  const stand = await startStand(t, pusher);
  await push(stand.acr.url, 'mirror/app', 'v1', image, pusher);
  stand.acr.edge.immutable.add('mirror/app');
  const error = await failure(put(stand, 'mirror/app'), 'immutable');
  assert.deepEqual([error.status, error.code], [403, 'TAG_IMMUTABLE']);
  const words = 'The requested tag already exists and cannot be overwritten.';
  for (const [status, code] of [
    [400, 'UNKNOWN'],
    [409, 'DENIED'],
    [403, 'DENIED'],
  ] as const) {
    stand.acr.faults.once(/^PUT .*\/manifests\//, registryError(status, code, words));
    const other = await failure(put(stand, 'mirror/app'), 'immutable');
    assert.match(other.message, new RegExp(`answered ${status} \\(${code}: The requested tag`));
  }
});

test('an address that is not on the whitelist: the connection is reset, or silent', async (t) => {
  const reset = await startStand(t, pusher);
  reset.acr.edge.whitelist = 'reset';
  await assert.rejects(send(`${reset.acr.url}/v2/`), { code: 'ECONNRESET' });
  await resolve(reset, 'mirror/app', 'unreachable');
  const silent = await startStand(t, pusher, { idleTimeout: 50 });
  silent.acr.edge.whitelist = 'hang';
  await resolve(silent, 'mirror/app', 'timeout');
});

test('a public endpoint that is off: the name has no address', async (t) => {
  const client = clientOf(t, 'http://demo-registry.cn-nowhere.invalid', { clock: new LeapingClock() });
  const error = await failure(client.repository('mirror/app', 'push').resolve('v1'), 'unreachable');
  assert.match(error.message, /ENOTFOUND|EAI_AGAIN/);
});

test('a flaky way to registry and token server: both are asked again', async (t) => {
  const stand = await startStand(t, pusher);
  await push(stand.acr.url, 'mirror/app', 'v1', image, pusher);
  stand.acr.tokens.faults.times(2, /^GET \/auth/, async () => 'reset');
  stand.acr.faults.times(2, /^HEAD /, async () => 'reset');
  const found = await stand.client.repository('mirror/app', 'push').resolve('v1');
  assert.equal(found?.digest, image.descriptor.digest);
  assert.equal(stand.acr.tokens.faults.pending + stand.acr.faults.pending, 0);
});

test('a limit of the registry: 429 or 503, and when to come back', async (t) => {
  const stand = await startStand(t, pusher);
  const url = `${stand.acr.url}/v2/`;
  stand.acr.faults.once(/./, rateLimited('7'));
  const limited = await send(url);
  assert.deepEqual([limited.status, limited.headers['retry-after']], [429, '7']);
  stand.acr.faults.always(/^HEAD /, rateLimited('7'));
  const error = await resolve(stand, 'mirror/app', 'rate-limited');
  assert.ok(error.retryAt !== undefined);
  stand.acr.faults.clear();
  stand.acr.faults.always(/^HEAD /, unavailable());
  await resolve(stand, 'mirror/app', 'unreachable');
});

test('an instance that has expired: its status, and what the OpenAPI says of it', async (t) => {
  const { server, client } = await startOpenApi(t);
  Object.assign(server.instance.instances[0] ?? {}, { InstanceStatus: 'STOPPED', InstanceIssue: 'EXPIRED' });
  const [row] = await new Overview(client).rows();
  assert.deepEqual([row?.status, row?.issue], ['STOPPED', 'EXPIRED']);
  server.refuse(4, { status: 200, code: 'INSTANCE_STATUS_NOT_SUPPORT' });
  const error = await failure(new Overview(client).usage(), 'unreachable');
  assert.match(error.message, /INSTANCE_STATUS_NOT_SUPPORT; the instance is not running/);
});

test('the OpenAPI, and no permission: 403 NoPrivilege', async (t) => {
  const { server, client } = await startOpenApi(t);
  server.forbidden.add('GetRepository');
  const error = await failure(listed(new Repositories(client).tags('mirror/app')), 'denied');
  assert.deepEqual([error.status, error.code], [403, 'NoPrivilege']);
  assert.match(
    error.message,
    /grant cr:GetRepository on acs:cr:\*:\*:repository\/cri-standin00000001\/mirror\/\* /,
  );
});

test('the OpenAPI of the personal edition: 404 USER_NOT_EXIST', async (t) => {
  const { server, client } = await startOpenApi(t);
  server.refuse(1, { status: 404, code: 'USER_NOT_EXIST' });
  const error = await failure(new Overview(client).usage(), 'denied');
  assert.match(error.message, /answered 404 \(USER_NOT_EXIST; the OpenAPI of the personal edition/);
});
