import { machineNetwork, lookIntoVpc } from '../aliyun/endpoint.ts';
import type { Network, Reachability } from '../aliyun/endpoint.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Config, RegistryConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { formatInstanceHost, parseInstanceHost } from '../oci/aliyun-host.ts';
import { proxiesOf } from '../registry/proxy.ts';
import type { Proxies } from '../registry/proxy.ts';

export interface EndpointOptions {
  /** For `HTTPS_PROXY` and the like. */
  env: Readonly<Record<string, string | undefined>>;
  clock?: Clock;
  network?: Network;
}

/** How a VPC's host is looked at from here. */
export type VpcLook = (host: string, port?: number) => Promise<Reachability>;

/**
 * The configuration with the `url` of each registry by which it is reached from here on: its `endpoint` decides, or a look
 * at the network where that is `auto`. What was chosen, and why, is logged. Throws `ProxyError`.
 */
export async function settleEndpoints(config: Config, log: Log, options: EndpointOptions): Promise<Config> {
  const { env, clock = systemClock, network } = options;
  const look = vpcLook(proxiesOf(env), clock, network);
  return {
    ...config,
    registries: await Promise.all(config.registries.map((one) => settled(one, log, look))),
  };
}

/** What is reached by a proxy is looked at by nobody but that proxy, which stands outside as a rule. */
export function vpcLook(
  proxies: Proxies | undefined,
  clock: Clock,
  network: Network = machineNetwork,
): VpcLook {
  return async (host, port = 443) => {
    const proxy = proxies?.of(new URL(`https://${host}:${port}`));
    if (proxy === undefined) return lookIntoVpc(host, port, clock, network);
    return { reachable: false, why: `${host} would be reached by the proxy ${proxy.host}` };
  };
}

async function settled(registry: RegistryConfig, log: Log, look: VpcLook): Promise<RegistryConfig> {
  const { name, endpoint } = registry;
  if (endpoint === undefined) return registry;
  const url = new URL(registry.url);
  const host = parseInstanceHost(url.hostname);
  if (host === undefined) {
    log.info(`registry ${name} is reached by a host of its own, of which no other name is known`, {
      url: url.origin,
    });
    return registry;
  }
  const { reachable: vpc, why } =
    endpoint === 'auto'
      ? await look(formatInstanceHost({ ...host, vpc: true }), Number(url.port || '443'))
      : { reachable: endpoint === 'vpc', why: `endpoint: ${endpoint}` };
  url.hostname = formatInstanceHost({ ...host, vpc });
  log.info(`registry ${name} is reached by its ${vpc ? 'VPC' : 'public'} endpoint`, { url: url.origin, why });
  return { ...registry, url: url.origin };
}
