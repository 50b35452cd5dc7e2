import { Agent } from 'node:https';
import { withoutPings } from '../../test/support/access-log.ts';
import type { RequestRecord } from '../../src/demo/registry/call.ts';
import { startCallServer } from '../../test/support/call-server.ts';
import { certificate } from '../../test/support/certificate.ts';
import type { Credential } from '../../test/support/client.ts';
import { type Asked, type CountedEnd, namespace, startCountedEnds } from '../../test/support/counted-ends.ts';
import { type Member, pushFamily } from '../../test/support/family.ts';
import { forward } from '../../test/support/forward.ts';
import { HarborRest, listingPermissions } from '../../test/support/harbor-rest.ts';
import { type Line, startLine } from './line.ts';
import { authority } from './registries.ts';
import type { Stand } from './stand.ts';

/** A registry, and who speaks to it. */
export interface Reached {
  url: string;
  credential: Credential;
}

/** What one command asked of both ends. */
export interface Counted {
  source: Asked;
  destination: Asked;
  /** Of the source's REST API. */
  api: number;
}

/**
 * Two real registries over TLS that give tokens as Harbor and ACR do. The source has two addresses: one as a plain
 * registry, one behind a front that has Harbor's REST API as well.
 */
export interface Place {
  source: CountedEnd;
  /** The source with Harbor's API. */
  harbor: Reached;
  destination: CountedEnd;
  /** The ways to their token servers. */
  realms: readonly Line[];
  caFile: string;
  /** Runs it and counts what is asked meanwhile. */
  counted<T>(work: () => Promise<T>): Promise<[T, Counted]>;
  /** Pushes to the source by the front, which shows what the registry behind it has taken. */
  push(members: readonly Member[]): Promise<void>;
}

export async function startPlace(stand: Stand): Promise<Place> {
  const { key, cert } = await certificate();
  const realms: Line[] = [];
  const realm = async (url: string): Promise<string> => {
    const line = await startLine(stand, url, 0);
    realms.push(line);
    return line.url;
  };
  const { source, destination } = await startCountedEnds(stand, { tls: { key, cert }, realm });
  const front = await startHarborFront(stand, source, { key, cert });
  const counted = async <T>(work: () => Promise<T>): Promise<[T, Counted]> => {
    await Promise.all([source.asked(), destination.asked()]);
    front.requests.length = 0;
    const result = await work();
    const api = front.requests.filter(({ path }) => path.startsWith('/api/')).length;
    return [result, { source: await source.asked(), destination: await destination.asked(), api }];
  };
  const harbor = { url: front.url, credential: source.credential };
  const push = (members: readonly Member[]) => pushFamily(harbor.url, members, harbor.credential);
  return { source, harbor, destination, realms, caFile: await authority(stand), counted, push };
}

interface Front {
  url: string;
  requests: RequestRecord[];
}

/** Harbor's API, and all other calls passed on. Its artifacts are the manifests that the registry behind it has accepted. */
async function startHarborFront(stand: Stand, source: CountedEnd, tls: { key: string; cert: string }) {
  const rest = new HarborRest();
  const { name, password } = source.credential;
  rest.accounts.push({ name, password, projects: { [namespace]: listingPermissions } });
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  stand.after(() => agent.destroy());
  const front: Front = await startCallServer(
    stand,
    async (call) => {
      if (call.path.startsWith('/api/')) return rest.answer(call);
      const answer = await forward(source.url, call, agent);
      const [, repository, tag] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(call.path) ?? [];
      if (call.method === 'PUT' && answer.status === 201 && repository !== undefined)
        rest.content.push(repository, tag, String(answer.headers['docker-content-digest']), { silent: true });
      return answer;
    },
    tls,
  );
  return front;
}

/** The place as it is seen from somewhere. */
export interface View {
  source: Reached;
  harbor: Reached;
  destination: Reached;
}

/** Every way gets this round trip, in milliseconds. */
export async function viewOf(stand: Stand, place: Place, roundTrip: number): Promise<View> {
  for (const line of place.realms) line.roundTrip = roundTrip;
  const seen = async ({ url, credential }: Reached): Promise<Reached> =>
    roundTrip === 0 ? { url, credential } : { url: (await startLine(stand, url, roundTrip)).url, credential };
  return {
    source: await seen(place.source),
    harbor: await seen(place.harbor),
    destination: await seen(place.destination),
  };
}

/** All requests but pings, which say nothing of the work; those of the API and for tokens beside them. */
export function requestsOf({ source, destination }: Counted): number {
  return withoutPings([...source.requests, ...destination.requests]).length;
}
