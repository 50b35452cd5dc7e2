import { isIndex } from '../oci/media-type.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest } from '../oci/digest.ts';
import type { Digest } from '../oci/digest.ts';
import { at, CopyError, RegistryError } from './error.ts';
import { isEquivalent } from './equivalent.ts';
import { Graph } from './graph.ts';
import type { GraphOptions } from './graph.ts';
import { Looks } from './looks.ts';
import type { Hints } from './looks.ts';
import { Manifests } from './manifests.ts';
import type { PlatformFilter } from './platform.ts';
import type { Proofs } from './proofs.ts';
import { isUnwanted, reduce } from './selection.ts';

/*
 * A copy in the order that lets no reader of the destination see half an artifact: all blobs, then the manifests
 * of an index by digest, successors first, then the root under its tag. The bytes that were pulled are the bytes that
 * are pushed, unless platforms are left out of an index. Nothing is deleted at either end.
 */
export interface CopyRequest extends GraphOptions, Hints {
  sourceTag: string;
  destinationTag: string;
  /** Whether the source tag is looked at again afterwards; by default it is. */
  follow?: boolean;
  /** Of the destination repository; without them the tag is always read back. */
  proofs?: Proofs | undefined;
  /** Only these; an index that has others, too, gets a smaller one of another digest. */
  platforms?: PlatformFilter;
  /** Leave a destination tag alone that says the same in other bytes. */
  equivalent?: boolean;
  /** Told what the source tag names, as soon as it is known: also a copy that fails was one of that digest. */
  onResolved?: (digest: Digest) => void;
}

export type CopyResult =
  | { outcome: 'source-gone' }
  /** Of another platform than those that are wanted. Nothing is written, and what the destination has stays. */
  | { outcome: 'filtered'; digest: Digest }
  | {
      outcome: 'unchanged';
      digest: Digest;
      /** The destination's, where platforms were left out. */
      reduced?: Digest;
      /** The destination's, where it is of other bytes that say the same. */
      equivalent?: Digest;
    }
  | {
      outcome: 'copied';
      digest: Digest;
      /** The destination's, where platforms were left out. */
      reduced?: Digest;
      /** The source tag names something else by now, or nothing: there is more to do. */
      moved: boolean;
    };

/** How often one copy begins anew because what it read was deleted under it. */
const maxBegun = 3;

/** Makes the destination tag name what the source tag names now. Throws `CopyError`. */
export async function copy(request: CopyRequest): Promise<CopyResult> {
  const { source, signal, listed, onResolved } = request;
  const manifests = new Manifests(source, signal);
  const looks = new Looks(request, manifests);
  if (listed !== undefined && (await looks.isAsListed())) {
    onResolved?.(listed);
    return { outcome: 'unchanged', digest: listed };
  }
  let root = await looks.root();
  for (let begun = 1; root !== undefined; begun++) {
    onResolved?.(root.digest);
    try {
      return await copyRoot(request, root, looks, manifests);
    } catch (error) {
      // A list may lag behind: what it did not have may be there, and be what is wanted.
      if (request.holds === 'nothing' && isImmutable(error)) return copy({ ...request, holds: undefined });
      if (!isGone(error)) throw error;
      // Deleted, and perhaps collected as garbage, since the tag was resolved: only the tag says what is wanted now.
      const now = await looks.rootAfter(root.digest);
      if (now !== undefined && (now.digest === root.digest || begun === maxBegun)) throw error;
      root = now;
    }
  }
  return { outcome: 'source-gone' };
}

function isImmutable(error: unknown): boolean {
  return error instanceof CopyError && error.reason === 'destination-immutable';
}

function isGone(error: unknown): boolean {
  return error instanceof CopyError && error.side === 'source' && error.reason === 'not-found';
}

async function copyRoot(
  request: CopyRequest,
  found: Descriptor,
  looks: Looks,
  manifests: Manifests,
): Promise<CopyResult> {
  const { source, force, platforms, blobs, signal } = request;
  const { digest } = found;
  const root = platforms && isIndex(found.mediaType) ? await reduce(found, platforms, manifests) : found;
  if (root === undefined) return { outcome: 'filtered', digest };
  const reduced = root.digest === digest ? {} : { reduced: root.digest };
  if (!force && root.digest === request.holds) return { outcome: 'unchanged', digest, ...reduced };
  const target = targetOf(request, root);
  const present = await looks.present(target.destinationTag);
  if (present?.digest === root.digest) {
    blobs.saw(root.digest);
    return { outcome: 'unchanged', digest, ...reduced };
  }
  if (platforms && (await isUnwanted(root, platforms, { source, manifests, signal }))) {
    return { outcome: 'filtered', digest };
  }
  const graph = new Graph(target, manifests);
  if (present && request.equivalent && (await saysTheSame(target, root, present, manifests))) {
    // The tag stays as it is: it names what it should, and where tags are immutable it could not be written.
    await graph.complete(root);
    return { outcome: 'unchanged', digest, ...reduced, equivalent: present.digest };
  }
  // Who wants everything again does not believe what is known; nor does who misses what was there.
  if (force || (request.missed && blobs.knows(root.digest))) blobs.doubt();
  await write(target, root, graph);
  return { outcome: 'copied', digest, ...reduced, moved: await hasMoved(request, found) };
}

/** What is wanted by its digest, and then reduced, has no name to keep: it goes by its own digest. */
function targetOf(request: CopyRequest, root: Descriptor): CopyRequest {
  return isDigest(request.destinationTag) ? { ...request, destinationTag: root.digest } : request;
}

async function write(target: CopyRequest, root: Descriptor, graph: Graph): Promise<void> {
  const { destinationTag, proofs } = target;
  const named = await graph.write(root, destinationTag, 0);
  if (named && (await proofs?.suffice())) return;
  const reading = verify(target, root);
  await (proofs === undefined ? reading : proofs.learn(reading));
}

async function hasMoved(
  { source, sourceTag, follow = true, signal }: CopyRequest,
  root: Descriptor,
): Promise<boolean> {
  if (!follow) return false;
  const now = await at('source', `resolve ${sourceTag} again`, source.resolve(sourceTag, signal));
  return now?.digest !== root.digest;
}

async function saysTheSame(
  { destination, signal }: CopyRequest,
  root: Descriptor,
  present: Descriptor,
  manifests: Manifests,
): Promise<boolean> {
  if (present.mediaType !== root.mediaType) return false;
  const wanted = await manifests.read(root);
  manifests.keep(root, wanted);
  const operation = `read ${present.digest}`;
  const there = await at('destination', operation, destination.manifest(present, signal)).catch(
    (error: unknown) => {
      // The tag went, or names what the registry has lost: either way it is to be written.
      if (error instanceof CopyError && error.reason === 'not-found') return undefined;
      throw error;
    },
  );
  return there !== undefined && isEquivalent(wanted, there, root.mediaType);
}

/** A registry that took the manifest and did not move the tag has not done what it said. */
async function verify(target: CopyRequest, root: Descriptor): Promise<void> {
  const operation = `read back ${target.destinationTag}`;
  const { destination, destinationTag, signal } = target;
  const written = await at('destination', operation, destination.resolve(destinationTag, signal));
  if (written?.digest === root.digest) return;
  const got = written?.digest ?? 'no such tag';
  throw new CopyError(
    operation,
    'destination',
    new RegistryError('corrupt', `expected ${root.digest}, got ${got}`),
  );
}
