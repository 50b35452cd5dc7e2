import { digestOf } from '../../src/oci/digest.ts';
import { parallel } from '../../src/task/parallel.ts';
import { Client } from '../../test/support/client.ts';
import type { Member } from '../../test/support/family.ts';
import type { Reached } from './place.ts';

/** What is at the destination is not what the source has. */
class NotTheSame extends Error {
  override readonly name = 'NotTheSame';
}

/** Compares every manifest byte by byte, and asks for each blob of it with its size: the registry has hashed those itself. */
export async function verify(
  { url, credential }: Reached,
  members: readonly Member[],
  moved: (repository: string) => string,
): Promise<void> {
  const clients = new Map(members.map(({ repository }) => [repository, new Client(url, credential)]));
  const seen = new Set<string>();
  await parallel(members, 8, async ({ repository, tag, image }) => {
    const client = clients.get(repository) ?? new Client(url, credential);
    const path = `/v2/${moved(repository)}`;
    const headers = { accept: image.descriptor.mediaType };
    const { body } = await client.expect(200, `${path}/manifests/${tag}`, { headers });
    if (digestOf(body) !== image.descriptor.digest) throw new NotTheSame(`${path}:${tag} is another`);
    for (const { descriptor } of image.blobs) {
      const blob = `${path}/blobs/${descriptor.digest}`;
      if (seen.size === seen.add(blob).size) continue;
      const answer = await client.expect(200, blob, { method: 'HEAD' });
      if (Number(answer.headers['content-length']) !== descriptor.size)
        throw new NotTheSame(`${blob} has another size`);
    }
  });
}
