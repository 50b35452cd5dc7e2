/** The parts of the host name by which an instance of ACR Enterprise Edition is reached. */
export interface InstanceHost {
  /** The name that was chosen for it; not its id. */
  instance: string;
  region: string;
  /** From inside linked VPCs only. */
  vpc: boolean;
}

// https://alibabacloud.com/help/en/acr/user-guide/configure-access-credentials
const instanceHost =
  /^(?<instance>[a-z0-9][a-z0-9-]*)-registry(?<vpc>-vpc)?\.(?<region>[a-z0-9-]+)\.cr\.aliyuncs\.com$/;

// `crpi-` since 2024: https://github.com/imdingtalk/image-mirror/issues/1408
const personalHost =
  /^(registry(-intl)?(-vpc|-internal)?\.[a-z0-9-]+\.aliyuncs\.com|crpi-[a-z0-9]+(-vpc)?\.[a-z0-9-]+\.personal\.cr\.aliyuncs\.com)$/;

/** `INSTANCE-registry[-vpc].REGION.cr.aliyuncs.com`; `undefined` for any other name, such as a custom domain. */
export function parseInstanceHost(hostname: string): InstanceHost | undefined {
  const { instance, region, vpc } = instanceHost.exec(hostname.toLowerCase())?.groups ?? {};
  return instance && region ? { instance, region, vpc: vpc !== undefined } : undefined;
}

export function formatInstanceHost({ instance, region, vpc }: InstanceHost): string {
  return `${instance}-registry${vpc ? '-vpc' : ''}.${region}.cr.aliyuncs.com`;
}

/** Whether it is a host of ACR's personal edition, which is another product. */
export function isPersonalHost(hostname: string): boolean {
  return personalHost.test(hostname.toLowerCase());
}
