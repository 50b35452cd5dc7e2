import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { basic } from '../support/client.ts';
import { refused } from '../support/conformance.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { harborTokens } from '../support/harbor-tokens.ts';
import { send } from '../support/http.ts';
import * as images from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { startTokenServer } from '../support/token-server.ts';

const digest = digestOf(Buffer.from('any'));
const user = { name: 'robot$p+r', password: 'pass:word' };

/** By name: a registry with a token service that knows the user. */
const guarded: Record<string, (t: TestContext) => Promise<{ url: string }>> = {
  embedded: async (t) => {
    const grants = [{ repositories: /p\/.*/, actions: ['pull', 'push'] as const }];
    const registry = await EmbeddedRegistry.start({ auth: { kind: 'bearer', users: [{ ...user, grants }] } });
    t.after(() => registry.close());
    return registry;
  },
  'docker-registry': async (t) => {
    const tokens = await startTokenServer(t, harborTokens([{ ...user, projects: { p: ['pull', 'push'] } }]));
    return startDockerRegistry(t, { token: tokens.trust });
  },
};

for (const [name, start] of Object.entries(guarded))
  test(`${name} with tokens: the challenge says what is missing`, async (t) => {
    const { url } = await start(t);
    const image = images.ociImage('guarded');
    await push(url, 'p/app', 'v1', image, user);
    assert.equal(await digestOfTag(url, 'p/app', 'v1', user), image.descriptor.digest);
    await assert.rejects(push(url, 'q/app', 'v1', image, user), /got 401/);
    const challenge = async (path: string, authorization?: string, method = 'GET') => {
      const answer = await send(url + path, { method, headers: authorization ? { authorization } : {} });
      refused(answer, 401, 'UNAUTHORIZED');
      const text = String(answer.headers['www-authenticate']);
      assert.match(text, /^Bearer realm="http:[^"]*\/(service\/)?token",service="[a-z-]+"/);
      return [/scope="([^"]*)"/.exec(text)?.[1]?.split(' ').toSorted(), /error="(.*)"/.exec(text)?.[1]];
    };
    assert.deepEqual(await challenge('/v2/'), [undefined, undefined]);
    assert.deepEqual(await challenge('/v2/p/app/tags/list'), [['repository:p/app:pull'], undefined]);
    const invalid = await challenge('/v2/p/app/tags/list', 'Bearer nonsense');
    assert.deepEqual(invalid, [['repository:p/app:pull'], 'invalid_token']);
    assert.deepEqual(await challenge('/v2/', basic(user)), [undefined, undefined]);
    const mount = `/v2/p/app/blobs/uploads/?mount=${digest}&from=p/other`;
    const [scopes] = await challenge(mount, undefined, 'POST');
    assert.equal(scopes?.length, 2);
  });
