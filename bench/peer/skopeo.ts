import { join } from 'node:path';
import { type Peer, nameAt } from './peer.ts';

/** One process for each tag. */
export const skopeo: Peer = {
  name: 'skopeo',
  version: ['--version'],
  perTag: true,
  // Where a registry has which blob: the next copy mounts it.
  remembers: true,
  prepare({ source, destination, pairs, atOnce, folder }) {
    const login = [
      `--src-authfile=${join(folder, 'config.json')}`,
      `--dest-authfile=${join(folder, 'config.json')}`,
    ];
    const commands = pairs.map(({ repository, tag, into }) => [
      'skopeo',
      'copy',
      '--quiet',
      '--preserve-digests',
      ...login,
      `docker://${nameAt(source, `${repository}:${tag}`)}`,
      `docker://${nameAt(destination, `${into}:${tag}`)}`,
    ]);
    return { commands, processes: atOnce };
  },
};
