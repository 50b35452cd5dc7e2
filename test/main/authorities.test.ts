import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { certificate } from '../support/certificate.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Trust is the whole process's, so another one asks. */
const program = `
  import { connect } from 'node:tls';
  import { trustSystem } from '${new URL('../../src/main/authorities.ts', import.meta.url).href}';
  const [port, trusting] = process.argv.slice(1);
  if (trusting) for (const _ of [1, 2]) trustSystem();
  const socket = connect({ port, host: '127.0.0.1' }, () => { console.log('trusted'); socket.end(); });
  socket.on('error', ({ code }) => console.log(code));
`;

test('the authorities of the machine are trusted beside Node’s own, SSL_CERT_FILE and NODE_EXTRA_CA_CERTS among them', async (t) => {
  const { key, cert, ca } = await certificate();
  const registry = await EmbeddedRegistry.start({ tls: { key, cert } });
  t.after(() => registry.close());
  const file = join(await temporaryFolder(t), 'authority.crt');
  await writeFile(file, ca);
  const { port } = new URL(registry.url);
  const { NODE_EXTRA_CA_CERTS: _, SSL_CERT_FILE: __, NODE_TEST_CONTEXT: ___, ...env } = process.env;
  const ask = async (more: NodeJS.ProcessEnv, ...trusting: string[]) => {
    const args = ['--input-type=module', '-e', program, port, ...trusting];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...env, ...more } });
    return stdout.trim();
  };
  const [known, extra, unknown, before] = await Promise.all([
    ask({ SSL_CERT_FILE: file }, 'trusting'),
    ask({ NODE_EXTRA_CA_CERTS: file }, 'trusting'),
    ask({}, 'trusting'),
    ask({ SSL_CERT_FILE: file }),
  ]);
  assert.deepEqual([known, extra], ['trusted', 'trusted']);
  assert.match(unknown, /UNABLE_TO|SELF_SIGNED/);
  assert.match(before, /UNABLE_TO|SELF_SIGNED/);
});
