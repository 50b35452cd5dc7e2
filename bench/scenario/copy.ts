import { type Image, ociImage } from '../../test/support/image.ts';
import { push } from '../../test/support/push.ts';
import type { Row, Scenario } from '../scenario.ts';
import { curlBlob } from '../support/curl.ts';
import { completed, deliver } from '../support/deliver.ts';
import { startMirror } from '../support/mirror.ts';
import { median } from '../support/number.ts';
import { type Ends, startEnds } from '../support/registries.ts';
import type { Stand } from '../support/stand.ts';

/*
 * An image from registry to registry, from its webhook to its task's end, beside `curl | curl` of the same
 * blobs, all at once. The two take turns, and each round has a mirror and a destination repository of its own, so that
 * nothing is there already. The mirror also hashes every byte, and reads and writes manifests.
 */

const MiB = 2 ** 20;
const rounds = 3;
const repository = 'bench/application';

interface Copied {
  seconds: number;
  processor: number;
  memory: number;
}

export const blob: Scenario = {
  name: 'blob',
  about: 'an image of one blob of 1 GiB, registry to registry over TLS',
  needs: ['docker-registry', 'openssl', 'curl'],
  run: (stand, say) => compare(stand, say, [1024 * MiB]),
};

export const image: Scenario = {
  name: 'image',
  about: 'an image of 4 blobs of 256 MiB, registry to registry over TLS',
  needs: ['docker-registry', 'openssl', 'curl'],
  run: (stand, say) =>
    compare(
      stand,
      say,
      [256, 256, 256, 256].map((size) => size * MiB),
    ),
};

async function compare(stand: Stand, say: (line: string) => void, layers: number[]): Promise<Row[]> {
  const ends = await startEnds(stand);
  const image = ociImage('bench', { layers });
  await push(ends.source.url, repository, 'v1', image);
  const total = layers.reduce((sum, size) => sum + size, 0) / MiB;
  const curl: number[] = [];
  const mirror: Copied[] = [];
  for (let round = 1; round <= rounds; round++) {
    curl.push(await byCurl(ends, image, round));
    mirror.push(await byMirror(stand, ends, image, round));
    say(
      `${round}/${rounds}: curl ${curl.at(-1)?.toFixed(2)} s, mirror ${mirror.at(-1)?.seconds.toFixed(2)} s`,
    );
  }
  return rowsOf(total, curl, mirror);
}

async function byCurl(ends: Ends, { blobs }: Image, round: number): Promise<number> {
  const begin = performance.now();
  const into = `curl-${round}/application`;
  await Promise.all(blobs.map(({ descriptor }) => curlBlob(ends, repository, into, descriptor)));
  return (performance.now() - begin) / 1000;
}

async function byMirror(stand: Stand, ends: Ends, { descriptor }: Image, round: number): Promise<Copied> {
  const { source, destination, caFile } = ends;
  const mirror = await startMirror(stand, {
    source: { url: source.url, caFile },
    destination: { url: destination.url, caFile },
    into: `mirror-${round}/{base}`,
  });
  const before = mirror.child.processorTime();
  const begin = Date.now();
  const id = await deliver(mirror, repository, 'v1', descriptor.digest);
  const seconds = ((await completed(mirror, id, 300_000)) - begin) / 1000;
  const processor = mirror.child.processorTime() - before;
  const memory = mirror.child.peakMemory();
  await mirror.child.stop();
  return { seconds, processor, memory };
}

function rowsOf(total: number, curl: readonly number[], mirror: readonly Copied[]): Row[] {
  const ratios = mirror.map(({ seconds }, round) => seconds / (curl[round] ?? Number.NaN));
  const seconds = mirror.map((copied) => copied.seconds);
  return [
    { what: 'curl | curl', figures: timesOf(total, curl) },
    {
      what: 'mirror',
      figures: [
        ...timesOf(total, seconds),
        { name: 'processor', value: median(mirror.map(({ processor }) => processor)), unit: 's' },
      ],
      ratio: { to: 'the time of curl | curl', value: median(ratios) },
      memory: Math.max(...mirror.map(({ memory }) => memory)),
    },
  ];
}

function timesOf(total: number, seconds: readonly number[]) {
  return [
    { name: 'median', value: median(seconds), unit: 's' },
    { name: 'best', value: Math.min(...seconds), unit: 's' },
    { name: 'median', value: total / median(seconds), unit: 'MiB/s' },
  ];
}
