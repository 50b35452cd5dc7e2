import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../../test/support/certificate.ts';
import type { Row, Scenario } from '../scenario.ts';
import { Child } from '../support/child.ts';
import { completed, deliver } from '../support/deliver.ts';
import type { Endless } from '../support/endless.ts';
import { startMirror } from '../support/mirror.ts';
import { authority } from '../support/registries.ts';

/*
 * One blob from a source that gives each connection 5 MB/s, with as many connections as there may be requests in flight: one
 * (then there is no room for ranges), and the configuration's default. The destination swallows the bytes.
 */

const MiB = 2 ** 20;
const rate = 5e6;
const size = 384 * MiB;

export const ranges: Scenario = {
  name: 'ranges',
  about: `a blob of ${size / MiB} MiB from a source held to 5 MB/s a connection: one connection, and four`,
  needs: ['openssl'],
  async run(stand, say) {
    const caFile = await authority(stand);
    const files = { cert: join(stand.folder, 'server.crt'), key: join(stand.folder, 'server.key') };
    const { cert, key } = await certificate();
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key, { mode: 0o600 });
    const settings: Endless = { ...files, blobs: 1, size, rate };
    const rows: Row[] = [];
    for (const [what, concurrency] of [
      ['one connection', 1],
      ['ranges', 8],
    ] as const) {
      const ends = [0, 1].map(() => new Child(stand, 'bench/support/endless.ts', [JSON.stringify(settings)]));
      const [source, destination] = await Promise.all(ends.map((end) => end.url()));
      const mirror = await startMirror(stand, {
        source: { url: source, caFile, concurrency },
        destination: { url: destination, caFile },
        into: 'destination/{base}',
      });
      const begin = Date.now();
      const id = await deliver(mirror, 'source/application', 'v1', `sha256:${'0'.repeat(64)}`);
      const seconds = ((await completed(mirror, id, 300_000)) - begin) / 1000;
      say(`${what}: ${seconds.toFixed(1)} s`);
      rows.push(rowOf(what, seconds, rows[0]?.figures[0]?.value, mirror.child.peakMemory()));
      await mirror.child.stop();
    }
    return rows;
  },
};

function rowOf(what: string, seconds: number, alone: number | undefined, memory: number): Row {
  return {
    what,
    figures: [
      { name: 'all', value: seconds, unit: 's' },
      { name: 'rate', value: size / 1e6 / seconds, unit: 'MB/s' },
    ],
    ...(alone !== undefined && { ratio: { to: 'the rate of one connection', value: alone / seconds } }),
    memory,
  };
}
