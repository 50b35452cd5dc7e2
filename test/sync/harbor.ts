import { buffer } from 'node:stream/consumers';
import { type Answer, type Call, json } from '../../src/demo/registry/call.ts';
import { type CallServer, startCallServer } from '../support/call-server.ts';
import { selfSigned } from '../support/certificate.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { isDigest } from '../../src/oci/digest.ts';
import { stream } from '../support/fault.ts';
import { forward } from '../support/forward.ts';
import { HarborRest, listingPermissions } from '../support/harbor-rest.ts';
import { type HarborUser, harborTokens } from '../support/harbor-tokens.ts';
import type { Ending } from '../support/temporary.ts';
import { startTokenServer } from '../support/token-server.ts';

/**
 * A self-built Harbor as its users meet it: HTTPS at HOST:PORT by a certificate that nobody knows, and there a real
 * registry, Harbor's token service and REST API, and lists of tags in short pages.
 */
export async function startSecureHarbor(t: Ending, users: readonly HarborUser[]): Promise<CallServer> {
  const tokens = await startTokenServer(t, harborTokens(users));
  const rest = new HarborRest();
  for (const { name, password, projects } of users)
    rest.accounts.push({ name, password, projects: listingOf(projects) });
  let registry = '';
  const front = await startCallServer(
    t,
    async (call) => {
      if (call.path.startsWith('/api/')) return rest.answer(call);
      if (!call.path.startsWith('/v2/')) return forward(tokens.url, call);
      const answer = await forward(registry, call);
      if (call.method === 'PUT' && answer.status === 201) note(rest, call, answer);
      return call.path.endsWith('/tags/list') ? pageOf(call, answer) : answer;
    },
    await selfSigned(),
  );
  const token = { ...tokens.trust, realm: `${front.url}/service/token` };
  registry = (await startDockerRegistry(t, { token })).url;
  return front;
}

function listingOf(projects: HarborUser['projects']): Record<string, readonly string[]> {
  return Object.fromEntries(Object.keys(projects).map((project) => [project, listingPermissions]));
}

/** What was pushed, as its API shows it. */
function note({ content }: HarborRest, { path }: Call, { headers }: Answer): void {
  const [, repository, reference] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path) ?? [];
  if (repository === undefined || reference === undefined) return;
  const tag = isDigest(reference) ? undefined : reference;
  content.push(repository, tag, String(headers['docker-content-digest']));
}

const pageSize = 4;

/** The registry behind it gives the whole list, whatever was asked. */
async function pageOf(call: Call, answer: Answer): Promise<Answer> {
  if (answer.status !== 200 || answer.body === undefined) return answer;
  const { name, tags }: { name: string; tags: string[] } = JSON.parse(
    (await buffer(stream(answer.body))).toString(),
  );
  const last = call.query.get('last') ?? '';
  const rest = tags.toSorted().filter((tag) => tag > last);
  const page = rest.slice(0, pageSize);
  const next = `</v2/${name}/tags/list?last=${page.at(-1)}&n=${pageSize}>; rel="next"`;
  return json(200, { name, tags: page }, rest.length > page.length ? { link: next } : {});
}
