import { Harbor } from '../../src/harbor/harbor.ts';
import { Transport } from '../../src/registry/transport.ts';
import type { TransportOptions } from '../../src/registry/transport.ts';
import { LeapingClock } from '../registry/clock.ts';
import { limits, robot } from '../registry/stand.ts';
import type { CallServer } from '../support/call-server.ts';
import { type HarborRest, listingPermissions, startHarborRest } from '../support/harbor-rest.ts';
import type { HarborContent } from '../support/harbor-rest-content.ts';
import type { Ending } from '../support/temporary.ts';

/** The product's client, speaking through the registry's, closed with the test. */
export function clientOf(
  t: Ending,
  url: string,
  { anonymous = false, ...options }: Partial<TransportOptions> & { anonymous?: boolean } = {},
): Harbor {
  const origin = new URL(url);
  const transport = new Transport({
    name: 'harbor',
    url: origin,
    credential: async () => (anonymous ? undefined : robot),
    tokenHosts: [],
    aliyun: false,
    insecureSkipVerify: false,
    connectTimeout: 5_000,
    idleTimeout: 5_000,
    limits: { ...limits, concurrency: 16 },
    clock: new LeapingClock(),
    onRequest: () => undefined,
    ...options,
  });
  t.after(() => transport.close());
  return new Harbor({ send: (call, cap) => transport.send(call, cap), origin, anonymous });
}

export interface Stand {
  harbor: Harbor;
  rest: HarborRest;
  content: HarborContent;
  server: CallServer;
  clock: LeapingClock;
  /** Queries of the calls whose path fits, decoded. */
  queries(path: RegExp): string[];
}

/** A Harbor whose project `team` the client's robot may list, or may do what `permissions` says. */
export async function startStand(
  t: Ending,
  permissions: readonly string[] = listingPermissions,
): Promise<Stand> {
  const { rest, server } = await startHarborRest(t);
  rest.accounts.push({ name: robot.username, password: robot.password, projects: { team: permissions } });
  rest.content.project('team');
  const clock = new LeapingClock();
  const harbor = clientOf(t, server.url, { clock });
  const queries = (path: RegExp): string[] =>
    server.requests.filter((one) => path.test(one.path)).map(({ query }) => decodeURIComponent(query));
  return { harbor, rest, content: rest.content, server, clock, queries };
}

export function digestOf(number: number): `sha256:${string}` {
  return `sha256:${number.toString(16).padStart(64, '0')}`;
}
