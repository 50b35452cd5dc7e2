import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

export type Bytes = AsyncIterable<Uint8Array>;

/** Every method throws `RegistryError`, and stops early with the signal's reason when it is aborted. */
interface ManifestReader {
  /** The descriptor that a tag or digest names now; `undefined` when there is none. */
  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined>;
  /** The manifest's exact bytes, verified against the descriptor. */
  manifest(descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array>;
}

/** What a copy needs of the repository it reads. */
export interface Source extends ManifestReader {
  /** The descriptor of a blob of which a manifest gives nothing but the digest. */
  describe(blob: Digest, signal?: AbortSignal): Promise<Descriptor>;
  /**
   * The blob's bytes after the first `from`, as they arrive, not yet verified. A transfer that is cut goes on where it
   * stopped. Whoever does not read to the end aborts the signal.
   */
  blob(descriptor: Descriptor, signal: AbortSignal, from?: number): Promise<Bytes>;
}

/** What a copy needs of the repository it writes. */
export interface Destination extends ManifestReader {
  /** Whether the blob is there; throws where something of another length goes by its digest. */
  hasBlob(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>;
  /**
   * Puts the blob in place: mounted from `from`, a repository of the same registry believed to hold it, or
   * else uploaded from `open()`, which is called once per try, with the bytes that it may leave out at the beginning.
   * Verified by digest and length either way. Where no mount was made, it is looked for before it is uploaded, and
   * skipped if it is there; unless it is `absent`: that has been asked just now.
   */
  writeBlob(
    descriptor: Descriptor,
    open: (signal: AbortSignal, from: number) => Promise<Bytes>,
    options: { from?: string | undefined; absent?: boolean; signal?: AbortSignal | undefined },
  ): Promise<'copied' | 'mounted' | 'skipped'>;
  /** Writes the bytes under `reference`: a tag, or the manifest's own digest. */
  putManifest(
    reference: string,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void>;
}
