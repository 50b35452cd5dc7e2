import { isForbidden } from '../../aliyun/error.ts';
import type { PublicEndpoint } from '../../aliyun/overview.ts';
import { RegistryError } from '../../copy/error.ts';
import { parseInstanceHost } from '../../oci/aliyun-host.ts';
import { byProxy } from '../by-proxy.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { unreached } from '../registry/reachable.ts';
import { openApiOf } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { someOf } from '../some-of.ts';
import { isOn } from './public-access.ts';
import { command, console, placeOf } from './steps.ts';
import type { Place } from './steps.ts';

/**
 * Whether the instance's load balancer lets this machine in. Whoever is not on the whitelist gets no answer at all: the
 * connection is reset, ends, or stays silent. The whitelist itself is told by the OpenAPI.
 */
export const whitelist: Check<AcrEvidence> = {
  id: 'whitelist',
  number: 6,
  async look(evidence) {
    const { config, ping, addresses, proxied, aliyun } = evidence;
    const url = new URL(config.url);
    if (!proxied(url)) await needed('endpoint', addresses(url.hostname));
    const silence = await silenceOf(ping());
    if (silence !== undefined && (!silent.has(silence.fault) || byProxy(silence)))
      return [unreached(config.url, silence)];
    // The whitelist is of the way in from the Internet.
    const listed = aliyun && !parseInstanceHost(url.hostname)?.vpc;
    if (silence === undefined)
      return [ok(`GET ${config.url}/v2/ answered`), ...(listed ? await openness(evidence) : [])];
    return listed ? explained(evidence, silence) : [shutOut(config.name, silence)];
  },
};

const silent: ReadonlySet<RegistryError['fault']> = new Set(['unreachable', 'timeout']);

async function silenceOf(ping: Promise<unknown>): Promise<RegistryError | undefined> {
  try {
    await ping;
    return undefined;
  } catch (reason) {
    if (reason instanceof RegistryError) return reason;
    throw reason;
  }
}

/** `undefined` where the OpenAPI does not tell: other checks say why. */
async function endpointOf(evidence: AcrEvidence): Promise<PublicEndpoint | undefined> {
  try {
    return await openApiOf(evidence).publicEndpoint();
  } catch (reason) {
    if (!(reason instanceof RegistryError) || isForbidden(reason)) throw reason;
    return undefined;
  }
}

function openness(evidence: AcrEvidence): Promise<readonly Finding[]> {
  return permitted(evidence, { action: 'GetInstanceEndpoint', unseen: 'who else may come in' }, async () => {
    const endpoint = await endpointOf(evidence);
    if (endpoint === undefined || !isOn(endpoint) || !isOpen(endpoint)) return [];
    return [open(await placeOf(evidence), endpoint)];
  });
}

/** No answer: the whitelist says whether it is because of it. Who cannot ask the OpenAPI is told what it looks like. */
async function explained(evidence: AcrEvidence, silence: RegistryError): Promise<readonly Finding[]> {
  const likely = shutOut(evidence.name, silence);
  let seen = false;
  const asking = { action: 'GetInstanceEndpoint', unseen: 'who may come in' } as const;
  const findings = await permitted(evidence, asking, async () => {
    const endpoint = await endpointOf(evidence);
    if (endpoint === undefined) return [];
    seen = true;
    if (!isOn(endpoint)) return needed('public-access', Promise.reject(silence));
    const place = await placeOf(evidence);
    if (isOpen(endpoint)) return [elsewhere(evidence, silence, endpoint), open(place, endpoint)];
    return [notOn(place, endpoint, silence)];
  });
  return seen ? findings : [likely, ...findings];
}

const loopback = /^127\./;
const everybody = /^(0\.0\.0\.0|::)(\/0)?$/;

function isOpen({ aclEnabled, entries }: PublicEndpoint): boolean {
  return !aclEnabled || entries.length === 0 || entries.some((entry) => everybody.test(entry));
}

/** The first ones, and before them whoever lets everybody in: there may be thousands. */
function shown(entries: readonly string[]): string {
  return someOf([
    ...entries.filter((entry) => everybody.test(entry)),
    ...entries.filter((entry) => !everybody.test(entry)),
  ]);
}

function open(place: Place, { aclEnabled, entries }: PublicEndpoint): Finding {
  const saw = aclEnabled
    ? `the whitelist of ${place.instanceId} ${entries.length === 0 ? 'is empty' : `has ${shown(entries)}`}`
    : `${place.instanceId} has no whitelist`;
  return warn('open-to-the-internet', {
    saw,
    means: 'anybody on the Internet may come in and try passwords; an empty whitelist lets everybody in',
    next: [
      `${console(place, 'Repository', 'Access Control', 'Internet')}: add the addresses that need it (curl https://ifconfig.me shows this machine's), then take 0.0.0.0/0 out`,
    ],
  });
}

function notOn(place: Place, { entries }: PublicEndpoint, { message }: RegistryError): Finding {
  const only = entries.every((entry) => loopback.test(entry));
  return error(only ? 'whitelist-loopback-only' : 'not-on-whitelist', {
    saw: `${message}; the whitelist of ${place.instanceId} has ${shown(entries)}`,
    means: only
      ? 'nobody may come in: switching public access on puts 127.0.0.1/32 on the whitelist, and that is all'
      : 'there is no answer for this machine: its address, as seen from outside, is on none of these networks',
    next: [
      'curl https://ifconfig.me shows the address under which this machine is seen outside (that of the NAT gateway)',
      `${console(place, 'Repository', 'Access Control', 'Internet')}: add that address with /32`,
      command(place, 'CreateInstanceEndpointAclPolicy', {
        EndpointType: 'internet',
        ModuleName: 'Registry',
        Entry: '<address>/32',
      }),
      `Terraform: resource "alicloud_cr_endpoint_acl_policy" with instance_id = "${place.instanceId}", endpoint_type = "internet" and entry = "<address>/32"`,
    ],
  });
}

function elsewhere(
  { config }: AcrEvidence,
  { message }: RegistryError,
  { entries }: PublicEndpoint,
): Finding {
  const { host } = new URL(config.url);
  return error('no-connection', {
    saw: `${message}; the whitelist lets everybody in${entries.length === 0 ? '' : ` (${shown(entries)})`}`,
    means: 'it is not the whitelist: something between here and the instance lets nothing through',
    next: [
      `let this machine reach ${host} at its port: firewall, security group, proxy (HTTPS_PROXY, NO_PROXY)`,
    ],
  });
}

function shutOut(name: string, { message }: RegistryError): Finding {
  return error('no-connection', {
    saw: message,
    means:
      "the name is right, but there is no answer: most likely this machine's address is not on the whitelist of the instance, or public access is off",
    next: [
      'curl https://ifconfig.me shows the address under which this machine is seen outside (that of the NAT gateway)',
      'Container Registry console → Instances → the instance → Repository → Access Control → Internet: switch it on, and add that address with /32',
      `with registries.${name}.aliyun set, its instanceId and region written, doctor reads the whitelist and names its entries`,
    ],
  });
}
