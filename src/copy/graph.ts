import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isForeignLayer, isIndex } from '../oci/media-type.ts';
import type { BlobMover } from './blob.ts';
import { Bounds } from './bounds.ts';
import { at, CopyError } from './error.ts';
import type { Reason } from './error.ts';
import { type Manifests, successorsOf } from './manifests.ts';
import type { Destination, Source } from './repository.ts';

/** Between which ends a graph is copied, and how. */
export interface GraphOptions {
  source: Source;
  destination: Destination;
  blobs: BlobMover;
  /** Write everything again, also what the destination already has (blobs excepted). */
  force: boolean;
  signal: AbortSignal;
  /** Told before the root is written: also a copy that fails afterwards may have moved its tag. */
  onWrite?: () => void;
}

/** How registries answer a manifest whose blobs they lack: most by a code that means `not-found`. */
const suspicious: ReadonlySet<Reason> = new Set(['not-found', 'artifact-refused', 'protocol', 'unreachable']);

/** One artifact's graph of descriptors, written successors first. */
export class Graph {
  readonly #options: GraphOptions;
  readonly #manifests: Manifests;
  readonly #bounds = new Bounds();

  constructor(options: GraphOptions, manifests: Manifests) {
    this.#options = options;
    this.#manifests = manifests;
  }

  /** `reference`: the tag for the root, the digest itself for all others. Whether the registry named the digest in its answer. */
  async write(descriptor: Descriptor, reference: string, depth: number): Promise<boolean> {
    const { blobs, force } = this.#options;
    this.#bounds.take(descriptor, depth);
    const bytes = await this.#manifests.read(descriptor);
    if (force || !blobs.knows(descriptor.digest)) await this.#successors(descriptor, bytes, depth);
    const named = await this.#put(descriptor, reference, bytes, depth).catch(async (error: unknown) => {
      if (!this.#mayBeMissing(error)) throw error;
      await this.#successors(descriptor, bytes, depth);
      return this.#put(descriptor, reference, bytes, depth);
    });
    blobs.saw(descriptor.digest);
    return named;
  }

  async #put(descriptor: Descriptor, reference: string, bytes: Uint8Array, depth: number): Promise<boolean> {
    const { destination, signal, onWrite } = this.#options;
    if (depth === 0) onWrite?.();
    const written = destination.putManifest(reference, descriptor, bytes, signal);
    return at('destination', `write ${reference}`, written);
  }

  /** Whether what was believed to be at the destination may be why it refused: it is no longer believed then. */
  #mayBeMissing(error: unknown): boolean {
    const { blobs } = this.#options;
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
    for (const manifest of manifests) await this.#successor(manifest, depth + 1);
  }

  #sized(blobs: readonly Digest[]): Promise<Descriptor[]> {
    const { source, signal } = this.#options;
    return Promise.all(
      blobs.map((blob) => at('source', `look for blob ${blob}`, source.describe(blob, signal))),
    );
  }

  /** One that is there was written after everything below it. */
  async #successor(manifest: Descriptor, depth: number): Promise<void> {
    const { force, blobs } = this.#options;
    if (force || !(blobs.knows(manifest.digest) || (await this.#isThere(manifest))))
      await this.write(manifest, manifest.digest, depth);
  }

  async #isThere({ digest }: Descriptor): Promise<boolean> {
    const { destination, blobs, signal } = this.#options;
    const present = await at('destination', `resolve ${digest}`, destination.resolve(digest, signal));
    if (present?.digest !== digest) return false;
    blobs.saw(digest);
    return true;
  }

  /** All at once, the largest first: the registries' own limits decide how many move. The first failure stops the others. */
  async #blobs(descriptors: readonly Descriptor[]): Promise<void> {
    const { blobs, source, destination, signal } = this.#options;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    // Non-distributable layers stay where their `urls` point, as their licence wants.
    const wanted = descriptors
      .filter((descriptor) => !isForeignLayer(descriptor))
      .toSorted((a, b) => b.size - a.size);
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
