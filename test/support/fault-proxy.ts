import { type CallServer, startCallServer } from './call-server.ts';
import { forward } from './forward.ts';
import type { Ending } from './temporary.ts';

/**
 * Stands before a real registry, meets the faults of the embedded one, and counts the bytes of each request in both
 * directions. With a `realm`, the registry's token service is reached here as well, at `/token`.
 */
export function startFaultProxy(t: Ending, upstream: string, realm?: string): Promise<CallServer> {
  return startCallServer(t, async (call) => {
    if (realm !== undefined && call.path === '/token') {
      const { origin, pathname } = new URL(realm);
      return forward(origin, { ...call, path: pathname });
    }
    const answer = await forward(upstream, call);
    const challenge = answer.headers['www-authenticate'];
    if (realm === undefined || challenge === undefined) return answer;
    const here = String(challenge).replace(realm, `${call.origin}/token`);
    return { ...answer, headers: { ...answer.headers, 'www-authenticate': here } };
  });
}
