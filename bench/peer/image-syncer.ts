import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Peer, nameAt, repositoriesOf } from './peer.ts';

/** One process for all. */
export const imageSyncer: Peer = {
  name: 'image-syncer',
  version: ['--version'],
  prepare({ source, destination, pairs, atOnce, folder }) {
    const files = { auth: join(folder, 'auth.json'), images: join(folder, 'images.json') };
    const auth = [source, destination].map(({ url, credential: { name, password } }) => {
      return [new URL(url).host, { username: name, password }] as const;
    });
    const images = [...repositoriesOf(pairs)].map(([from, into]) => {
      return [nameAt(source, from), nameAt(destination, into)] as const;
    });
    writeFileSync(files.auth, JSON.stringify(Object.fromEntries(auth)), { mode: 0o600 });
    writeFileSync(files.images, JSON.stringify(Object.fromEntries(images)));
    const options = [`--auth=${files.auth}`, `--images=${files.images}`, `--proc=${atOnce}`];
    return { commands: [['image-syncer', ...options]], processes: 1 };
  },
};
