import { setTimeout as sleep } from 'node:timers/promises';
import { json } from '../../src/demo/registry/call.ts';
import type { Answer, Call } from '../../src/demo/registry/call.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import { startCallServer } from '../../test/support/call-server.ts';
import { HarborRest, listingPermissions } from '../../test/support/harbor-rest.ts';
import { send, UnexpectedAnswer } from '../../test/support/http.ts';
import type { Row, Scenario } from '../scenario.ts';
import { type Mirror, secret, startMirror } from '../support/mirror.ts';
import type { Stand } from '../support/stand.ts';

/*
 * Sweeps of a Harbor with 10,000 tags that are all at the destination, and of one with a tenth of that. The first one knows
 * nothing and learns; the others find that nothing has changed. Both ends answer from memory, in this process, and
 * count what they are asked.
 */

const sizes = [10, 100];
const tagsEach = 100;
const rounds = 3;
const account = { username: 'robot$mirror', password: 'of-the-robot' };

interface Swept {
  listed: number;
  unchanged: number;
  audited: number;
  failed: number;
  seconds: number;
  requests: number;
  pulls: number;
}

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
  const ends = await startEnds(stand, repositories);
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

interface Ends {
  harbor: string;
  acr: string;
  counts: { requests: number; pulls: number };
}

async function startEnds(stand: Stand, repositories: number): Promise<Ends> {
  const counts = { requests: 0, pulls: 0 };
  const rest = new HarborRest();
  rest.accounts.push({
    name: account.username,
    password: account.password,
    projects: { library: listingPermissions },
  });
  const digests = new Map<string, string>();
  for (let index = 0; index < repositories * tagsEach; index++) {
    const [repository, tag] = [`library/app-${index % repositories}`, `v${Math.floor(index / repositories)}`];
    const digest = digestOf(Buffer.from(`${repository}:${tag}`));
    rest.content.push(repository, tag, digest, { silent: true });
    digests.set(`${repository}:${tag}`, digest);
  }
  const counted = (answer: (call: Call) => Answer | Promise<Answer>) => (call: Call) => {
    counts.requests++;
    if (call.method === 'GET' && call.path.includes('/manifests/')) counts.pulls++;
    return answer(call);
  };
  const v2 = (call: Call): Answer => registry(digests, call);
  const harbor = await startCallServer(
    stand,
    counted((call) => (call.path.startsWith('/api/') ? rest.answer(call) : v2(call))),
  );
  const acr = await startCallServer(stand, counted(v2));
  return { harbor: harbor.url, acr: acr.url, counts };
}

/** As much of `/v2` as a sweep asks. */
function registry(digests: ReadonlyMap<string, string>, { path }: Call): Answer {
  const [, repository, tag] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path) ?? [];
  const digest = digests.get(`${repository}:${tag}`);
  if (digest !== undefined) {
    const headers = { 'content-type': ociIndex, 'content-length': '500', 'docker-content-digest': digest };
    return { status: 200, headers };
  }
  const [, listed] = /^\/v2\/(.+)\/tags\/list$/.exec(path) ?? [];
  if (listed === undefined) return json(200, {});
  const tags = [...digests.keys()].filter((name) => name.startsWith(`${listed}:`));
  return json(200, { name: listed, tags: tags.map((name) => name.slice(listed.length + 1)) });
}

async function sweepOnce(mirror: Mirror, counts: Ends['counts']): Promise<Swept> {
  Object.assign(counts, { requests: 0, pulls: 0 });
  const { id } = await api(mirror, 'POST', 'sweeps');
  for (;;) {
    const { state, startedAt, finishedAt, listed, unchanged, audited, failed } = await api(
      mirror,
      'GET',
      `sweeps/${String(id)}`,
    );
    if (state !== 'running') {
      const seconds = (Date.parse(String(finishedAt)) - Date.parse(String(startedAt))) / 1000;
      const numbers = { listed: Number(listed), unchanged: Number(unchanged), audited: Number(audited) };
      return { ...numbers, failed: Number(failed), seconds, ...counts };
    }
    await sleep(50);
  }
}

async function api({ url }: Mirror, method: 'GET' | 'POST', path: string): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await send(`${url}/api/v1/${path}`, { method, headers });
  if (answer.status !== 200 && answer.status !== 202) throw new UnexpectedAnswer(path, 200, answer);
  return JSON.parse(answer.body.toString());
}
