import { RegistryError } from '../../copy/error.ts';
import type { Check } from '../check.ts';
import { error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { pinged } from './evidence.ts';
import type { RegistryEvidence } from './evidence.ts';

/** Whether the token server that the registry names may get the credential, and can be reached. */
export const hosts: Check<RegistryEvidence> = {
  id: 'hosts',
  number: 7,
  async look(evidence) {
    const { challenge } = await pinged(evidence);
    if (challenge?.scheme !== 'bearer') return [ok('the registry names no token server')];
    try {
      const server = await evidence.tokenServer();
      return [ok(`token server ${server?.host} takes connections`)];
    } catch (reason) {
      if (!(reason instanceof RegistryError)) throw reason;
      const host = URL.canParse(challenge.realm) ? new URL(challenge.realm).host : 'that host';
      return [reason.fault === 'denied' ? refused(evidence.name, host, reason) : unreachable(host, reason)];
    }
  },
};

function refused(name: string, host: string, { message }: RegistryError): Finding {
  return error('token-host-refused', {
    saw: message,
    means: 'the credential is sent to no host that is not known to belong to the registry',
    next: [
      `is ${host} the registry's own token server? Then add it: registries.${name}.tokenHosts: ["${host}"]`,
      'else somebody between here and the registry changes its answers: do not go on',
    ],
  });
}

function unreachable(host: string, { message }: RegistryError): Finding {
  return error('token-host-unreachable', {
    saw: message,
    means: 'without the token server nothing can be read or written, although the registry itself answers',
    next: [`allow ${host} in the firewall, and in the proxy if there is one`],
  });
}
