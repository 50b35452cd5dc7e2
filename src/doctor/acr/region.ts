import { parseService } from '../../aliyun/service.ts';
import type { Service } from '../../aliyun/service.ts';
import type { RegistryConfig } from '../../config.ts';
import { parseInstanceHost } from '../../oci/aliyun-host.ts';
import type { Check } from '../check.ts';
import { depends, error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { pinged } from '../registry/evidence.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { serviceOf } from './service.ts';

/** Whether the host's name, the configuration and the registry itself speak of the same instance. */
export const region: Check<RegistryEvidence> = {
  id: 'region',
  number: 3,
  async look(evidence) {
    const service = parseService(serviceOf(await pinged(evidence)));
    if (service === undefined) return [depends('edition')];
    const findings = contradictions(evidence.config, service);
    return findings.length > 0 ? findings : [ok(`${service.region} everywhere`)];
  },
};

function contradictions({ name, url, aliyun }: RegistryConfig, service: Service): Finding[] {
  const host = parseInstanceHost(new URL(url).hostname);
  return [
    ...differing('region-differs', `the host's name in registries.${name}.url`, host?.region, service.region),
    ...differing('region-differs', `registries.${name}.aliyun.region`, aliyun?.region, service.region),
    ...differing(
      'instance-differs',
      `registries.${name}.aliyun.instanceId`,
      aliyun?.instanceId,
      service.instanceId,
    ),
  ];
}

function differing(
  code: string,
  where: string,
  written: string | undefined,
  said: string | undefined,
): Finding[] {
  if (written === undefined || said === undefined || written === said) return [];
  return [
    error(code, {
      saw: `${where} says ${written}, the registry says ${said}`,
      means:
        'the OpenAPI is asked of another instance than the images go to: its passwords, lists and advice are of the wrong one',
      next: [`write ${said}, or leave it out: the registry names it itself`],
    }),
  ];
}
