import { namespace } from '../../test/support/counted-ends.ts';
import { ociImage } from '../../test/support/image.ts';
import type { Scenario } from '../scenario.ts';
import { contest } from '../support/contest.ts';
import { curlImage } from '../support/curl.ts';
import { startPlace, viewOf } from '../support/place.ts';

/*
 * One image of large layers, beside other tools and `curl | curl` of the same blobs, all at once, which hashes nothing.
 */

const MiB = 2 ** 20;
const repository = `${namespace}/application`;

export const blob: Scenario = scenarioOf('blob', [1024]);
export const image: Scenario = scenarioOf('image', [256, 256, 256, 256]);

/** Layers in MiB. */
function scenarioOf(name: string, layers: readonly number[]): Scenario {
  return {
    name,
    about: `an image of ${layers.length} × ${layers[0]} MiB, registry to registry over TLS, beside the other tools`,
    needs: ['docker-registry', 'openssl', 'curl'],
    async run(stand, say) {
      const place = await startPlace(stand);
      const sizes = layers.map((size) => (stand.small ? size / 8 : size) * MiB);
      const member = { repository, tag: 'v1', image: ociImage('bench', { layers: sizes }) };
      const members = [member];
      await place.push(members);
      const view = await viewOf(stand, place, 0);
      const rounds = stand.small ? 1 : 3;
      const more = [{ name: 'curl | curl', ours: false, run: curlImage(member) }];
      return contest({ stand, place, view, members, rounds, atOnce: 16, tags: 'new', api: false, more, say });
    },
  };
}
