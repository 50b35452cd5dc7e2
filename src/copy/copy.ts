import { parseManifest } from '../oci/manifest.ts';
import { isForeignLayer, isIndex } from '../oci/media-type.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { at, CopyError, RegistryError } from './error.ts';
import type { Reason } from './error.ts';
import type { BlobMover } from './blob.ts';
import type { Destination, Source } from './repository.ts';

/*
 * A copy in the order that lets no reader of the destination see half an artifact: all blobs, then the manifests
 * of an index by digest, children first, then the root under its tag. The bytes that were pulled are the bytes that
 * are pushed. Nothing is deleted at either end.
 */
export interface CopyRequest {
  source: Source;
  sourceTag: string;
  destination: Destination;
  destinationTag: string;
  blobs: BlobMover;
  /** Write everything again, also what the destination already has (blobs excepted). */
  force: boolean;
  signal: AbortSignal;
  /** Told what the source tag names, as soon as it is known: also a copy that fails was one of that digest. */
  onResolved?: (digest: Descriptor['digest']) => void;
}

export type CopyResult =
  | { outcome: 'source-gone' }
  | { outcome: 'unchanged'; digest: Descriptor['digest'] }
  | {
      outcome: 'copied';
      digest: Descriptor['digest'];
      /** The source tag names something else by now, or nothing: there is more to do. */
      moved: boolean;
    };

/** How deep indexes may nest, and how many manifests one tag may bring: a hostile graph ends here. */
const maxDepth = 8;
const maxManifests = 5000;

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

async function copyRoot(request: CopyRequest, root: Descriptor): Promise<CopyResult> {
  const { source, sourceTag, destination, destinationTag, force, signal } = request;
  if (!force) {
    const present = await at(
      'destination',
      `resolve ${destinationTag}`,
      destination.resolve(destinationTag, signal),
    );
    if (present?.digest === root.digest) return { outcome: 'unchanged', digest: root.digest };
  }
  // Who wants everything again does not believe what is known.
  if (force) request.blobs.doubt();
  await new Graph(request).write(root, destinationTag, 0);
  await verify(request, root);
  const now = await at('source', `resolve ${sourceTag} again`, source.resolve(sourceTag, signal));
  return { outcome: 'copied', digest: root.digest, moved: now?.digest !== root.digest };
}

/** A registry that took the manifest and did not move the tag has not done what it said. */
async function verify({ destination, destinationTag, signal }: CopyRequest, root: Descriptor): Promise<void> {
  const operation = `read back ${destinationTag}`;
  const written = await at('destination', operation, destination.resolve(destinationTag, signal));
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
  #manifests = 0;

  constructor(request: CopyRequest) {
    this.#request = request;
  }

  /** `reference`: the tag for the root, the digest itself for all others. */
  async write(descriptor: Descriptor, reference: string, depth: number): Promise<void> {
    const { source, destination, signal } = this.#request;
    this.#guard(descriptor, depth);
    const bytes = await at('source', `read ${descriptor.digest}`, source.manifest(descriptor, signal));
    const put = () =>
      at('destination', `write ${reference}`, destination.putManifest(reference, descriptor, bytes, signal));
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

  async #successors(descriptor: Descriptor, bytes: Uint8Array, depth: number): Promise<void> {
    const { blobs, manifests } = parsed(descriptor, bytes);
    await this.#blobs(blobs);
    for (const child of manifests) await this.#child(child, depth + 1);
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

  #guard({ digest }: Descriptor, depth: number): void {
    this.#manifests++;
    if (depth <= maxDepth && this.#manifests <= maxManifests) return;
    const message = `${digest}: expected at most ${maxDepth} levels and ${maxManifests} manifests under one tag, got more`;
    throw new CopyError('read the index', 'source', new RegistryError('artifact-refused', message));
  }
}

function parsed(descriptor: Descriptor, bytes: Uint8Array): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(bytes, descriptor.mediaType);
  } catch (cause) {
    const kind = isIndex(descriptor.mediaType) ? 'index' : 'manifest';
    const message = `${kind} ${descriptor.digest}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new CopyError(
      `read ${descriptor.digest}`,
      'source',
      new RegistryError('artifact-refused', message, { cause }),
    );
  }
}
