import { RegistryError } from '../../copy/error.ts';
import type { Pinged } from '../../registry/probe.ts';
import { byProxy } from '../by-proxy.ts';
import { badCertificate } from '../certificate.ts';
import type { Check } from '../check.ts';
import { error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RegistryEvidence } from './evidence.ts';

/** Whether a registry that is not of ACR answers at all, and as a registry does. */
export const reachable: Check<RegistryEvidence> = {
  id: 'reachable',
  async look({ config, ping }) {
    try {
      const { status, challenge } = await ping();
      return [
        isRegistry({ status, challenge })
          ? ok(`GET ${config.url}/v2/ answered ${status}`)
          : noRegistry(config.url, status),
      ];
    } catch (reason) {
      if (reason instanceof RegistryError) return [unreached(config.url, reason)];
      throw reason;
    }
  },
};

export function isRegistry({ status, challenge }: Pick<Pinged, 'status' | 'challenge'>): boolean {
  return status === 200 || (status === 401 && challenge !== undefined);
}

export function noRegistry(url: string, status: number): Finding {
  return error('no-registry', {
    saw: `GET ${url}/v2/ answered ${status}, where a registry answers 200, or 401 with a challenge`,
    means: 'something else answers at this address: another program, a proxy, or a page to log in',
    next: [`curl -i ${url}/v2/ shows what it is`, 'write the address of the registry itself as `url`'],
  });
}

/** What the three kinds of silence mean: nobody, somebody else, or nobody in time. */
export function unreached(url: string, reason: RegistryError): Finding {
  const onTheWay = byProxy(reason);
  if (onTheWay !== undefined) return onTheWay;
  const { fault, message } = reason;
  if (/expected TLS/.test(message)) {
    return error('plain-http-there', {
      saw: message,
      means: `${hostOf(url)} speaks plain HTTP, or something in between does`,
      next: ['its HTTPS port belongs into `url`; http:// there only if nobody can be on the way'],
    });
  }
  if (fault === 'tls') return badCertificate(message, hostOf(url));
  return error(fault, {
    saw: message,
    means: `nothing can be read or written at ${hostOf(url)} from here`,
    next: [
      `curl -v ${url}/v2/ from this machine shows where it ends`,
      `let this machine reach ${hostOf(url)}: firewall, proxy (HTTPS_PROXY, NO_PROXY), DNS`,
    ],
  });
}

/** `HOST:PORT` of an origin. */
function hostOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === '' ? defaultPort(protocol) : port}`;
}

function defaultPort(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}
