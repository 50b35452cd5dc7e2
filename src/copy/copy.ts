import { isForeignLayer, isIndex } from '../oci/media-type.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest } from '../oci/digest.ts';
import type { Digest } from '../oci/digest.ts';
import { at, CopyError, RegistryError } from './error.ts';
import type { Reason } from './error.ts';
import type { BlobMover } from './blob.ts';
import { Bounds } from './bounds.ts';
import { isEquivalent } from './equivalent.ts';
import { Manifests, successorsOf } from './manifests.ts';
import type { PlatformFilter } from './platform.ts';
import type { Destination, Source } from './repository.ts';
import { isUnwanted, reduce } from './selection.ts';

/*
 * A copy in the order that lets no reader of the destination see half an artifact: all blobs, then the manifests
 * of an index by digest, children first, then the root under its tag. The bytes that were pulled are the bytes that
 * are pushed, unless platforms are left out of an index. Nothing is deleted at either end.
 */
export interface CopyRequest {
  source: Source;
  sourceTag: string;
  destination: Destination;
  destinationTag: string;
  /** What the destination tag is known to name: it is not asked then. */
  holds?: Digest | undefined;
  blobs: BlobMover;
  /** Write everything again, also what the destination already has (blobs excepted). */
  force: boolean;
  /** Only these; an index that has others, too, gets a smaller one of another digest. */
  platforms?: PlatformFilter;
  /** Leave a destination tag alone that says the same in other bytes. */
  equivalent?: boolean;
  signal: AbortSignal;
  /** Told what the source tag names, as soon as it is known: also a copy that fails was one of that digest. */
  onResolved?: (digest: Descriptor['digest']) => void;
  /** Told before the destination tag is written: also a copy that fails afterwards may have moved it. */
  onWrite?: () => void;
}

export type CopyResult =
  | { outcome: 'source-gone' }
  /** Of another platform than those that are wanted. Nothing is written, and what the destination has stays. */
  | { outcome: 'filtered'; digest: Descriptor['digest'] }
  | {
      outcome: 'unchanged';
      digest: Descriptor['digest'];
      /** The destination's, where platforms were left out. */
      reduced?: Descriptor['digest'];
      /** The destination's, where it is of other bytes that say the same. */
      equivalent?: Descriptor['digest'];
    }
  | {
      outcome: 'copied';
      digest: Descriptor['digest'];
      /** The destination's, where platforms were left out. */
      reduced?: Descriptor['digest'];
      /** The source tag names something else by now, or nothing: there is more to do. */
      moved: boolean;
    };

/** How often one copy begins anew because what it read was deleted under it. */
const maxBegun = 3;

/** How registries answer a manifest whose blobs they lack: most by a code that means `not-found`. */
const suspicious: ReadonlySet<Reason> = new Set(['not-found', 'artifact-refused', 'protocol', 'unreachable']);

/** Makes the destination tag name what the source tag names now. Throws `CopyError`. */
export async function copy(request: CopyRequest): Promise<CopyResult> {
  const { source, sourceTag, signal } = request;
  const resolve = () => at('source', `resolve ${sourceTag}`, source.resolve(sourceTag, signal));
  let root = await resolve();
  for (let begun = 1; root !== undefined; begun++) {
    request.onResolved?.(root.digest);
    try {
      return await copyRoot(request, root);
    } catch (error) {
      if (!isGone(error)) throw error;
      // Deleted, and perhaps collected as garbage, since the tag was resolved: only the tag says what is wanted now.
      const now = await resolve();
      if (now !== undefined && (now.digest === root.digest || begun === maxBegun)) throw error;
      root = now;
    }
  }
  return { outcome: 'source-gone' };
}

function isGone(error: unknown): boolean {
  return error instanceof CopyError && error.side === 'source' && error.reason === 'not-found';
}

async function copyRoot(request: CopyRequest, found: Descriptor): Promise<CopyResult> {
  const { source, force, platforms, signal } = request;
  const { digest } = found;
  const manifests = new Manifests(source, signal);
  const root = platforms && isIndex(found.mediaType) ? await reduce(found, platforms, manifests) : found;
  if (root === undefined) return { outcome: 'filtered', digest };
  const reduced = root.digest === digest ? {} : { reduced: root.digest };
  if (!force && root.digest === request.holds) return { outcome: 'unchanged', digest, ...reduced };
  const target = targetOf(request, root);
  const present = force ? undefined : await resolveTarget(target, `resolve ${target.destinationTag}`);
  if (present?.digest === root.digest) return { outcome: 'unchanged', digest, ...reduced };
  if (platforms && (await isUnwanted(root, platforms, { source, manifests, signal }))) {
    return { outcome: 'filtered', digest };
  }
  const graph = new Graph(target, manifests);
  if (present && request.equivalent && (await saysTheSame(target, root, present, manifests))) {
    // The tag stays as it is: it names what it should, and where tags are immutable it could not be written.
    await graph.complete(root);
    return { outcome: 'unchanged', digest, ...reduced, equivalent: present.digest };
  }
  // Who wants everything again does not believe what is known.
  if (force) request.blobs.doubt();
  await graph.write(root, target.destinationTag, 0);
  await verify(target, root);
  return { outcome: 'copied', digest, ...reduced, moved: await hasMoved(request, found) };
}

