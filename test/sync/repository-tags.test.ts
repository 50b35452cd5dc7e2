import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { RegistryError } from '../../src/copy/error.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { RepositoryTags } from '../../src/sync/repository-tags.ts';
import type { Known } from '../../src/sync/repository-tags.ts';
import { parallel } from '../../src/task/parallel.ts';
import { randomOf } from '../integration/random.ts';

/** A destination repository whose questions are counted, each answered some turns of the event loop later. */
class Asked {
  readonly there = new Map<string, Digest>();
  readonly remembered = new Map<string, Digest>();
  /** Tags that are in the list besides. */
  others = 0;
  asked: string[] = [];
  delay = (): number => 0;
  listed: () => void = () => undefined;

  tags(wanted: readonly string[]): RepositoryTags {
    return new RepositoryTags({
      wanted: new Set(wanted),
      resolve: async (tag) => {
        this.asked.push(tag);
        await this.#wait();
        const digest = this.there.get(tag);
        return digest && { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 };
      },
      tags: () => this.#list(),
      remembered: (tag) => this.remembered.get(tag),
    });
  }

  async *#list(): AsyncGenerator<string> {
    this.asked.push('list');
    await this.#wait();
    this.listed();
    for (let number = 0; number < this.others; number++) yield `a${number}`;
    yield* this.there.keys();
  }

  async #wait(): Promise<void> {
    for (let turns = this.delay(); turns > 0; turns--) await setImmediate();
  }
}

const named = (count: number): string[] => Array.from({ length: count }, (_, index) => `v${index}`);
const digestFor = (text: string): Digest => digestOf(Buffer.from(text));

async function found(
  repository: Asked,
  tags: readonly string[],
  width = 1,
): Promise<Map<string, Known['kind']>> {
  const known = repository.tags(tags);
  const kinds = new Map<string, Known['kind']>();
  await parallel(tags, width, async (tag) => void kinds.set(tag, (await known.find(tag)).kind));
  return kinds;
}

const kindsOf = (kinds: ReadonlyMap<string, string>): string[] => [...new Set(kinds.values())].toSorted();

for (const width of [1, 9]) {
  test(`${width} at once: where all tags are there, each is asked for, and nothing else`, async () => {
    const repository = new Asked();
    for (const tag of named(20)) repository.there.set(tag, digestFor(tag));
    assert.deepEqual(kindsOf(await found(repository, named(20), width)), ['seen']);
    assert.deepEqual(repository.asked.toSorted(), named(20).toSorted());
  });

  test(`${width} at once: where none is there, one is asked for, and the list`, async () => {
    const repository = new Asked();
    assert.deepEqual(kindsOf(await found(repository, named(20), width)), ['missing']);
    assert.deepEqual(repository.asked, ['v0', 'list']);
  });

  test(`${width} at once: where all are remembered, the list is asked for`, async () => {
    const repository = new Asked();
    for (const tag of named(20)) {
      repository.there.set(tag, digestFor(tag));
      repository.remembered.set(tag, digestFor(tag));
    }
    assert.deepEqual(kindsOf(await found(repository, named(20), width)), ['remembered']);
    assert.deepEqual(repository.asked, ['list']);
  });
}

test('one tag, remembered or not, is asked for: a list would cost as much, and tell less', async () => {
  const repository = new Asked();
  repository.there.set('v0', digestFor('new'));
  repository.remembered.set('v0', digestFor('old'));
  assert.deepEqual(kindsOf(await found(repository, ['v0'])), ['seen']);
  assert.deepEqual(repository.asked, ['v0']);
});

test('a few new tags behind many that are there cost no list', async () => {
  const repository = new Asked();
  for (const tag of named(17)) repository.there.set(tag, digestFor(tag));
  await found(repository, named(20));
  assert.deepEqual(repository.asked, named(20));
});

test('what is remembered and has gone is missing', async () => {
  const repository = new Asked();
  for (const tag of named(3)) repository.remembered.set(tag, digestFor(tag));
  repository.there.set('v1', digestFor('v1'));
  const kinds = await found(repository, named(3));
  assert.deepEqual([...kinds.values()], ['missing', 'remembered', 'missing']);
  assert.deepEqual(repository.asked, ['list']);
});

test('a list that is refused is asked for once; then each tag is', async () => {
  const repository = new Asked();
  for (const tag of named(5)) repository.remembered.set(tag, digestFor(tag));
  repository.listed = () => {
    throw new RegistryError('denied', 'no lists here');
  };
  assert.deepEqual(kindsOf(await found(repository, named(5))), ['missing']);
  assert.deepEqual(repository.asked, ['list', ...named(5)]);
});

test('a list that is far longer than what it is to tell is not read to its end', async () => {
  const repository = new Asked();
  repository.others = 100_000;
  await found(repository, named(5));
  assert.deepEqual(repository.asked, ['v0', 'list', 'v1', 'v2', 'v3', 'v4']);
});

test('who cannot be asked for fails alone: the next one is asked for', async () => {
  let times = 0;
  const known = new RepositoryTags({
    wanted: new Set(named(2)),
    resolve: async () => {
      if (times++ === 0) throw new RegistryError('unreachable', 'away');
      return undefined;
    },
    tags: () => assert.fail('no list is worth it'),
    remembered: () => undefined,
  });
  const [first, second] = await Promise.allSettled([known.find('v0'), known.find('v1')]);
  assert.deepEqual([first.status, second.status], ['rejected', 'fulfilled']);
});

test('whatever is there, remembered and asked in whatever order: the truth, for at most one request a tag and one list', async () => {
  const chance = randomOf(7);
  const pick = (most: number): number => Math.floor(chance() * (most + 1));
  for (let round = 0; round < 500; round++) {
    const repository = new Asked();
    repository.delay = () => pick(3);
    repository.others = pick(3);
    const tags = named(1 + pick(12));
    const odds = [chance(), chance()];
    for (const tag of tags) {
      if (chance() < (odds[0] ?? 0)) repository.there.set(tag, digestFor(tag));
      if (chance() < (odds[1] ?? 0)) repository.remembered.set(tag, digestFor(tag));
    }
    if (pick(9) === 0)
      repository.listed = () => {
        throw new RegistryError('denied', 'no');
      };
    const kinds = await found(repository, tags, 1 + pick(6));
    for (const [tag, kind] of kinds) {
      assert.equal(kind === 'missing', !repository.there.has(tag), `round ${round}: ${tag} is ${kind}`);
      if (kind === 'remembered') assert.ok(repository.remembered.has(tag));
    }
    const lists = repository.asked.filter((one) => one === 'list').length;
    const resolved = repository.asked.filter((one) => one !== 'list');
    assert.ok(
      lists <= 1 && new Set(resolved).size === resolved.length,
      `round ${round}: ${repository.asked.join()}`,
    );
  }
});
