import { namespace } from '../../test/support/counted-ends.ts';
import { type FamilySize, type Member, family, pushFamily } from '../../test/support/family.ts';
import { layer, blobOf, ociImageOf } from '../../test/support/image.ts';
import type { Scenario } from '../scenario.ts';
import { contest } from '../support/contest.ts';
import { startPlace, viewOf } from '../support/place.ts';

/*
 * Many tags by `tagferry sync`, from a Harbor and from the same registry without its API, beside other tools: all new, or
 * nothing new; on loopback, and with a round trip of 40 ms to everything.
 */

const KiB = 1024;
const repositories = 10;
const far = 40;
/** Requests, tags or jobs at once, as each tool counts them. */
const atOnce = { near: 16, far: 64 };
const nameOf = (index: number): string => `${namespace}/application-${index}`;

/** All images have two layers in common, those of a repository one more, and each has one of its own. */
function shared(tags: number): Member[] {
  const layers = { all: [4096 * KiB, 1024 * KiB], repository: 256 * KiB, tag: 16 * KiB };
  const size: FamilySize = { repositories, tags: tags / repositories, layers };
  return family(size, nameOf);
}

/** Of the same blobs, told apart by an annotation: where nothing is new, nobody looks at the blobs. */
function alike(tags: number): Member[] {
  const config = blobOf('{"architecture":"amd64","os":"linux"}', 'application/vnd.oci.image.config.v1+json');
  const layers = [layer('of all', 16 * KiB)];
  return Array.from({ length: tags }, (_, index) => {
    const image = ociImageOf(config, layers, { annotations: { number: String(index) } });
    return { repository: nameOf(index % repositories), tag: `v${Math.floor(index / repositories)}`, image };
  });
}

interface Kind {
  name: string;
  tags: 'new' | 'unchanged';
  count: number;
  small: number;
  /** Milliseconds. */
  roundTrip: number;
  rounds: number;
}

function scenarioOf({ name, tags, count, small, roundTrip, rounds }: Kind): Scenario {
  const where = roundTrip === 0 ? 'on loopback' : `${far} ms away`;
  return {
    name,
    about: `${count.toLocaleString('en')} ${tags} tags in ${repositories} repositories, ${where}, beside the other tools`,
    needs: ['docker-registry', 'openssl'],
    async run(stand, say) {
      const place = await startPlace(stand);
      const number = stand.small ? small : count;
      const members = count > 300 ? alike(number) : shared(number);
      await place.push(members);
      const { url, credential } = place.destination;
      if (tags === 'unchanged') await pushFamily(url, members, credential);
      say('pushed');
      const view = await viewOf(stand, place, roundTrip);
      const width = roundTrip === 0 ? atOnce.near : atOnce.far;
      return contest({
        stand,
        place,
        view,
        members,
        rounds: stand.small ? 1 : rounds,
        atOnce: width,
        tags,
        say,
      });
    },
  };
}

const kinds: readonly Kind[] = [
  { name: 'new', tags: 'new', count: 300, small: 40, roundTrip: 0, rounds: 3 },
  { name: 'unchanged', tags: 'unchanged', count: 300, small: 40, roundTrip: 0, rounds: 5 },
  { name: 'unchanged-3000', tags: 'unchanged', count: 3000, small: 400, roundTrip: 0, rounds: 3 },
  { name: 'new-far', tags: 'new', count: 300, small: 40, roundTrip: far, rounds: 3 },
  { name: 'unchanged-3000-far', tags: 'unchanged', count: 3000, small: 400, roundTrip: far, rounds: 3 },
];

export const tagScenarios = kinds.map(scenarioOf);
