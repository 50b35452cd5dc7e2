import { parseService } from '../../aliyun/service.ts';
import { isPersonalHost } from '../../oci/aliyun-host.ts';
import type { Check } from '../check.ts';
import { error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { pinged } from '../registry/evidence.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { serviceOf } from './service.ts';

/** Whether an instance of the Enterprise Edition answers there. The challenge says so whatever the name is, the name only hints. */
export const edition: Check<RegistryEvidence> = {
  id: 'edition',
  number: 1,
  async look(evidence) {
    const { hostname } = new URL(evidence.config.url);
    if (isPersonalHost(hostname)) return [personal(`${hostname} is a host of the personal edition`)];
    const said = serviceOf(await pinged(evidence));
    const service = parseService(said);
    if (service === undefined) return [noAcr(evidence.config.url, said)];
    if (service.instanceId === undefined)
      return [personal(`${hostname} calls itself ${said}, without an instance id`)];
    return [ok(`Enterprise Edition, instance ${service.instanceId} in ${service.region}`)];
  },
};

function personal(saw: string): Finding {
  return error('personal-edition', {
    saw,
    means:
      'it is another product: no OpenAPI of this version, other names and policies, and it refuses attestations and charts',
    next: [
      'use https://<instance>-registry.<region>.cr.aliyuncs.com of an Enterprise Edition instance (-registry-vpc inside a VPC): Container Registry console → Instances → the instance → Overview shows it',
      'or keep the personal edition as `type: oci`, with names of two parts in `repository`',
    ],
  });
}

function noAcr(url: string, said: string | undefined): Finding {
  return error('no-acr', {
    saw: `${url} calls itself ${said ?? 'nothing'}, where ACR says registry.aliyuncs.com:REGION:…:cri-…`,
    means:
      'it is no ACR, or a proxy of its own stands in front of it; what is special of ACR EE will not work',
    next: ['correct `url`, or write `type: oci` if it is another registry'],
  });
}
