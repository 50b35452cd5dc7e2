import { ociImage } from '../../test/support/image.ts';
import { push } from '../../test/support/push.ts';
import type { Scenario } from '../scenario.ts';
import { completed, deliver } from '../support/deliver.ts';
import { startMirror } from '../support/mirror.ts';
import { type Ends, startEnds } from '../support/registries.ts';
import { copyBySkopeo } from '../support/skopeo.ts';
import type { Stand } from '../support/stand.ts';

/*
 * Many small tags at once, beside `skopeo copy` of a part of them, as many at a time: what a script behind a webhook
 * would start.
 */

const repositories = 10;
const tagsEach = 30;
const bySkopeo = 40;
const atOnce = 8;

interface Tag {
  repository: string;
  tag: string;
  digest: string;
}

export const tags: Scenario = {
  name: 'tags',
  about: `${repositories * tagsEach} small tags in ${repositories} repositories, registry to registry over TLS`,
  needs: ['docker-registry', 'openssl', 'skopeo'],
  async run(stand, say) {
    const ends = await startEnds(stand);
    const pushed = await pushAll(ends);
    say('pushed');
    const skopeo = await skopeoRate(ends, pushed.slice(0, bySkopeo));
    say(`skopeo ${skopeo.toFixed(1)} tags/s`);
    const { seconds, memory, processor } = await copyByMirror(stand, ends, pushed);
    const rate = pushed.length / seconds;
    return [
      { what: 'skopeo copy', figures: [{ name: 'rate', value: skopeo, unit: 'tags/s' }] },
      {
        what: 'mirror',
        figures: [
          { name: 'rate', value: rate, unit: 'tags/s' },
          { name: 'all', value: seconds, unit: 's' },
          { name: 'processor', value: processor, unit: 's' },
        ],
        ratio: { to: 'the rate of skopeo copy', value: rate / skopeo },
        memory,
      },
    ];
  },
};

async function pushAll({ source }: Ends): Promise<Tag[]> {
  const pushed: Tag[] = [];
  for (let number = 0; number < repositories * tagsEach; number++) {
    const repository = `bench/application-${number % repositories}`;
    const tag = `v${Math.floor(number / repositories)}`;
    const digest = await push(source.url, repository, tag, ociImage(`${repository}:${tag}`));
    pushed.push({ repository, tag, digest });
  }
  return pushed;
}

/** Tags a second. */
async function skopeoRate({ source, destination }: Ends, some: readonly Tag[]): Promise<number> {
  const names = some.map(({ repository, tag }) => `${repository}:${tag}`);
  const pairs = names.map((name) => [name, `skopeo/${name}`] as const);
  return some.length / (await copyBySkopeo(source, destination, pairs, atOnce));
}

async function copyByMirror(stand: Stand, ends: Ends, all: readonly Tag[]) {
  const { source, destination, caFile } = ends;
  const mirror = await startMirror(stand, {
    source: { url: source.url, caFile },
    destination: { url: destination.url, caFile },
  });
  const before = mirror.child.processorTime();
  const begin = Date.now();
  const ids = await Promise.all(
    all.map(({ repository, tag, digest }) => deliver(mirror, repository, tag, digest)),
  );
  let end = begin;
  for (const id of ids) end = Math.max(end, await completed(mirror, id, 120_000));
  const processor = mirror.child.processorTime() - before;
  return { seconds: (end - begin) / 1000, processor, memory: mirror.child.peakMemory() };
}
