import { error } from './finding.ts';
import type { Finding } from './finding.ts';

/** What is wrong with a certificate, in the words of OpenSSL and Node. */
export const certificateFaults = {
  expired: /certificate has expired|not yet valid/,
  name: /altnames|does not match/,
};

/** For a host of which nothing is known but `HOST:PORT`. */
export function badCertificate(saw: string, host: string): Finding {
  const show = `openssl s_client -connect ${host} -showcerts </dev/null`;
  if (certificateFaults.expired.test(saw)) {
    return error('certificate-expired', {
      saw,
      means: 'the certificate is not valid today; nothing is sent over such a connection',
      next: [
        `date shows the clock of this machine, ${show} | openssl x509 -noout -dates the certificate's days`,
        'if the clock is right, whoever runs that host, or a proxy that opens TLS on the way, has to renew it',
      ],
    });
  }
  if (certificateFaults.name.test(saw)) {
    return error('certificate-name', {
      saw,
      means: 'the certificate is for another name: another host answers there, or the name is not its own',
      next: [
        `${show} | openssl x509 -noout -ext subjectAltName shows the names that it has: write one of them, or have it made for this one`,
        'where it names somebody else, a proxy or a wrong DNS record leads there',
      ],
    });
  }
  return error('certificate', {
    saw,
    means: 'the certificate is not trusted here; nothing is copied over such a connection',
    next: [
      `${show} shows the chain; save the authority's certificate as a PEM file`,
      'name that file as `caFile` of the registry, or in SSL_CERT_FILE',
    ],
  });
}
