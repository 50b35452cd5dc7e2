import { type Peer, nameAt, repositoriesOf } from './peer.ts';

/** One process for each repository, one after the other, `atOnce` tags at a time. */
export const crane: Peer = {
  name: 'crane',
  version: ['version'],
  prepare({ source, destination, pairs, atOnce }) {
    const commands = [...repositoriesOf(pairs)].map(([from, into]) => [
      'crane',
      'copy',
      '--all-tags',
      '--jobs',
      String(atOnce),
      nameAt(source, from),
      nameAt(destination, into),
    ]);
    return { commands, processes: 1 };
  },
};
