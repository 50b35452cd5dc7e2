import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates } from 'node:tls';

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** What is trusted with a `caFile` of this text: its authorities besides Node's own. Throws where one is broken, or none is there. */
export function authoritiesOf(text: string): readonly string[] {
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) throw new Error('expected PEM certificates, got a file without');
  if (!blocks.every(isCertificate)) throw new Error('expected PEM certificates, got a broken one');
  return [...rootCertificates, text];
}

/** What a server shows; PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** Throws unless the key is the certificate's. */
export function keyPairOf(cert: string, key: string): KeyPair {
  createSecureContext({ cert, key });
  return { cert, key };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false; // OpenSSL's words say nothing about the file
  }
}
