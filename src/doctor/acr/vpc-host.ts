/** Whether a name is that of an instance's way in from its VPCs. */
export function isVpcHost(hostname: string): boolean {
  return /-registry-vpc\.[a-z0-9-]+\.cr\.aliyuncs\.com$/.test(hostname);
}
