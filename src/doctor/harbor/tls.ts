import { RegistryError } from '../../copy/error.ts';
import { certificateFaults } from '../certificate.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { unreached } from '../registry/reachable.ts';
import { isPong } from './evidence.ts';
import type { HarborEvidence } from './evidence.ts';

/** Whether Harbor itself answers at the address, and nobody on the way can read along. */
export const tls: Check<HarborEvidence> = {
  id: 'harbor-tls',
  number: 17,
  async look({ config, apiPing }) {
    try {
      const ping = await apiPing();
      if (isPong(ping)) return safety(config);
      return [ping.location === undefined ? noHarbor(config, ping.status) : redirect(config, ping)];
    } catch (reason) {
      if (!(reason instanceof RegistryError)) throw reason;
      // Harbor lets everybody ask for this.
      if (reason.fault === 'denied' && reason.status !== undefined) return [noHarbor(config, reason.status)];
      return [reason.fault === 'tls' ? certificate(config, reason) : unreached(config.url, reason)];
    }
  },
};

type Config = HarborEvidence['config'];

function safety({ name, url, insecureSkipVerify, caFile }: Config): Finding[] {
  if (url.startsWith('http:')) {
    return [
      warn('plain-http', {
        saw: `registries.${name}.url is ${url}`,
        means: 'whoever is on the way reads the password and can change every image',
        next: [
          'switch on HTTPS in harbor.yml (`https:` with certificate and private_key), and write https:// in url',
        ],
      }),
    ];
  }
  if (insecureSkipVerify) {
    return [
      warn('not-verified', {
        saw: `registries.${name}.insecureSkipVerify is true`,
        means:
          'any certificate is taken, so that whoever is on the way can read the password and change every image',
        next: [`name the authority's certificate as registries.${name}.caFile instead: ${howToGet(url)}`],
      }),
    ];
  }
  return [ok(`Harbor answers at ${url}, its certificate is verified${caFile ? ` by ${caFile}` : ''}`)];
}

function redirect(
  { name, url }: Config,
  { status, location = '' }: { status: number; location?: string | undefined },
): Finding {
  const to = URL.canParse(location, url) ? new URL(location, url).origin : undefined;
  return error('redirect', {
    saw: `GET ${url}/api/v2.0/ping answered ${status}, a redirect to ${to ?? 'no address'}`,
    means:
      'the password is not sent on to another address than the one that is written, so nothing can be asked here',
    next: [
      to === undefined || to === url
        ? 'ask whoever runs the proxy in front of Harbor; the address of Harbor itself belongs into url'
        : `if ${to} is your Harbor: registries.${name}.url: ${to}`,
    ],
  });
}

function noHarbor({ name, url }: Config, status: number): Finding {
  return error('no-harbor', {
    saw: `GET ${url}/api/v2.0/ping answered ${status}, where Harbor answers Pong`,
    means: 'something else answers there: a proxy, another registry, or Harbor below another path',
    next: [
      `curl -i ${url}/api/v2.0/ping shows what it is`,
      `if it is no Harbor: registries.${name}.type: oci; if it is one: let the proxy pass /api/ on, too`,
    ],
  });
}

/** What is wrong with a certificate has three common names, in OpenSSL's words. */
function certificate({ name, url }: Config, { message: saw }: RegistryError): Finding {
  if (certificateFaults.expired.test(saw)) {
    return error('certificate-expired', {
      saw,
      means: "Harbor's certificate is not valid today; nothing is asked over such a connection",
      next: [
        'renew it in Harbor (harbor.yml: https.certificate, then ./prepare), and look at the clocks of both machines',
      ],
    });
  }
  if (certificateFaults.name.test(saw)) {
    return error('certificate-name', {
      saw,
      means: 'the certificate is for another name than the one in url',
      next: [
        `write a name that the certificate has into registries.${name}.url, or have one made for ${new URL(url).host}`,
      ],
    });
  }
  if (/expected TLS/.test(saw)) {
    return error('plain-http-there', {
      saw,
      means: 'Harbor speaks plain HTTP at this port',
      next: [
        `its HTTPS port belongs into registries.${name}.url; http:// there only if nobody can be on the way`,
      ],
    });
  }
  return error('certificate', {
    saw,
    means:
      "the authority that signed Harbor's certificate is not known here; nothing is asked over such a connection",
    next: [howToGet(url), `then registries.${name}.caFile: harbor-ca.pem (SSL_CERT_FILE does, too)`],
  });
}

function howToGet(url: string): string {
  const { hostname, port } = new URL(url);
  return `curl -sk ${url}/api/v2.0/systeminfo/getcert -o harbor-ca.pem gets it where Harbor made it itself; else the last certificate of: openssl s_client -connect ${hostname}:${port || 443} -showcerts </dev/null`;
}
