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

/** A manifest's exact bytes, and what they are. */
export interface Fetched {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

/** What a copy needs of the repository it reads. */
export interface Source extends ManifestReader {
  /** What a tag or digest names now, with its bytes, in one request; `undefined` when there is none. */
  fetch(reference: string, signal?: AbortSignal): Promise<Fetched | undefined>;
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
   * Puts the blob in place: mounted, or else uploaded from `open()`, which is called once per try, with the bytes that
   * it may leave out at the beginning. Verified by digest and length either way. `skipped`: no mount was made, and it
   * was found when it was looked for.
   */
  writeBlob(
    descriptor: Descriptor,
    open: (signal: AbortSignal, from: number) => Promise<Bytes>,
    options: WriteBlobOptions,
  ): Promise<'copied' | 'mounted' | 'skipped'>;
  /** Writes the bytes under `reference`: a tag, or the manifest's own digest. Whether the registry named the digest in its answer. */
  putManifest(
    reference: string,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<boolean>;
}

export interface WriteBlobOptions {
  /**
   * A repository of the same registry that is believed to hold it: the mount is tried, and where it is not made the blob
   * is looked for before it is uploaded. Without one the mount is from the repository itself, which tells whether
   * it is there in the request that an upload begins with anyway.
   */
  from?: string | undefined;
  /** It has been looked for just now: nobody needs to ask again. */
  absent?: boolean;
  /** The registry has been seen to mount: of a big blob, too, a mount that is not made from the repository itself says that it is not there. */
  mounts?: boolean;
  signal?: AbortSignal | undefined;
}
