import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeTemporary, removeTemporary } from './temporary.ts';

const run = promisify(execFile);

/** PEM texts: a server's key and certificate for 127.0.0.1 and localhost, and the authority that signed it. */
export interface Certificate {
  key: string;
  cert: string;
  ca: string;
}

let made: Promise<Certificate> | undefined;

/** The same one for all that asks in this process. */
export function certificate(): Promise<Certificate> {
  return (made ??= makeCertificate());
}

const extensions = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature,keyEncipherment',
  'extendedKeyUsage=serverAuth',
  'subjectAltName=IP:127.0.0.1,DNS:localhost',
].join('\n');

async function makeCertificate(): Promise<Certificate> {
  const folder = await makeTemporary();
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const newKey = (key: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
  ];
  try {
    await writeFile(path('extensions'), extensions);
    await openssl('req', '-x509', ...newKey('ca.key'), '-subj', '/CN=tests', '-days', '2', '-out', 'ca.crt');
    await openssl('req', ...newKey('server.key'), '-subj', '/CN=localhost', '-out', 'server.csr');
    const sign = [
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      'extensions',
      '-days',
      '2',
    ];
    await openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', 'server.crt');
    const [key, cert, ca] = await Promise.all(
      ['server.key', 'server.crt', 'ca.crt'].map((name) => readFile(path(name), 'utf8')),
    );
    return { key: key ?? '', cert: cert ?? '', ca: ca ?? '' };
  } finally {
    await removeTemporary(folder);
  }
}
