import type { RegistryError } from '../copy/error.ts';
import { error } from './finding.ts';
import type { Finding } from './finding.ts';

/** The code of what has no answer where a proxy leads there. */
export const viaProxy = 'proxy';

/** What is told of a failure on the way by a proxy; `undefined` where none was on the way, or a certificate came by it. */
export function byProxy({ fault, message: saw }: RegistryError): Finding | undefined {
  const words = fault === 'tls' ? undefined : proxyWords(saw);
  return words && error(viaProxy, { saw, ...words });
}

/** The same of a failure's message alone, which is not of a certificate. */
export function proxyWords(saw: string): Required<Pick<Finding, 'means' | 'next'>> | undefined {
  const proxy = / by the proxy (\S+): /.exec(saw)?.[1];
  return proxy === undefined ? undefined : wordsOf(saw, proxy);
}

const direct =
  'if these hosts are reached without it: NO_PROXY, with their names by commas, in the environment of this program';

function wordsOf(saw: string, proxy: string): Required<Pick<Finding, 'means' | 'next'>> {
  const status = Number(/Proxy response \((\d+)\)/.exec(saw)?.[1]);
  if (status === 407) {
    return {
      means: `the proxy ${proxy} wants a login, or another one`,
      next: [
        `HTTPS_PROXY=http://USER:PASSWORD@${proxy}, where signs such as @ and : in the password are written as %40 and %3A`,
        direct,
      ],
    };
  }
  if (status >= 500) {
    return {
      means: `the proxy ${proxy} itself gets no connection there`,
      next: [
        'look at the log of the proxy: does it find the name? A whitelist there has to have the address of the proxy, not that of this machine',
        direct,
      ],
    };
  }
  if (status >= 400) {
    return {
      means: `the proxy ${proxy} does not let this machine go there`,
      next: [
        'have whoever runs the proxy allow CONNECT to the host that is named above, and, for ACR, to its token server and the OpenAPI as well (docs/acr.md)',
        direct,
      ],
    };
  }
  return {
    means: `there is no proxy at ${proxy}, or nothing comes back by it: it is the proxy, or its own way, that is to be looked at first`,
    next: [
      `curl -v -x ${proxy} to the address that is named above shows how far it gets; HTTPS_PROXY and HTTP_PROXY name the proxy`,
      direct,
    ],
  };
}
