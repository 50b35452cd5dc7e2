import { isPrivateAddress } from '../../aliyun/endpoint.ts';
import type { VpcEndpoint } from '../../aliyun/overview.ts';
import { RegistryError } from '../../copy/error.ts';
import { formatInstanceHost, parseInstanceHost } from '../../oci/aliyun-host.ts';
import type { InstanceHost } from '../../oci/aliyun-host.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';

/** Whether the name by which the registry is reached leads there from here, and is the cheaper one of both. */
export const endpoint: Check<AcrEvidence> = {
  id: 'endpoint',
  number: 4,
  async look(evidence) {
    const url = new URL(evidence.config.url);
    if (evidence.proxied(url)) return [ok(`a proxy leads to ${url.hostname}, and looks up its name`)];
    const addresses = await addressesOf(evidence, url.hostname);
    const host = parseInstanceHost(url.hostname);
    if (host?.vpc) return fromVpc(evidence, url.hostname, addresses);
    if (addresses instanceof RegistryError) return [unresolvable(url.hostname, addresses)];
    return [host ? await fromOutside(evidence, host) : ok(`${url.hostname} is ${addresses.join(', ')}`)];
  },
};

async function addressesOf(
  { addresses }: AcrEvidence,
  host: string,
): Promise<readonly string[] | RegistryError> {
  try {
    return await addresses(host);
  } catch (reason) {
    if (reason instanceof RegistryError) return reason;
    throw reason;
  }
}

function unresolvable(host: string, { message }: RegistryError): Finding {
  return error('name-unresolvable', {
    saw: message,
    means:
      'the host is mistyped, of an instance that is gone, or the resolver of this machine does not know it',
    next: [
      `nslookup ${host}, here and elsewhere, shows whether it is the name or the resolver`,
      'Container Registry console → Instances → the instance → Overview shows its names',
    ],
  });
}

async function fromOutside(evidence: AcrEvidence, host: InstanceHost): Promise<Finding> {
  const [name, vpc] = [formatInstanceHost(host), formatInstanceHost({ ...host, vpc: true })];
  const addresses = await addressesOf(evidence, vpc);
  const inside = !(addresses instanceof RegistryError) && addresses.every(isPrivateAddress);
  if (!inside) return ok(`${name} has an address, and its VPC name leads nowhere from here`);
  return warn('public-while-vpc', {
    saw: `${name} is used, and ${vpc} is ${addresses.join(', ')} here`,
    means:
      'this machine is in a VPC that is linked to the instance: the public way costs traffic, and is slower',
    next: [
      `registries.${evidence.name}.endpoint: auto, or vpc`,
      `allow ${vpc} and dockerauth-vpc.${host.region}.aliyuncs.com in the security group`,
    ],
  });
}

async function fromVpc(
  evidence: AcrEvidence,
  name: string,
  addresses: readonly string[] | RegistryError,
): Promise<readonly Finding[]> {
  if (!(addresses instanceof RegistryError) && addresses.every(isPrivateAddress))
    return [ok(`${name} is ${addresses.join(', ')}, which is within a VPC`)];
  const linked = await linkedOf(evidence);
  if ('finding' in linked) return [outside(evidence, name, addresses, ''), linked.finding];
  return [outside(evidence, name, addresses, linked.told)];
}

/** Which VPCs may come in, where the OpenAPI may be asked. */
async function linkedOf(evidence: AcrEvidence): Promise<{ told: string } | { finding: Finding }> {
  if (!evidence.aliyun) return { told: '' };
  let told = '';
  const unseen = 'which VPCs are linked to the instance';
  const [finding] = await permitted(evidence, { action: 'GetInstanceVpcEndpoint', unseen }, async () => {
    told = `; ${wordsOf(await ofInstance(evidence, (openApi) => openApi.vpcEndpoint()))}`;
    return [];
  });
  return finding === undefined ? { told } : { finding };
}

function wordsOf({ enabled, linked }: VpcEndpoint): string {
  if (!enabled) return 'access from VPCs is off';
  if (linked.length === 0) return 'no VPC is linked to the instance';
  return `linked to the instance: ${linked.map(({ vpcId, ip, status }) => `${vpcId} (${ip}, ${status})`).join(', ')}`;
}

function outside(
  { name: registry }: AcrEvidence,
  host: string,
  addresses: readonly string[] | RegistryError,
  told: string,
): Finding {
  const open = host.replace('-registry-vpc.', '-registry.');
  const next = [
    'Container Registry console → Instances → the instance → Repository → Access Control → VPC → Add VPC: the VPC of this machine and a vSwitch of it',
    'Terraform: resource "alicloud_cr_vpc_endpoint_linked_vpc"',
    `from elsewhere use the public endpoint: registries.${registry}.endpoint: public, which is https://${open}`,
  ];
  if (addresses instanceof RegistryError)
    return error('vpc-unresolvable', {
      saw: `${addresses.message}${told}`,
      means: 'this name is known inside linked VPCs only, and this machine is in none of them',
      next,
    });
  return error('vpc-not-private', {
    saw: `${host} is ${addresses.join(', ')} here${told}`,
    means: 'inside a linked VPC it has a private address: another resolver than that of the VPC has answered',
    next: ["let this machine use the VPC's own resolver, 100.100.2.136 and 100.100.2.138", ...next],
  });
}
