import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { BlobTraffic } from '../../src/copy/blob.ts';
import { type CopyResult, copy } from '../../src/copy/copy.ts';
import type { RegistryOptions } from '../../src/demo/registry/registry.ts';
import { type Image, ociImage } from '../support/image.ts';
import { contentsOf, push } from '../support/push.ts';
import { type ClientOptions, type Stand, robot, startStand } from './stand.ts';

/*
 * The fifty traps of registries, by number. Those that a copy meets have tests named `trap NN: …` in the files
 * trap-*.test.ts; trap.test.ts sees that each number is there or here.
 */
export const notMet: Readonly<Record<number, string>> = {
  10: 'each piece says where it belongs, and its digest is checked at the end',
  25: '`_catalog` is only listed where a rule asks for all repositories; its refusal is in list.test.ts',
  26: 'referrers are copied where they have a tag; the referrers API is not asked',
  27: 'as 26: no filter is sent',
  28: 'as 26: no fallback index is kept',
  29: 'as 26: no fallback tag is computed',
  30: 'as 26: no tag is read as a digest’s referrers',
  43: 'identity tokens are not used; nothing is POSTed to a token service',
  49: 'one tag is written at a time, by its path',
  50: 'no conditional request is sent',
};

export interface Mirror {
  readonly source: Stand;
  readonly destination: Stand;
  readonly image: Image;
  /** From `a/b:v1` to `c/d:v1`. */
  copy(): Promise<CopyResult>;
  /** Copies, and fails unless the same bytes are at the destination and every slot is free. */
  arrives(outcome?: CopyResult['outcome']): Promise<void>;
}

interface Options {
  source?: RegistryOptions;
  destination?: RegistryOptions;
  image?: Image;
  client?: Partial<ClientOptions>;
}

const credential = { name: robot.username, password: robot.password };

/** Two registries, an image in the first, and the way between them. */
export async function startMirror(t: TestContext, options: Options = {}): Promise<Mirror> {
  const image = options.image ?? ociImage('mirror', { layers: [200_000, 3_000] });
  const source = await startStand(t, options.source, options.client);
  const destination = await startStand(t, options.destination, options.client);
  await push(source.registry.url, 'a/b', 'v1', image, options.source?.auth && credential);
  source.registry.requests.length = 0;
  const traffic = new BlobTraffic();
  const run = () =>
    copy({
      source: source.client.repository('a/b', 'pull'),
      sourceTag: 'v1',
      destination: destination.client.repository('c/d', 'push'),
      destinationTag: 'v1',
      blobs: traffic.mover('c/d', { copied: 0, mounted: 0, skipped: 0, bytes: 0 }),
      force: false,
      signal: new AbortController().signal,
    });
  const arrives = async (expected: CopyResult['outcome'] = 'copied') => {
    assert.equal((await run()).outcome, expected);
    assert.deepEqual([source.faults.pending, destination.faults.pending], [0, 0], 'all faults were met');
    for (const { faults } of [source, destination]) faults.clear();
    const ends = [
      contentsOf(source.registry.url, 'a/b', 'v1', options.source?.auth && credential),
      contentsOf(destination.registry.url, 'c/d', 'v1', options.destination?.auth && credential),
    ];
    const [from, to] = await Promise.all(ends);
    assert.deepEqual(to, from);
    if (!options.source?.auth) await source.assertFree();
    if (!options.destination?.auth) await destination.assertFree();
  };
  return { source, destination, image, copy: run, arrives };
}
