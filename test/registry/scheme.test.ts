import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type RegistryOptions, EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { originOf } from '../../src/registry/scheme.ts';
import { certificate } from '../support/certificate.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { answer, redirect } from '../support/fault.ts';
import { clientOf, failure, startStand } from './stand.ts';

const options = (
  insecureSkipVerify: boolean,
  onRequest: (...one: [string, number]) => void = () => undefined,
) => ({
  insecureSkipVerify,
  connectTimeout: 5_000,
  idleTimeout: 5_000,
  onRequest,
});

async function start(t: TestContext, more: RegistryOptions = {}): Promise<string> {
  const registry = await EmbeddedRegistry.start(more);
  t.after(() => registry.close());
  return new URL(registry.url).host;
}

test('row 39: insecure takes a certificate that nobody knows, and plain HTTP where HTTPS fails', async (t) => {
  const { key, cert } = await certificate();
  const [secret, plain] = await Promise.all([
    startDockerRegistry(t, { tls: { key, cert } }),
    startDockerRegistry(t),
  ]);
  for (const { url } of [secret, plain]) {
    const origin = await originOf(new URL(url).host, options(true));
    assert.equal(origin.origin, url);
    const client = clientOf(t, origin.href, { insecureSkipVerify: true });
    assert.equal(await client.repository('a/b', 'pull').resolve('v1'), undefined);
  }
});

test('row 40: without insecure HTTPS is meant, and a server of plain HTTP fails with a word of what to do', async (t) => {
  const host = await start(t);
  const asked: number[] = [];
  const origin = await originOf(
    host,
    options(false, (_, status) => asked.push(status)),
  );
  assert.deepEqual([origin.href, asked], [`https://${host}/`, []]);
  const { message } = await failure(clientOf(t, origin.href).repository('a/b', 'pull').resolve('v1'), 'tls');
  assert.equal(
    message,
    `GET https://${host}/v2/: expected TLS, got something else, probably plain HTTP; if that is meant, say so: http:// in its url; in image-syncer files insecure: true`,
  );
});

test('any answer by HTTPS means HTTPS; a refusal by plain HTTP is an answer, too', async (t) => {
  const { key, cert } = await certificate();
  const misbehave = async () => ({ status: 503, headers: {} });
  const host = await start(t, { tls: { key, cert }, misbehave });
  assert.equal((await originOf(host, options(true))).origin, `https://${host}`);
  const plain = await start(t, { misbehave });
  assert.equal((await originOf(plain, options(true))).origin, `http://${plain}`);
});

test('where nobody answers the failure is that of HTTPS, and names both', async () => {
  const asked: number[] = [];
  const { message } = await failure(
    originOf(
      '127.0.0.1:1',
      options(true, (_, status) => asked.push(status)),
    ),
    'unreachable',
  );
  assert.match(
    message,
    /^GET https:\/\/127\.0\.0\.1:1\/v2\/: .*REFUSED.*; nor by plain HTTP: GET http:\/\/127\.0\.0\.1:1\/v2\/: .*REFUSED/,
  );
  assert.deepEqual(asked, [0, 0]);
});

for (const [what, fault] of [
  ['HTTPS is spoken there', answer(400)],
  ['HTTPS is the place to go', redirect('https://registry.example/v2/')],
] as const)
  test(`an answer by plain HTTP that says that ${what} is none`, async (t) => {
    const { registry, faults } = await startStand(t);
    faults.always(/v2/, fault);
    const { message } = await failure(originOf(new URL(registry.url).host, options(true)), 'tls');
    assert.match(message, /; nor by plain HTTP: GET http:\/\/127\.0\.0\.1:\d+\/v2\/ answered \d+$/);
  });

test('whoever waits for it can be stopped', async () => {
  const stop = AbortSignal.abort(new RangeError('enough'));
  await assert.rejects(originOf('127.0.0.1:1', options(true), stop), /enough/);
});
