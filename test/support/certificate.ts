import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeTemporary, removeTemporary } from './temporary.ts';

const run = promisify(execFile);

/** PEM texts: a server's key and certificate for 127.0.0.1, localhost and registry.example, and the authority that signed it. */
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
  'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.example',
].join('\n');

async function makeCertificate(): Promise<Certificate> {
  const folder = await makeTemporary();
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  try {
    await writeFile(join(folder, 'extensions'), extensions);
    await openssl('req', '-x509', ...newKey('ca.key'), ...subject('tests'), '-out', 'ca.crt');
    await openssl('req', ...newKey('server.key'), ...subject('localhost'), '-out', 'server.csr');
    await openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.crt');
    return { key: await read('server.key'), cert: await read('server.crt'), ca: await read('ca.crt') };
  } finally {
    await removeTemporary(folder);
  }
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const signed = [
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

function newKey(path: string): string[] {
  return [...curve, '-nodes', '-keyout', path, '-days', '2'];
}

function subject(name: string): string[] {
  return ['-subj', `/CN=${name}`];
}

let lonely: Promise<Signer> | undefined;

/** A certificate for 127.0.0.1 that nobody but itself has signed. The same one in this process. */
export function selfSigned(): Promise<Signer> {
  return (lonely ??= makeSelfSigned(2));
}

/** The same, good until yesterday. */
export function expiredCertificate(): Promise<Signer> {
  return makeSelfSigned(-1);
}

async function makeSelfSigned(days: number): Promise<Signer> {
  const cwd = await makeTemporary();
  const openssl = (...args: string[]) => run('openssl', args, { cwd });
  try {
    await writeFile(join(cwd, 'extensions'), 'subjectAltName=IP:127.0.0.1');
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key'];
    await openssl('req', '-new', ...key, '-subj', '/CN=alone', '-out', 'request');
    const sign = ['-in', 'request', '-key', 'key', '-extfile', 'extensions', '-days', String(days)];
    await openssl('x509', '-req', ...sign, '-out', 'cert');
    const texts = await Promise.all(['key', 'cert'].map((name) => readFile(join(cwd, name), 'utf8')));
    return { key: texts[0] ?? '', cert: texts[1] ?? '' };
  } finally {
    await removeTemporary(cwd);
  }
}

/** All that the tests' own clients trust: what was made so far. */
export async function authorities(): Promise<string[]> {
  const alone = await lonely;
  return [(await certificate()).ca, ...(alone ? [alone.cert] : [])];
}

/** PEM texts. */
export interface Signer {
  key: string;
  cert: string;
}

let signer: Promise<Signer> | undefined;

/** An RSA key with a certificate for itself: what token services sign with. The same one in this process. */
export function tokenSigner(): Promise<Signer> {
  return (signer ??= makeSigner());
}

async function makeSigner(): Promise<Signer> {
  const folder = await makeTemporary();
  try {
    const rsa = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'token.key', '-days', '2'];
    await run('openssl', ['req', '-x509', ...rsa, ...subject('tokens'), '-out', 'token.crt'], {
      cwd: folder,
    });
    const [key, cert] = ['token.key', 'token.crt'].map((name) => readFile(join(folder, name), 'utf8'));
    return { key: (await key) ?? '', cert: (await cert) ?? '' };
  } finally {
    await removeTemporary(folder);
  }
}
