import { Agent } from 'node:http';
import { LeapingClock } from '../registry/clock.ts';
import { type CallServer, startCallServer, type Tls } from '../support/call-server.ts';
import { type DockerRegistryOptions, startDockerRegistry } from '../support/docker-registry.ts';
import { forward } from '../support/forward.ts';
import type { Ending } from '../support/temporary.ts';

/** A real registry as seen by whoever is asked for it: what came in, and faults that it is to show. */
export interface Watched extends CallServer {
  readonly host: string;
  /** Around all that, for what a test makes or looks at itself. */
  readonly direct: string;
}

export async function startWatched(t: Ending, options: DockerRegistryOptions = {}): Promise<Watched> {
  const { url } = await startDockerRegistry(t, options);
  return watch(t, url);
}

/** One more way to the registry at `direct`. */
export async function watch(t: Ending, direct: string, tls?: Tls): Promise<Watched> {
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const server = await startCallServer(t, (call) => forward(direct, call, agent), tls);
  return { ...server, host: new URL(server.url).host, direct };
}

/** What was asked about that repository and those below it, as `METHOD path`. */
export function asked({ requests }: Watched, repository: string): string[] {
  return requests
    .filter(({ path }) => path.startsWith(`/v2/${repository}/`))
    .map(({ method, path }) => `${method} ${path.replace('/v2/', '')}`);
}

export function writing(requests: readonly string[]): string[] {
  return requests.filter((request) => !/^(GET|HEAD) /.test(request));
}

/** Milliseconds that a run waits between two attempts at most. */
const longestWait = 30_000;

/** Nobody waits: also a retry's time comes at once. What is to end a stalled answer is due far later, and never comes. */
export class HastyClock extends LeapingClock {
  override after(ms: number, wake: () => void): { cancel(): void } {
    if (ms > longestWait) return super.after(ms, wake);
    const immediate = setImmediate(() => {
      this.slept.push(ms);
      this.advance(ms);
      wake();
    });
    return { cancel: () => clearImmediate(immediate) };
  }
}
