import { shared } from '../../abort.ts';
import { machineNetwork } from '../../aliyun/endpoint.ts';
import type { Network } from '../../aliyun/endpoint.ts';
import { within } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import type { RegistryConfig } from '../../config.ts';
import { RegistryError } from '../../copy/error.ts';
import { unanswered } from '../../copy/unanswered.ts';
import type { Proxies } from '../../registry/proxy.ts';
import type { Granted, Pinged, Probe } from '../../registry/probe.ts';
import { needed, once, onceFor } from '../check.ts';
import type { Subject } from '../check.ts';

/** Milliseconds. */
const connectPatience = 3_000;

/** What can be asked of a registry with nothing but its credential. Every question throws `RegistryError`. */
export interface RegistryEvidence extends Subject {
  config: RegistryConfig;
  /** The check that says why there is no answer to the ping. */
  entrance: string;
  /** Whether a proxy leads there; then names are the proxy's to look up. */
  proxied(url: URL): boolean;
  /** The addresses of a host. */
  addresses(host: string): Promise<readonly string[]>;
  /** The answer to an unauthenticated `GET /v2/`, and when it came by our clock. */
  ping(): Promise<Pinged & { at: number }>;
  /**
   * The token server that the registry names, if it does: `denied` where the credential may not be sent to it, another fault
   * where it takes no connection.
   */
  tokenServer(): Promise<URL | undefined>;
  /** Proves the credential, without asking for anything. */
  login(): Promise<void>;
  /** What the credential may do in a repository; `undefined`: the token does not tell. */
  actions(repository: string): Promise<readonly string[] | undefined>;
  /** The repositories that the rules write there, as far as the sources could be listed, sorted. */
  planned(): Promise<readonly string[]>;
}

export interface EvidenceOptions {
  config: RegistryConfig;
  probe: Probe;
  clock: Clock;
  signal: AbortSignal;
  proxies: Proxies;
  planned: () => Promise<readonly string[]>;
  network?: Network | undefined;
}

export function registryEvidence(options: EvidenceOptions): RegistryEvidence {
  const { config, probe, clock, signal, proxies, planned, network = machineNetwork } = options;
  const proxied = (url: URL): boolean => proxies.of(url) !== undefined;
  const ping = once(async () => ({ ...(await probe.ping(signal)), at: clock.now() }));
  return {
    name: config.name,
    aliyun: config.aliyun !== undefined,
    config,
    entrance: config.type === 'acr-ee' ? 'whitelist' : 'reachable',
    proxied,
    addresses: onceFor((host) => shared(addressesOf(bare(host), network), signal)),
    ping,
    tokenServer: once(async () => {
      const { challenge } = await ping();
      if (challenge?.scheme !== 'bearer') return undefined;
      const held = config.credential !== undefined || config.aliyun !== undefined;
      const server = probe.realm(challenge.realm, held);
      if (!proxied(server)) await connectTo(server, network, clock);
      return server;
    }),
    login: once(async () => void (await granted(probe, await ping(), [], signal))),
    actions: onceFor(async (repository) => {
      const scope = `repository:${repository}:pull,push`;
      const { access } = await granted(probe, await ping(), [scope], signal);
      return access?.flatMap(({ name, actions }) => (name === repository ? actions : []));
    }),
    planned: once(planned),
  };
}

/** The answer to the ping, for a check that is not there to say why there is none. */
export function pinged(evidence: RegistryEvidence): ReturnType<RegistryEvidence['ping']> {
  return needed(evidence.entrance, evidence.ping());
}

async function granted(
  probe: Probe,
  { challenge }: Pinged,
  scopes: readonly string[],
  signal: AbortSignal,
): Promise<Granted> {
  if (challenge?.scheme === 'bearer') return probe.token(challenge, scopes, signal);
  if (challenge?.scheme === 'basic') await probe.basic(signal);
  return { access: undefined };
}

/** An IPv6 address without the brackets that a URL has around it. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

async function addressesOf(host: string, network: Network): Promise<readonly string[]> {
  try {
    return await network.addresses(host);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new RegistryError('unreachable', `the name ${host} has no address (${code})`, { code, cause });
  }
}

/** A connection is all that is wanted: a name that has no address makes none either. */
async function connectTo(
  { hostname, port, protocol, host }: URL,
  network: Network,
  clock: Clock,
): Promise<void> {
  const late = new RegistryError('timeout', `no connection to ${host} in ${connectPatience} ms`);
  const usual = protocol === 'https:' ? 443 : 80;
  try {
    await within(clock, connectPatience, late, (signal) =>
      shared(network.connect(bare(hostname), Number(port || usual), signal), signal),
    );
  } catch (cause) {
    throw unanswered(`connection to ${host}`, cause);
  }
}
