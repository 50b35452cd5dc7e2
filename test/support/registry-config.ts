import type { RegistryConfig } from '../../src/config.ts';

/** A registry as the configuration has it: an ACR EE with a login, but for what is said otherwise. */
export function registryConfig(other: Partial<RegistryConfig> = {}): RegistryConfig {
  return {
    name: 'acr',
    type: 'acr-ee',
    url: 'https://demo-registry.cn-shanghai.cr.aliyuncs.com',
    credential: { username: 'pusher@1000000000000001', password: 'fixed-password' },
    tokenHosts: [],
    insecureSkipVerify: false,
    concurrency: 4,
    requestsPerSecond: 0,
    bandwidth: 0,
    connectTimeout: 10_000,
    idleTimeout: 60_000,
    ...other,
  };
}

/** A Harbor with a robot. */
export function harborConfig(other: Partial<RegistryConfig> = {}): RegistryConfig {
  return registryConfig({
    name: 'harbor',
    type: 'harbor',
    url: 'https://harbor.example.com',
    credential: { username: 'robot$mirror', password: 'Harbor12345' },
    ...other,
  });
}