/** What is wanted by its digest, and then reduced, has no name to keep: it goes by its own digest. */
function targetOf(request: CopyRequest, root: Descriptor): CopyRequest {
  return isDigest(request.destinationTag) ? { ...request, destinationTag: root.digest } : request;
}

function resolveTarget(
  { destination, destinationTag, signal }: CopyRequest,
  operation: string,
): Promise<Descriptor | undefined> {
  return at('destination', operation, destination.resolve(destinationTag, signal));
}

async function hasMoved({ source, sourceTag, signal }: CopyRequest, root: Descriptor): Promise<boolean> {
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
  const written = await resolveTarget(target, operation);
  if (written?.digest === root.digest) return;
  const got = written?.digest ?? 'no such tag';
  throw new CopyError(
    operation,
    'destination',
    new RegistryError('corrupt', `expected ${root.digest}, got ${got}`),
  );
}

/** One artifact's graph of descriptors, written successors first. */
class Graph {
  readonly #request: CopyRequest;
  readonly #manifests: Manifests;
  readonly #bounds = new Bounds();

  constructor(request: CopyRequest, manifests: Manifests) {
    this.#request = request;
    this.#manifests = manifests;
  }

  /** `reference`: the tag for the root, the digest itself for all others. */
  async write(descriptor: Descriptor, reference: string, depth: number): Promise<void> {
    const { destination, signal, onWrite } = this.#request;
    this.#bounds.take(descriptor, depth);
    const bytes = await this.#manifests.read(descriptor);
    const put = () => {
      if (depth === 0) onWrite?.();
      const written = destination.putManifest(reference, descriptor, bytes, signal);
      return at('destination', `write ${reference}`, written);
    };
    await this.#successors(descriptor, bytes, depth);
    try {
      await put();
    } catch (error) {
      if (!this.#mayBeMissing(error)) throw error;
      await this.#successors(descriptor, bytes, depth);
      await put();
    }
  }

  /** Whether what was believed to be at the destination may be why it refused: it is no longer believed then. */
  #mayBeMissing(error: unknown): boolean {
    const { blobs } = this.#request;
    if (!blobs.believed || !(error instanceof CopyError) || !suspicious.has(error.reason)) return false;
    blobs.doubt();
    // Some registries fail instead of saying what is missing: looking for it is for the next attempt.
    return error.reason !== 'unreachable';
  }

  /** Writes what an index at the destination lacks below itself; what is no index has all that it needs. */
  async complete(root: Descriptor): Promise<void> {
    if (isIndex(root.mediaType)) await this.#successors(root, await this.#manifests.read(root), 0);
  }

  async #successors(descriptor: Descriptor, bytes: Uint8Array, depth: number): Promise<void> {
    const { blobs, manifests, unsized = [] } = successorsOf(descriptor, bytes);
    await this.#blobs([...blobs, ...(await this.#sized(unsized))]);
    for (const child of manifests) await this.#child(child, depth + 1);
  }

  #sized(blobs: readonly Digest[]): Promise<Descriptor[]> {
    const { source, signal } = this.#request;
    return Promise.all(
      blobs.map((blob) => at('source', `look for blob ${blob}`, source.describe(blob, signal))),
    );
  }

  /** A child that is there was written after everything below it. */
  async #child(child: Descriptor, depth: number): Promise<void> {
    const { destination, force, signal } = this.#request;
    if (!force) {
      const present = await at(
        'destination',
        `resolve ${child.digest}`,
        destination.resolve(child.digest, signal),
      );
      if (present?.digest === child.digest) return;
    }
    await this.write(child, child.digest, depth);
  }

  /** All at once: the registries' own limits decide how many move. The first failure stops the others. */
  async #blobs(descriptors: readonly Descriptor[]): Promise<void> {
    const { blobs, source, destination, signal } = this.#request;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    // Non-distributable layers stay where their `urls` point, as their licence wants.
    const wanted = descriptors.filter((descriptor) => !isForeignLayer(descriptor));
    const moves = wanted.map((descriptor) => blobs.move(descriptor, source, destination, either));
    try {
      await Promise.all(moves);
    } catch (error) {
      stop.abort(error);
      await Promise.allSettled(moves);
      throw error;
    }
  }
}
