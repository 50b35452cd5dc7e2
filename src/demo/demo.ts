import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { startMirror } from '../main.ts';
import type { Mirror } from '../main.ts';
import type { Digest } from '../oci/digest.ts';
import { password } from './login.ts';
import { EmbeddedRegistry } from './registry/registry.ts';
import { pushWebhook } from './webhook.ts';

const auth = {
  kind: 'basic',
  users: [{ name: password, password, grants: [{ repositories: /.*/, actions: ['pull', 'push'] }] }],
} as const;

/** A Harbor, an ACR and a mirror between them, all in this process, gone with `close`. */
export interface Demo {
  harbor: EmbeddedRegistry;
  acr: EmbeddedRegistry;
  mirror: Mirror;
  /** The answers to Harbor's webhooks so far, each `STATUS BODY`. */
  deliveries: string[];
  close(): Promise<void>;
}

export async function startDemo(options: { verbose: boolean }): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), 'tagferry-demo-'));
  const deliveries: string[] = [];
  let mirrorUrl = '';
  const onTag = (repository: string, tag: string, digest: Digest): void => {
    void pushWebhook(mirrorUrl, { repository, tag, digest }).then((answer) => deliveries.push(answer));
  };
  const harbor = await EmbeddedRegistry.start({ name: 'harbor', auth, onTag });
  const acr = await EmbeddedRegistry.start({ name: 'acr', auth });
  const config = loadConfig(writeConfig(folder, harbor.url, acr.url), process.env);
  const log = createLog({ level: options.verbose ? 'info' : 'warn', format: 'pretty' }, []);
  const mirror = await startMirror(config, log, systemClock);
  mirrorUrl = mirror.url;
  const close = async (): Promise<void> => {
    await mirror.stop();
    await Promise.all([harbor.close(), acr.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { harbor, acr, mirror, deliveries, close };
}

/** The same file that a user would write; JSON is YAML. */
function writeConfig(folder: string, harbor: string, acr: string): string {
  const file = join(folder, 'tagferry.yaml');
  const login = { username: password, password };
  const config = {
    registries: {
      harbor: { type: 'harbor', url: harbor, ...login },
      acr: { type: 'acr-ee', url: acr, ...login },
    },
    rules: [{ name: 'everything', source: 'harbor', repositories: ['**'], destination: 'acr' }],
    webhook: { secrets: [password] },
    admin: { tokens: [password] },
    server: { listen: '127.0.0.1:0', shutdownGrace: '2s' },
    database: join(folder, 'tagferry.db'),
  };
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}
