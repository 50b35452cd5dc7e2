import { Agent } from 'node:https';
import { empty } from '../../src/demo/registry/call.ts';
import { startCallServer } from '../../test/support/call-server.ts';
import { certificate } from '../../test/support/certificate.ts';
import { namespace } from '../../test/support/counted-ends.ts';
import { family } from '../../test/support/family.ts';
import { forward } from '../../test/support/forward.ts';
import { peersHere } from '../peer/all.ts';
import { type Job, type Ran, runPeer } from '../peer/peer.ts';
import type { Row, Scenario } from '../scenario.ts';
import { type Reached, startPlace, viewOf } from '../support/place.ts';
import type { Stand } from '../support/stand.ts';
import { runSync } from '../support/sync.ts';
import { verify } from '../support/verify.ts';

/*
 * New tags to a destination that answers 429 with `Retry-After: 5` to a twentieth of the requests, the same ones of each
 * run by a seed. A request that begins within the five seconds has not obeyed.
 */

const retryAfter = 5;
const share = 0.05;
const seed = 7;
/** Milliseconds that a request may have been on its way when the answer was given. */
const grace = 100;
/** Milliseconds that a peer has. */
const patience = 120_000;
const size = { repositories: 4, tags: 6, layers: { all: [65_536, 16_384], repository: 8_192, tag: 4_096 } };

export const retryAfterScenario: Scenario = {
  name: 'retry-after',
  about: `${size.repositories * size.tags} new tags to a destination with 429 and Retry-After: ${retryAfter} on ${share * 100} % of requests`,
  needs: ['docker-registry', 'openssl'],
  async run(stand, say) {
    const place = await startPlace(stand);
    const members = family(size, (index) => `${namespace}/application-${index}`);
    await place.push(members);
    const { source, harbor } = await viewOf(stand, place, 0);
    const contestants = [
      {
        name: 'sync',
        from: harbor,
        // It finds out for itself how many the registry bears.
        run: ({ atOnce: _atOnce, ...job }: Job) => runSync(stand, job),
      },
      ...peersHere().map((peer) => {
        return { name: peer.name, from: source, run: (job: Job) => runPeer(peer, job, patience) };
      }),
    ];
    const rows: Row[] = [];
    for (const { name, from, run } of contestants) {
      const limited = await startLimited(stand, place.destination);
      const moved = (repository: string): string => repository.replace('/', `/${name}-`);
      const pairs = members.map(({ repository, tag }) => ({ repository, tag, into: moved(repository) }));
      const job: Job = {
        source: from,
        destination: limited,
        caFile: place.caFile,
        pairs,
        atOnce: 16,
        folder: stand.folder,
      };
      const begin = performance.now();
      const ran = await run(job).catch((error: unknown) => String(error));
      const seconds = (performance.now() - begin) / 1000;
      if (typeof ran !== 'string') await verify(place.destination, members, moved);
      say(`${name}: ${seconds.toFixed(1)} s${typeof ran === 'string' ? `, failed: ${ran}` : ''}`);
      rows.push(rowOf(name, ran, seconds, limited));
    }
    return rows;
  },
};

interface Limited extends Reached {
  requests: number;
  refused: number;
  /** Requests that began while nobody was to ask. */
  early: number;
}

async function startLimited(stand: Stand, { url, credential }: Reached): Promise<Limited> {
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  stand.after(() => agent.destroy());
  const chance = chances(seed);
  let [from, until] = [0, 0];
  const { key, cert } = await certificate();
  const server = await startCallServer(
    stand,
    (call) => {
      const now = performance.now();
      limited.requests++;
      if (now > from + grace && now < until) limited.early++;
      if (chance() >= share) return forward(url, call, agent);
      limited.refused++;
      [from, until] = [now, now + retryAfter * 1000];
      return empty(429, { 'retry-after': String(retryAfter) });
    },
    { key, cert },
  );
  const limited: Limited = { url: server.url, credential, requests: 0, refused: 0, early: 0 };
  return limited;
}

/** Numbers from 0 to 1 that look like chance and are the same each time (mulberry32). */
function chances(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function rowOf(name: string, ran: Ran | string, seconds: number, limited: Limited): Row {
  const failed = typeof ran === 'string';
  return {
    what: failed ? `${name}, which failed` : name,
    figures: [
      { name: 'time', value: seconds, unit: 's' },
      { name: 'requests', value: limited.requests, unit: '' },
      { name: '429', value: limited.refused, unit: '' },
      { name: 'begun in a pause', value: limited.early, unit: '' },
    ],
    ...(!failed && { memory: ran.memory }),
  };
}
