import { isPrivateAddress } from '../../aliyun/endpoint.ts';
import { RegistryError } from '../../copy/error.ts';
import { formatInstanceHost, parseInstanceHost } from '../../oci/aliyun-host.ts';
import type { InstanceHost } from '../../oci/aliyun-host.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { withLinkedVpcs } from './linked-vpcs.ts';

/** Whether the name by which the instance is reached is the right one of its two. */
export const endpoint: Check<AcrEvidence> = {
  id: 'endpoint',
  number: 4,
  async look(evidence) {
    const finding = await lookUp(evidence);
    const { hostname } = new URL(evidence.config.url);
    const shutOut = finding.status === 'error' && parseInstanceHost(hostname)?.vpc;
    return shutOut ? withLinkedVpcs(evidence, finding) : [finding];
  },
};

async function lookUp(evidence: RegistryEvidence): Promise<Finding> {
  const url = new URL(evidence.config.url);
  if (evidence.proxied(url)) return ok(`${url.hostname} is reached by a proxy, which looks it up itself`);
  const host = parseInstanceHost(url.hostname);
  try {
    const addresses = await evidence.addresses(url.hostname);
    return await judged(evidence, url.hostname, host, addresses);
  } catch (reason) {
    if (!(reason instanceof RegistryError)) throw reason;
    return unresolved(evidence.name, host, reason);
  }
}

async function judged(
  evidence: RegistryEvidence,
  hostname: string,
  host: InstanceHost | undefined,
  addresses: readonly string[],
): Promise<Finding> {
  const seen = `${hostname} is ${addresses.join(', ')} here`;
  if (host?.vpc && !addresses.every(isPrivateAddress)) return notPrivate(evidence.name, seen);
  if (host === undefined || host.vpc) return ok(seen);
  const inside = formatInstanceHost({ ...host, vpc: true });
  return (await isInside(evidence, inside)) ? payingForTraffic(evidence.name, hostname, inside) : ok(seen);
}

/** Outside a linked VPC the name is not known, which is as it should be there. */
async function isInside({ addresses }: RegistryEvidence, hostname: string): Promise<boolean> {
  try {
    return (await addresses(hostname)).every(isPrivateAddress);
  } catch (reason) {
    if (reason instanceof RegistryError) return false;
    throw reason;
  }
}

function unresolved(name: string, host: InstanceHost | undefined, { message }: RegistryError): Finding {
  const outside =
    'link this VPC: Container Registry console → Instances → the instance → Repository → Access Control → VPC → Add VPC';
  return error('name-unresolved', {
    saw: message,
    means: host?.vpc
      ? 'the name of the VPC endpoint is known inside linked VPCs only, and this machine is in none of them'
      : 'no such instance, a mistyped name, or a DNS server that does not know it; public access that was never switched on looks like this, too',
    next: host?.vpc
      ? [outside, `or use the public endpoint: registries.${name}.endpoint: public`]
      : [
          'compare `url` with Container Registry console → Instances → the instance → Overview',
          'getent hosts <the name> on this machine shows what its DNS says',
        ],
  });
}

function notPrivate(name: string, seen: string): Finding {
  return error('vpc-not-private', {
    saw: `${seen}, which is not within a VPC`,
    means:
      'somebody has made a public record for the name of the VPC endpoint: what answers there need not be ACR',
    next: [
      'ask whoever runs your DNS for the record of PrivateZone',
      `or use the public endpoint: registries.${name}.endpoint: public`,
    ],
  });
}

function payingForTraffic(name: string, hostname: string, inside: string): Finding {
  return warn('public-in-vpc', {
    saw: `${hostname} is used, while ${inside} leads to a private address here`,
    means: 'images take the way over the Internet, which costs traffic and is slower',
    next: [`set registries.${name}.endpoint: vpc (or auto)`],
  });
}
