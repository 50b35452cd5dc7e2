import type { Finding } from './finding.ts';
import { isObject } from '../oci/json.ts';
import { valueAt, type Path } from './path.ts';
import { authoritiesOf, keyPairOf } from './pem.ts';
import { readRegular as read } from './regular.ts';

/** The password in a file: everything but the last newline. Throws what `readRegular` throws. */
export function readPassword(path: string): string {
  return read(path).replace(/\r?\n$/, '');
}

/** Whether the files that the document names can be read and hold what they should. */
export function checkFiles(document: unknown): Finding[] {
  const registries = valueAt(document, ['registries']);
  const names = isObject(registries) ? Object.keys(registries) : [];
  return [
    ...names.flatMap((name) => [
      ...checkFileAt(
        document,
        ['registries', name, 'passwordFile'],
        'a password',
        (file) => readPassword(file) !== '',
      ),
      ...checkFileAt(document, ['registries', name, 'caFile'], 'PEM certificates', (file) =>
        succeeds(authoritiesOf, read(file)),
      ),
    ]),
    ...checkServerFiles(document),
  ];
}

function checkServerFiles(document: unknown): Finding[] {
  const certPath = ['server', 'tls', 'certFile'];
  const keyPath = ['server', 'tls', 'keyFile'];
  const findings = [
    ...checkFileAt(document, certPath, 'a PEM certificate', isCertificate),
    ...checkFileAt(document, keyPath, 'a PEM private key', (file) => read(file).includes('PRIVATE KEY-----')),
  ];
  const cert = valueAt(document, certPath);
  const key = valueAt(document, keyPath);
  if (findings.length > 0 || typeof cert !== 'string' || typeof key !== 'string') return findings;
  return succeeds(keyPairOf, read(cert), read(key))
    ? []
    : [
        {
          path: keyPath,
          expected: 'the private key, not encrypted, of the certificate in certFile',
          got: 'another',
        },
      ];
}

function checkFileAt(
  document: unknown,
  path: Path,
  what: string,
  holds: (file: string) => boolean,
): Finding[] {
  return checkFile(path, valueAt(document, path), what, holds);
}

/** Whether `file`, which stands at `path`, can be read and holds what it should; something, unless told. */
export function checkFile(
  path: Path,
  file: unknown,
  what: string,
  holds: (file: string) => boolean = (file) => read(file).trim() !== '',
): Finding[] {
  if (typeof file !== 'string' || file === '') return [];
  const expected = `a readable file with ${what}`;
  try {
    return holds(file) ? [] : [{ path, expected, got: 'a file without' }];
  } catch (error) {
    return [{ path, expected, got: `one that cannot be read (${codeOf(error)})` }];
  }
}

function isCertificate(file: string): boolean {
  return read(file).includes('-----BEGIN CERTIFICATE-----');
}

function succeeds(make: (...texts: string[]) => unknown, ...texts: string[]): boolean {
  try {
    make(...texts);
    return true;
  } catch {
    return false; // OpenSSL's words say nothing about configuration
  }
}

/** `ENOENT`, `EACCES`, `EISDIR`, … */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
