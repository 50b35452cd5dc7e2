import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RegistryConfig } from '../../src/config.ts';
import type { Side } from '../../src/copy/error.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { certificate, expiredCertificate } from '../support/certificate.ts';
import { temporaryFolder, type Ending } from '../support/temporary.ts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embedded } from './end.ts';
import { assertEqual, forget, open, startStand } from './stand.ts';

/** What is wrong with the address of an end, or with who answers there; mended by the next start. */
interface Row {
  name: string;
  reason: 'unreachable' | 'tls';
  says: RegExp;
  config(t: Ending): Promise<Partial<RegistryConfig>>;
}

async function listening(t: Ending, tls: { key: string; cert: string }, host = '127.0.0.1'): Promise<string> {
  const registry = await EmbeddedRegistry.start({ tls, host });
  t.after(() => registry.close());
  return registry.url;
}

async function trusting(t: Ending, ca: string): Promise<{ caFile: string }> {
  const caFile = join(await temporaryFolder(t), 'ca.pem');
  await writeFile(caFile, ca);
  return { caFile };
}

const rows: readonly Row[] = [
  {
    name: 'a name that DNS does not know',
    reason: 'unreachable',
    says: /no-such-host\.invalid/,
    config: async () => ({ url: 'http://no-such-host.invalid' }),
  },
  {
    name: 'an address where nobody listens',
    reason: 'unreachable',
    says: /127\.0\.0\.1:1/,
    config: async () => ({ url: 'http://127.0.0.1:1' }),
  },
  {
    name: 'a certificate of an unknown authority',
    reason: 'tls',
    says: /https:\/\/127\.0\.0\.1:\d+\/v2\/: .*certificate/,
    config: async (t) => ({ url: await listening(t, await certificate()) }),
  },
  {
    name: 'a certificate for another name',
    reason: 'tls',
    says: /https:\/\/127\.0\.0\.2:\d+\/v2\/: .*127\.0\.0\.2/,
    async config(t) {
      const made = await certificate();
      return { url: await listening(t, made, '127.0.0.2'), ...(await trusting(t, made.ca)) };
    },
  },
  {
    name: 'a certificate that has expired',
    reason: 'tls',
    says: /https:\/\/127\.0\.0\.1:\d+\/v2\/: .*expired/,
    async config(t) {
      const made = await expiredCertificate();
      return { url: await listening(t, made), ...(await trusting(t, made.cert)) };
    },
  },
];

for (const side of ['source', 'destination'] as const satisfies Side[])
  for (const { name, reason, says, config } of rows)
    test(`${side}: ${name}`, async (t) => {
      const stand = await startStand(t, embedded, { other: { [side]: await config(t) } });
      forget(stand);
      const task = await stand.announce();
      assert.deepEqual([task.state, task.reason, task.attempts], ['retryable', reason, 0], task.message);
      assert.match(task.message ?? '', new RegExp(`^resolve v1 at the ${side}: GET `));
      assert.match(task.message ?? '', says);
      assert.deepEqual(
        stand.destination.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD'),
        [],
      );
      // As after a change of the configuration: what waits in the database is done by the next process.
      await stand.close();
      const mended = open(stand);
      try {
        const again = await mended.again(task);
        assert.deepEqual([again.state, again.outcome], ['completed', 'copied'], again.message);
      } finally {
        await mended.close();
      }
      await assertEqual(stand);
    });
