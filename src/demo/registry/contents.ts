import type { Digest } from '../../oci/digest.ts';
import { Refusal } from './error.ts';
import type { Spool } from './spool.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly subject: Digest | undefined;
}

export interface Repository {
  readonly blobs: Map<Digest, Spool>;
  readonly manifests: Map<Digest, StoredManifest>;
  readonly tags: Map<string, Digest>;
}

/** All that the registry holds. A repository is there once something was put into it. */
export class Contents {
  readonly #repositories = new Map<string, Repository>();

  names(): string[] {
    return [...this.#repositories.keys()].toSorted();
  }

  find(name: string): Repository | undefined {
    return this.#repositories.get(name);
  }

  /** The repository, made if it was not there. */
  open(name: string): Repository {
    const found = this.find(name);
    if (found) return found;
    const made = { blobs: new Map(), manifests: new Map(), tags: new Map() };
    this.#repositories.set(name, made);
    return made;
  }

  blob(name: string, digest: Digest): Spool {
    const blob = this.find(name)?.blobs.get(digest);
    if (blob) return blob;
    throw new Refusal(404, 'BLOB_UNKNOWN', { detail: digest });
  }
}
