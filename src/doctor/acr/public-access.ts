import type { PublicEndpoint } from '../../aliyun/overview.ts';
import { parseInstanceHost } from '../../oci/aliyun-host.ts';
import type { Check } from '../check.ts';
import { error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { command, console, placeOf } from './steps.ts';

/** Whether the instance has its way in from the Internet, where the mirror takes that one. */
export const publicAccess: Check<AcrEvidence> = {
  id: 'public-access',
  number: 5,
  needs: 'aliyun',
  look: (evidence) => {
    const unseen = 'whether public access is switched on';
    return permitted(evidence, { action: 'GetInstanceEndpoint', unseen }, async () => [await look(evidence)]);
  },
};

async function look(evidence: AcrEvidence): Promise<Finding> {
  const { hostname } = new URL(evidence.config.url);
  if (parseInstanceHost(hostname)?.vpc) return ok(`not needed: ${hostname} is the way in from a VPC`);
  const endpoint = await ofInstance(evidence, (openApi) => openApi.publicEndpoint());
  if (isOn(endpoint)) return ok('public access is on');
  const { enabled, status } = endpoint;
  // A VPN or a proxy may lead there on a way of its own.
  if (await answers(evidence))
    return ok(`public access is ${enabled ? status : 'off'}, and ${hostname} answers all the same`);
  return enabled ? notYet(status) : off(evidence);
}

/** Whether there is a way in from the Internet at all. */
export function isOn({ enabled, status }: PublicEndpoint): boolean {
  return enabled && (status === 'RUNNING' || status === '');
}

async function answers({ ping }: AcrEvidence): Promise<boolean> {
  return ping().then(
    () => true,
    () => false,
  );
}

function notYet(status: string): Finding {
  return error('public-access-not-running', {
    saw: `public access is switched on, and its state is ${status}`,
    means: 'the way in from the Internet is being made, or could not be made',
    next: ['wait a minute and run doctor again; if it stays so, switch public access off and on'],
  });
}

async function off(evidence: AcrEvidence): Promise<Finding> {
  const place = await placeOf(evidence);
  return error('public-access-off', {
    saw: `public access of ${place.instanceId} is off`,
    means: 'nobody can reach the instance from outside its VPCs',
    next: [
      `${console(place, 'Repository', 'Access Control', 'Internet')}: switch it on; then add this machine's address to the whitelist, for it begins with 127.0.0.1/32 only`,
      command(place, 'UpdateInstanceEndpointStatus', {
        EndpointType: 'internet',
        ModuleName: 'Registry',
        Enable: 'true',
      }),
      `Terraform: resource "alicloud_cr_internet_endpoint" with instance_id = "${place.instanceId}" and module_name = "Registry"`,
      'inside a VPC that is linked to the instance, its VPC endpoint does: -registry-vpc in the name of the host',
    ],
  });
}
