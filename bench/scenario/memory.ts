import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../../test/support/certificate.ts';
import { send } from '../../test/support/http.ts';
import { ociImage } from '../../test/support/image.ts';
import { push } from '../../test/support/push.ts';
import type { Row, Scenario } from '../scenario.ts';
import { Child } from '../support/child.ts';
import { completed, deliver } from '../support/deliver.ts';
import type { Endless } from '../support/endless.ts';
import { startMirror } from '../support/mirror.ts';
import { authority, startEnds } from '../support/registries.ts';

/*
 * The most memory that a mirror takes while 8 blobs of 1 GiB are under way at once: one image of 8 layers. By
 * default between registries that make and swallow the bytes, each in a process of its own, so that no 16 GiB of disk are
 * needed and the bytes come and go as fast as the machine can; on request between real ones.
 */

const GiB = 2 ** 30;
const count = 8;
const limit = 250;
const patience = 900_000;

export const memory: Scenario = {
  name: 'memory',
  about: `${count} blobs of 1 GiB in flight, made and swallowed by registries without a disk`,
  needs: ['openssl'],
  async run(stand) {
    const caFile = await authority(stand);
    const files = { cert: join(stand.folder, 'server.crt'), key: join(stand.folder, 'server.key') };
    const { cert, key } = await certificate();
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key, { mode: 0o600 });
    const settings: Endless = { ...files, blobs: count, size: GiB };
    const argument = JSON.stringify(settings);
    const [source, destination] = [0, 1].map(() => new Child(stand, 'bench/support/endless.ts', [argument]));
    const urls = { source: await source?.url(), destination: await destination?.url() };
    const mirror = await startMirror(stand, {
      source: { url: urls.source, caFile },
      destination: { url: urls.destination, caFile },
      into: 'destination/{base}',
    });
    const begin = Date.now();
    const id = await deliver(mirror, 'source/application', 'v1', `sha256:${'0'.repeat(64)}`);
    const seconds = ((await completed(mirror, id, patience)) - begin) / 1000;
    const most = Number((await send(`${urls.source}/most-sending`)).body.toString());
    return [
      rowOf('without a disk', seconds, mirror.child, [{ name: 'at once', value: most, unit: 'blobs' }]),
    ];
  },
};

export const memoryRegistries: Scenario = {
  name: 'memory-registries',
  about: `${count} blobs of 1 GiB in flight between real registries; takes 17 GiB of disk`,
  needs: ['docker-registry', 'openssl'],
  onRequest: true,
  async run(stand) {
    const { source, destination, caFile } = await startEnds(stand);
    const image = ociImage('bench', { layers: Array.from({ length: count }, () => GiB) });
    const digest = await push(source.url, 'bench/application', 'v1', image);
    const mirror = await startMirror(stand, {
      source: { url: source.url, caFile },
      destination: { url: destination.url, caFile },
    });
    const begin = Date.now();
    const id = await deliver(mirror, 'bench/application', 'v1', digest);
    const seconds = ((await completed(mirror, id, patience)) - begin) / 1000;
    return [rowOf('docker-registry', seconds, mirror.child, [])];
  },
};

function rowOf(what: string, seconds: number, child: Child, more: Row['figures']): Row {
  const peak = child.peakMemory();
  return {
    what,
    figures: [
      { name: 'all', value: seconds, unit: 's' },
      { name: 'together', value: (count * 1024) / seconds, unit: 'MiB/s' },
      ...more,
    ],
    ratio: { to: `the limit of ${limit} MiB`, value: peak / limit },
    memory: peak,
  };
}
