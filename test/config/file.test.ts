import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findConfig, readPassword } from '../../src/config.ts';
import { certificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { load, mistakes, smallest } from './document.ts';

function withHarbor(keys: object): object {
  return {
    ...smallest,
    registries: { ...smallest.registries, harbor: { url: 'https://harbor.test', ...keys } },
  };
}

/** The mistakes without their lines. */
function wrong(document: object): string[] {
  return mistakes(document).map((mistake) => mistake.replace(/^\d+ /, ''));
}

test('a password file loses its last newline and nothing else', async (t) => {
  const file = join(await temporaryFolder(t), 'password');
  for (const [content, password] of [
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    [' se cret \n\n', ' se cret \n'],
  ] as const) {
    await writeFile(file, content);
    assert.equal(readPassword(file), password);
  }
  const config = load(withHarbor({ username: 'u', passwordFile: file }));
  assert.deepEqual(config.registries[0]?.credential, { username: 'u', passwordFile: file });
  assert.ok(config.secrets.includes(' se cret \n'));
});

test('files that are missing, empty or something else', async (t) => {
  const folder = await temporaryFolder(t);
  const empty = join(folder, 'empty');
  await writeFile(empty, '\n');
  assert.deepEqual(wrong(withHarbor({ username: 'u', passwordFile: join(folder, 'none'), caFile: folder })), [
    'registries.harbor.passwordFile: expected a readable file with a password, got one that cannot be read (ENOENT)',
    'registries.harbor.caFile: expected a readable file with PEM certificates, got one that cannot be read (EISDIR)',
  ]);
  assert.deepEqual(wrong(withHarbor({ username: 'u', passwordFile: empty, caFile: empty })), [
    'registries.harbor.passwordFile: expected a readable file with a password, got a file without',
    'registries.harbor.caFile: expected a readable file with PEM certificates, got a file without',
  ]);
});

test("the server's certificate and key belong together", async (t) => {
  const folder = await temporaryFolder(t);
  const { ca, cert, key } = await certificate();
  const file = (name: string) => join(folder, name);
  await Promise.all([writeFile(file('ca'), ca), writeFile(file('cert'), cert), writeFile(file('key'), key)]);
  const tls = (certFile: string, keyFile: string) => ({
    ...smallest,
    server: { tls: { certFile, keyFile } },
  });

  assert.deepEqual(load(tls(file('cert'), file('key'))).server.tls, {
    certFile: file('cert'),
    keyFile: file('key'),
  });
  assert.deepEqual(wrong(tls(file('ca'), file('key'))), [
    'server.tls.keyFile: expected the private key, not encrypted, of the certificate in certFile, got another',
  ]);
  assert.deepEqual(wrong(tls(file('key'), file('cert'))), [
    'server.tls.certFile: expected a readable file with a PEM certificate, got a file without',
    'server.tls.keyFile: expected a readable file with a PEM private key, got a file without',
  ]);
});

test('the file: by option, else by environment, else in the working directory', async (t) => {
  const folder = await temporaryFolder(t);
  const env = { TAGFERRY_CONFIG: 'by-environment.yaml' };
  assert.equal(findConfig('by-option.yaml', env, folder), join(folder, 'by-option.yaml'));
  assert.equal(findConfig('/by-option.yaml', env, folder), '/by-option.yaml');
  assert.equal(findConfig(undefined, env, folder), join(folder, 'by-environment.yaml'));
  const places = new RegExp(
    `^no configuration: say --config FILE, .*${folder}/config/tagferry\\.yaml or /etc/`,
  );
  assert.throws(() => findConfig(undefined, {}, folder), { name: 'ConfigError', message: places });
  await writeFile(join(folder, 'tagferry.yaml'), '');
  assert.throws(() => findConfig(undefined, {}, folder), {
    message: /; did you mean --config tagferry\.yaml\?$/,
  });
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'config/tagferry.yaml'), '');
  assert.equal(findConfig(undefined, { TAGFERRY_CONFIG: '' }, folder), join(folder, 'config/tagferry.yaml'));
});
