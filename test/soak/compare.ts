import { Client } from '../support/client.ts';
import { contentsOf } from '../support/push.ts';

export interface Comparison {
  tags: number;
  /** Manifests and blobs that were read at both ends and are the same. */
  contents: number;
  /** One line for each tag that is not at the destination as it is at the source. */
  differences: string[];
}

/** Reads all that is below each `repository:tag` at both ends, and every tag that the destination has besides. */
export async function compare(
  ends: { source: string; destination: string },
  names: Iterable<string>,
  target: (repository: string) => string,
): Promise<Comparison> {
  const found: Comparison = { tags: 0, contents: 0, differences: [] };
  const expected = new Map<string, Set<string>>();
  for (const name of names) {
    const [repository = '', tag = ''] = name.split(':');
    expected.set(repository, (expected.get(repository) ?? new Set()).add(tag));
    const source = await read(ends.source, repository, tag);
    const destination = await read(ends.destination, target(repository), tag);
    found.tags++;
    if (source.join() === destination.join()) found.contents += source.length;
    else found.differences.push(`${name}: expected ${source.join(', ')}; got ${destination.join(', ')}`);
  }
  for (const [repository, tags] of expected)
    for (const tag of await tagsOf(ends.destination, target(repository)))
      if (!tags.has(tag)) found.differences.push(`${repository}:${tag} is at the destination only`);
  return found;
}

/** What is below a tag; or why it cannot be read, which equals nothing. */
async function read(url: string, repository: string, tag: string): Promise<string[]> {
  return contentsOf(url, repository, tag).catch((error: unknown) => [`${url} ${String(error)}`]);
}

async function tagsOf(url: string, repository: string): Promise<string[]> {
  const { status, body } = await new Client(url).send(`/v2/${repository}/tags/list?n=1000`);
  if (status === 404) return [];
  const { tags }: { tags: string[] | null } = JSON.parse(body.toString());
  return tags ?? [];
}
