import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Peer, nameAt, repositoriesOf } from './peer.ts';

/** One process for all. */
export const regsync: Peer = {
  name: 'regsync',
  version: ['version'],
  prepare({ source, destination, caFile, pairs, atOnce, folder }) {
    const file = join(folder, 'regsync.yaml');
    const regcert = readFileSync(caFile, 'utf8');
    const creds = [source, destination].map(({ url, credential: { name, password } }) => ({
      registry: new URL(url).host,
      user: name,
      pass: password,
      regcert,
      tls: 'enabled',
      reqConcurrent: atOnce,
    }));
    const sync = [...repositoriesOf(pairs)].map(([from, into]) => ({
      source: nameAt(source, from),
      target: nameAt(destination, into),
      type: 'repository',
    }));
    // JSON is YAML.
    const text = JSON.stringify({ version: 1, creds, defaults: { parallel: atOnce }, sync });
    writeFileSync(file, text, { mode: 0o600 });
    return { commands: [['regsync', 'once', '--config', file]], processes: 1 };
  },
};
