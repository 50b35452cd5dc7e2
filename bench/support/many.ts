import { Agent } from 'node:http';
import { json } from '../../src/demo/registry/call.ts';
import type { Answer, Call } from '../../src/demo/registry/call.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ociIndex } from '../../src/oci/media-type.ts';
import { startCallServer } from '../../test/support/call-server.ts';
import { forward } from '../../test/support/forward.ts';
import { HarborRest, listingPermissions } from '../../test/support/harbor-rest.ts';
import type { Stand } from './stand.ts';

/* A Harbor with many tags, which are all at the destination. */

export const tagsEach = 100;
export const account = { username: 'robot$mirror', password: 'of-the-robot' };

/** Both ends, which answer from memory in this process and count what they are asked. */
export interface Many {
  harbor: string;
  acr: string;
  counts: { requests: number; pulls: number };
}

/** Registries that have what those in memory have not. */
export interface Behind {
  source: string;
  destination: string;
}

export async function startMany(stand: Stand, repositories: number, behind?: Behind): Promise<Many> {
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
  const agent = new Agent({ keepAlive: true });
  stand.after(() => agent.destroy());
  const v2 =
    (further: string | undefined) =>
    (call: Call): Answer | Promise<Answer> =>
      further === undefined || call.path === '/v2/' || call.path.startsWith('/v2/library/')
        ? registry(digests, call)
        : forward(further, call, agent);
  const [source, destination] = [v2(behind?.source), v2(behind?.destination)];
  const harbor = await startCallServer(
    stand,
    counted((call) => (call.path.startsWith('/api/') ? rest.answer(call) : source(call))),
  );
  const acr = await startCallServer(stand, counted(destination));
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
