import { RegistryError } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { Listing, TagListing } from './listing.ts';
import { parallel } from './parallel.ts';
import type { Registries } from './registries.ts';

/** Projects listed at once. */
const width = 3;

/**
 * Adds every repository of a source, but those of proxy caches, to `names`, as they are found: by its projects where it
 * has any and the account may list them, else by `_catalog`. Throws `RegistryError` where neither is allowed.
 */
export async function addRepositories(
  names: Set<string>,
  source: string,
  registries: Registries,
  signal: AbortSignal,
): Promise<void> {
  const caches = new Set<string>();
  const listing = registries.listing(source);
  if (listing !== undefined && (await isAllowed(addByProject(names, caches, listing, signal)))) return;
  for await (const name of registries.repositories(source, signal)) {
    if (!caches.has(projectOf(name))) names.add(name);
  }
}

/** The tags' digests as an API beside `/v2` lists them; none where there is no such API, or it is not allowed. */
export async function listedDigests(
  listing: TagListing | undefined,
  repository: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Digest>> {
  const digests = new Map<string, Digest>();
  if (listing !== undefined) await isAllowed(addDigests(digests, listing.tags(repository, signal)));
  return digests;
}

async function addByProject(
  names: Set<string>,
  caches: Set<string>,
  listing: Listing,
  signal: AbortSignal,
): Promise<void> {
  const projects = await listing.projects(signal);
  for (const { name } of projects.filter(({ proxyCache }) => proxyCache)) caches.add(name);
  const own = projects.filter(({ proxyCache }) => !proxyCache);
  await parallel(own, width, async (project) => {
    for (const name of await listing.repositories(project.name, signal)) names.add(name);
  });
}

async function addDigests(digests: Map<string, Digest>, tags: ReturnType<TagListing['tags']>): Promise<void> {
  for await (const { tag, digest } of tags) digests.set(tag, digest);
}

/** Whether it was done; `false` where the account may not, or there is no such call: then there is another way. */
async function isAllowed(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof RegistryError && (error.fault === 'denied' || error.fault === 'not-found'))
      return false;
    throw error;
  }
}

function projectOf(repository: string): string {
  return repository.split('/', 1)[0] ?? '';
}
