/** What the `service` of a challenge says of who answers there. */
export interface Service {
  region: string;
  /** `cri-…`; missing: the personal edition. */
  instanceId: string | undefined;
}

/**
 * Reads `registry.aliyuncs.com:REGION:…:cri-ID`, as ACR writes it into its challenge whatever name it is asked by; `undefined`
 * for what no ACR says. How many parts stand between, or behind, is not documented.
 */
export function parseService(service: string | undefined): Service | undefined {
  const [registry, region, ...rest] = (service ?? '').split(':');
  // Both become parts of what is signed and of a host's name.
  if (registry !== 'registry.aliyuncs.com' || !region || !/^[a-z0-9]+(-[a-z0-9]+)+$/.test(region))
    return undefined;
  return { region, instanceId: rest.find((part) => /^cri-[a-z0-9-]+$/.test(part)) };
}
