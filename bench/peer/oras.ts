import { type Peer, nameAt } from './peer.ts';

/** One process for each tag. */
export const oras: Peer = {
  name: 'oras',
  version: ['version'],
  perTag: true,
  prepare({ source, destination, pairs, atOnce }) {
    const commands = pairs.map(({ repository, tag, into }) => [
      'oras',
      'copy',
      '--no-tty',
      nameAt(source, `${repository}:${tag}`),
      nameAt(destination, `${into}:${tag}`),
    ]);
    return { commands, processes: atOnce };
  },
};
