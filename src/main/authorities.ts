import { getCACertificates, setDefaultCACertificates } from 'node:tls';

let trusted = false;

/**
 * Makes this process trust the machine's certificate authorities, too, with `SSL_CERT_FILE` and `SSL_CERT_DIR`, beside
 * Node's own and those of `NODE_EXTRA_CA_CERTS`: what Go's programs trust. It counts wherever no `ca` is given. The
 * first call reads and parses them, in some 0.1 s and 10 MiB, so it is for whoever is about to speak TLS.
 */
export function trustSystem(): void {
  if (trusted) return;
  trusted = true;
  setDefaultCACertificates([...getCACertificates('default'), ...getCACertificates('system')]);
}
