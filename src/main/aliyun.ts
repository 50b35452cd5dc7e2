import { packageIdentity } from '../aliyun/credentials-package.ts';
import { ecsRamRole } from '../aliyun/ecs-ram-role.ts';
import { fixedIdentity } from '../aliyun/identity.ts';
import type { IdentitySource } from '../aliyun/identity.ts';
import { Instance } from '../aliyun/instance.ts';
import { oidcRole } from '../aliyun/oidc.ts';
import { OpenApi } from '../aliyun/openapi.ts';
import type { Pace } from '../aliyun/pace.ts';
import { Wire } from '../aliyun/wire.ts';
import type { WireOptions } from '../aliyun/wire.ts';
import type { Clock } from '../clock.ts';
import type { AliyunConfig } from '../config.ts';
import { vpcLook } from './endpoints.ts';
import { Connections } from '../registry/connections.ts';
import type { ConnectionsOptions } from '../registry/connections.ts';
import type { Proxies } from '../registry/proxy.ts';

export interface AliyunOptions
  extends Omit<WireOptions, 'connections'>, Omit<ConnectionsOptions, 'insecureSkipVerify'> {
  proxies?: Proxies | undefined;
  clock: Clock;
  pace: Pace;
  /** Host name of the registry, as it is reached. */
  host: string;
  /** The `service` of its challenge. */
  service: () => Promise<string | undefined>;
}

/** What belongs to the identity that a registry is given. */
export interface Aliyun {
  openApi: OpenApi;
  close(): Promise<void>;
}

/** Connections to one host at once. */
const perOrigin = 8;

/** Milliseconds. Within an ECS instance its metadata is near; elsewhere nobody answers. */
const metadataTimeout = 3_000;

export function newAliyun(config: AliyunConfig, options: AliyunOptions): Aliyun {
  const { clock, pace, host, service, proxies } = options;
  const look = vpcLook(proxies, clock);
  const isReachable = async (host: string): Promise<boolean> => (await look(host)).reachable;
  const instance = new Instance({ known: config, host, service, isReachable });
  const own = new Wire(config.identity.kind === 'ecs-ram-role' ? inside(options) : outside(options));
  const identity = sourceOf(config.identity, { wire: own, clock, instance });
  const address = (): ReturnType<Instance['address']> => instance.address();
  const openApi = new OpenApi({ ...outside(options), clock, pace, identity, address });
  return {
    openApi,
    close: async () => void (await Promise.all([openApi.close(), own.close()])),
  };
}

/** `insecureSkipVerify` is not for the OpenAPI. */
function outside({ ca, connectTimeout, proxies, idleTimeout, onRequest }: AliyunOptions): WireOptions {
  const connections = new Connections({ ca, insecureSkipVerify: false, connectTimeout }, perOrigin);
  return { connections, proxies, idleTimeout, onRequest };
}

function inside(options: AliyunOptions): WireOptions {
  const connectTimeout = Math.min(options.connectTimeout, metadataTimeout);
  return outside({ ...options, proxies: undefined, connectTimeout });
}

interface SourceOptions {
  wire: Wire;
  clock: Clock;
  instance: Instance;
}

function sourceOf(
  config: AliyunConfig['identity'],
  { wire, clock, instance }: SourceOptions,
): IdentitySource {
  switch (config.kind) {
    case 'access-key':
      return fixedIdentity(config);
    case 'ecs-ram-role':
      return ecsRamRole({ role: config.role, url: new URL(config.metadataUrl), wire, clock });
    case 'oidc': {
      const { stsUrl, ...role } = config;
      const url = async (): Promise<URL> => (stsUrl === undefined ? instance.sts() : new URL(stsUrl));
      return oidcRole({ ...role, url, wire, clock });
    }
    case 'credentials-package':
      return packageIdentity(clock);
  }
}
