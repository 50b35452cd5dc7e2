import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobTraffic } from '../../src/copy/blob.ts';
import { copy } from '../../src/copy/copy.ts';
import type { RegistryConfig } from '../../src/config.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { ConfiguredRegistries } from '../../src/main/registries.ts';
import { LeapingClock } from '../registry/clock.ts';
import { type AcrOpenApi, startAcrOpenApi, tableShelf } from '../support/acr-openapi.ts';
import { type AcrStandIn, startAcr } from '../support/acr-standin.ts';
import { temporary } from '../support/acr-tokens.ts';
import { editJson } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { role, startSts } from '../support/sts.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';

const minute = 60_000;

const common = {
  insecureSkipVerify: false,
  concurrency: 8,
  requestsPerSecond: 0,
  bandwidth: 0,
  connectTimeout: 5_000,
  idleTimeout: 5_000,
};

/** From now on each temporary user has a password of its own, which ends when the OpenAPI said so, and no other user is known. */
function endUsers(acr: AcrStandIn, openApi: AcrOpenApi, clock: LeapingClock): { count: number } {
  const { users } = acr.accounts;
  const grants = users.find(({ name }) => name === temporary.name)?.grants ?? [];
  users.length = 0;
  const given = { count: 0 };
  openApi.faults.always(
    /^POST/,
    editJson((answer) => {
      if (answer['AuthorizationToken'] === undefined) return answer;
      const password = `part:of:${++given.count}`;
      users.push({
        name: temporary.name,
        password,
        grants,
        get expired() {
          return clock.now() >= Number(answer['ExpireTime']);
        },
      });
      return { ...answer, AuthorizationToken: password };
    }),
  );
  return given;
}

async function startStand(t: Ending, life: number) {
  const clock = new LeapingClock();
  const now = () => clock.now();
  const [source, acr] = await Promise.all([EmbeddedRegistry.start(), startAcr(t)]);
  t.after(() => source.close());
  const [openApi, sts] = [
    await startAcrOpenApi(t, { shelf: tableShelf(new Map()), now }),
    await startSts(t, now),
  ];
  openApi.passwordLife = life;
  sts.life = life;
  const tokenFile = join(await temporaryFolder(t), 'token');
  await writeFile(tokenFile, sts.token);
  const identity = { kind: 'oidc', ...role, tokenFile, sessionName: 'tagferry', stsUrl: sts.url } as const;
  const configs: RegistryConfig[] = [
    { ...common, name: 'source', type: 'oci', url: source.url, tokenHosts: [] },
    {
      ...common,
      name: 'acr',
      type: 'acr-ee',
      url: acr.url,
      tokenHosts: [new URL(acr.tokens.url).host],
      aliyun: { identity, openapiUrl: openApi.url },
    },
  ];
  const registries = new ConfiguredRegistries({ configs, clock });
  t.after(() => registries.close());
  return { clock, source, acr, openApi, sts, registries, users: endUsers(acr, openApi, clock) };
}

test('temporary users and keys that end in the midst of a batch: no copy fails, and each is asked for once', async (t) => {
  const { clock, source, acr, sts, registries, users } = await startStand(t, 15 * minute);
  const traffic = new BlobTraffic();
  const images = Array.from({ length: 40 }, (_, number) => ociImage(`batch ${number}`, { layers: [100] }));
  for (const [number, image] of images.entries()) await push(source.url, 'library/app', `v${number}`, image);
  const one = (number: number) =>
    copy({
      source: registries.source('source', 'library/app'),
      sourceTag: `v${number}`,
      destination: registries.destination('acr', `mirror/app-${number}`),
      destinationTag: 'v',
      blobs: traffic.mover(`mirror/app-${number}`, { copied: 0, mounted: 0, skipped: 0, bytes: 0 }),
      force: false,
      signal: new AbortController().signal,
    });
  for (let number = 0; number < images.length; number += 4) {
    const outcomes = await Promise.all(
      [0, 1, 2, 3].map(async (offset) => (await one(number + offset)).outcome),
    );
    assert.deepEqual(new Set(outcomes), new Set(['copied']));
    clock.advance(4 * minute);
  }
  // 40 minutes: every fourth turn, at 16 minutes and so on, is past the end of the one before.
  assert.deepEqual([users.count, sts.given], [3, 3]);
  assert.ok(acr.tokens.requests.every(({ status }) => status === 200));
});
