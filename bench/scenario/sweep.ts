import type { Row, Scenario } from '../scenario.ts';
import { account, startMany, tagsEach } from '../support/many.ts';
import { startMirror } from '../support/mirror.ts';
import type { Stand } from '../support/stand.ts';
import { sweepOnce } from '../support/sweep.ts';

/*
 * Sweeps of a Harbor with 10,000 tags that are all at the destination, and of one with a tenth of that. The first one knows
 * nothing and learns; the others find that nothing has changed. Both ends answer from memory, in this process, and
 * count what they are asked.
 */

const sizes = [10, 100];
const rounds = 3;

export const sweep: Scenario = {
  name: 'sweep',
  about: `sweeps of ${sizes.map((repositories) => repositories * tagsEach).join(' and ')} tags with nothing changed`,
  needs: [],
  async run(stand, say) {
    const rows: Row[] = [];
    for (const repositories of sizes) rows.push(...(await sweeps(stand, repositories, say)));
    return rows;
  },
};

async function sweeps(stand: Stand, repositories: number, say: (line: string) => void): Promise<Row[]> {
  const ends = await startMany(stand, repositories);
  const mirror = await startMirror(stand, {
    source: { type: 'harbor', url: ends.harbor, ...account },
    destination: { url: ends.acr },
  });
  const rows: Row[] = [];
  for (let round = 0; round <= rounds; round++) {
    const memory = mirror.child.peakMemory();
    const swept = await sweepOnce(mirror, ends.counts);
    const grown = mirror.child.peakMemory() - memory;
    const which = round === 0 ? 'the first sweep, which learns' : `nothing changed, ${round}/${rounds}`;
    const what = `${repositories * tagsEach} tags: ${which}`;
    say(`${what}: ${JSON.stringify(swept)}`);
    rows.push({
      what,
      figures: [
        { name: 'requests', value: swept.requests, unit: 'of all' },
        { name: 'manifest GETs', value: swept.pulls, unit: '' },
        { name: 'audited', value: swept.audited, unit: 'tags' },
        { name: 'time', value: swept.seconds, unit: 's' },
        { name: 'memory grew by', value: grown, unit: 'MiB' },
      ],
      ratio: { to: 'the tags', value: swept.requests / swept.listed },
      memory: mirror.child.peakMemory(),
    });
  }
  await mirror.child.stop();
  return rows;
}
