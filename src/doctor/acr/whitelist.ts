import { RegistryError } from '../../copy/error.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { unreached } from '../registry/reachable.ts';

/**
 * Whether the instance's load balancer lets this machine in. Whoever is not on the whitelist gets no answer at all: the
 * connection is reset, ends, or stays silent.
 */
export const whitelist: Check<RegistryEvidence> = {
  id: 'whitelist',
  number: 6,
  async look(evidence) {
    const { config, ping, addresses, proxied } = evidence;
    const url = new URL(config.url);
    if (!proxied(url)) await needed('endpoint', addresses(url.hostname));
    try {
      const { status } = await ping();
      return [ok(`GET ${config.url}/v2/ answered ${status}`)];
    } catch (reason) {
      if (!(reason instanceof RegistryError)) throw reason;
      return [silent.has(reason.fault) ? shutOut(config.name, reason) : unreached(config.url, reason)];
    }
  },
};

const silent: ReadonlySet<RegistryError['fault']> = new Set(['unreachable', 'timeout']);

function shutOut(name: string, { message }: RegistryError): Finding {
  return error('no-connection', {
    saw: message,
    means:
      "the name is right, but there is no answer: most likely this machine's address is not on the whitelist of the instance, or public access is off",
    next: [
      'curl https://ifconfig.me shows the address under which this machine is seen outside (that of the NAT gateway)',
      'Container Registry console → Instances → the instance → Repository → Access Control → Internet: switch it on, and add that address with /32',
      `with registries.${name}.aliyun set, doctor reads the whitelist and names its entries`,
    ],
  });
}
