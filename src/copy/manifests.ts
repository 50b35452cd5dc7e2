import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseManifest, type Successors } from '../oci/manifest.ts';
import { isIndex } from '../oci/media-type.ts';
import { at, CopyError, RegistryError } from './error.ts';
import type { Source } from './repository.ts';

/** Bytes of manifests that one copy keeps. */
const maxKept = 32 * 1024 * 1024;

/** The manifests of one copy: as the source has them, and those that are made instead of the source's. */
export class Manifests {
  readonly #source: Source;
  readonly #signal: AbortSignal;
  readonly #kept = new Map<Digest, Uint8Array>();
  #size = 0;

  constructor(source: Source, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  async read(descriptor: Descriptor): Promise<Uint8Array> {
    const kept = this.#kept.get(descriptor.digest);
    if (kept !== undefined) return kept;
    return at('source', `read ${descriptor.digest}`, this.#source.manifest(descriptor, this.#signal));
  }

  /** To be had from here from now on: what was read to decide by is read again to be written. */
  keep({ digest }: Descriptor, bytes: Uint8Array): void {
    if (this.#kept.has(digest)) return;
    this.#size += bytes.length;
    this.#kept.set(digest, bytes);
    if (this.#size <= maxKept) return;
    const message = `${digest}: expected at most ${maxKept} bytes of indexes under one tag, got more`;
    throw new CopyError('read the index', 'source', new RegistryError('artifact-refused', message));
  }
}

/** What the manifest names; one that cannot be read is refused. */
export function successorsOf(descriptor: Descriptor, bytes: Uint8Array): Successors {
  return understood(descriptor, () => parseManifest(bytes, descriptor.mediaType));
}

/** Runs `read`; when it fails, the manifest is at fault. */
export function understood<T>(descriptor: Descriptor, read: () => T): T {
  try {
    return read();
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
