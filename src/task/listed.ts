import { type Fault, RegistryError } from '../copy/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { TagListing } from './listing.ts';

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

async function addDigests(digests: Map<string, Digest>, tags: ReturnType<TagListing['tags']>): Promise<void> {
  for await (const { tag, digest } of tags) digests.set(tag, digest);
}

/** Whether it was done; `false` where the account may not, or there is no such call: then there is another way. */
export async function isAllowed(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** What says nothing of what was asked for, but of the whole registry. */
export const outages: ReadonlySet<Fault> = new Set(['unreachable', 'timeout', 'tls', 'rate-limited']);

export function isRefusal(error: unknown): boolean {
  return error instanceof RegistryError && (error.fault === 'denied' || error.fault === 'not-found');
}
