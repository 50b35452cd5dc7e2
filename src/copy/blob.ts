import { shared } from '../abort.ts';
import { systemClock } from '../clock.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { at, CopyError } from './error.ts';
import { Ledger } from './ledger.ts';
import type { Bytes, Destination, Source, WriteBlobOptions } from './repository.ts';

/** What was done with the blobs of a copy. */
export interface BlobCounts {
  copied: number;
  mounted: number;
  skipped: number;
  /** Bytes sent to the destination. */
  bytes: number;
}

export interface BlobTrafficOptions {
  /** What is known of the registry's blobs; in memory only unless told. */
  ledger?: Ledger;
  /** Told how many bytes were passed on just now, those that are sent a second time included. */
  onBytes?: ((count: number) => void) | undefined;
}

/** A blob that a copy is moving. */
interface Moving {
  ended: Promise<unknown>;
  first: boolean;
  /** Its bytes have begun to come. */
  begun: boolean;
}

/**
 * Blobs on their way to one registry. A blob that several copies want at once is moved by the first; the others
 * wait for it, and then find it there or mount it. But a copy that goes `first` does not wait in the line of one that does
 * not: until that one's bytes have begun to come it moves the blob itself. What is known costs as little as it can:
 *
 *   known in the repository   no request
 *   known in another one      the mount, which becomes the upload where it is not made
 *   not known                 the mount from the repository itself: it is there, or this is its upload
 *
 * A mount that is not made from where the blob was seen, or a refused manifest, says that something known is wrong, or
 * that this registry does not mount: until it mounts again every blob is looked for first.
 */
export class BlobTraffic {
  readonly #moving = new Map<Digest, Moving>();
  readonly #ledger: Ledger;
  readonly #onBytes: BlobTrafficOptions['onBytes'];
  #wary = false;
  /** It has mounted something. */
  #mounts = false;

  constructor({ ledger = new Ledger(systemClock), onBytes }: BlobTrafficOptions = {}) {
    this.#ledger = ledger;
    this.#onBytes = onBytes;
  }

  /** For one copy into `repository`; `counts` grows as its blobs arrive. `first`: it is a pushed tag's. */
  mover(repository: string, counts: BlobCounts, turn: 'first' | 'later' = 'later'): BlobMover {
    const ledger = this.#ledger;
    const first = turn === 'first';
    let believed = false;
    return {
      move: async (descriptor, source, destination, signal) => {
        const known = (): boolean => ledger.has(repository, descriptor.digest);
        const place = (onBegun: () => void): Promise<Placed> =>
          known()
            ? Promise.resolve('believed')
            : this.#place(repository, descriptor, begunBy(source, onBegun), destination, signal);
        const placed = known() ? 'believed' : await this.#alone(descriptor.digest, first, signal, place);
        // A mount, too, is only the registry's word.
        if (placed === 'believed' || placed === 'mounted') believed = true;
        counts[placed === 'believed' ? 'skipped' : placed]++;
        if (placed === 'copied') counts.bytes += descriptor.size;
      },
      knows: (digest) => {
        const known = ledger.has(repository, digest);
        if (known) believed = true;
        return known;
      },
      saw: (digest) => ledger.saw(repository, digest),
      get believed() {
        return believed;
      },
      doubt: () => {
        believed = false;
        this.#wary = true;
        ledger.forget(repository);
      },
    };
  }

  /** Runs `work` when nobody else is moving this blob whom it has to wait for. */
  async #alone<T>(
    digest: Digest,
    first: boolean,
    signal: AbortSignal,
    work: (onBegun: () => void) => Promise<T>,
  ): Promise<T> {
    for (let other = this.#moving.get(digest); other !== undefined; other = this.#moving.get(digest)) {
      if (first && !other.first && !other.begun) break;
      // Its failure is told to the one who asked for it. An abort need not wait for the other copy.
      const ended = other.ended.catch(() => undefined);
      await shared(ended, signal);
    }
    const moving: Moving = { ended: Promise.resolve(), first, begun: false };
    this.#moving.set(digest, moving);
    const moved = work(() => (moving.begun = true)).finally(() => {
      if (this.#moving.get(digest) === moving) this.#moving.delete(digest);
    });
    moving.ended = moved;
    return moved;
  }

  async #place(
    repository: string,
    descriptor: Descriptor,
    source: Readable,
    destination: Destination,
    signal: AbortSignal,
  ): Promise<Placed> {
    const { digest } = descriptor;
    const from = this.#ledger.holder(digest);
    const absent = this.#wary;
    const present =
      absent && (await at('destination', `look for blob ${digest}`, destination.hasBlob(descriptor, signal)));
    const options = { from, absent, mounts: this.#mounts, signal };
    const placed = present ? 'skipped' : await this.#write(descriptor, source, destination, options);
    this.#ledger.saw(repository, digest);
    // From the repository itself: it was there.
    return placed === 'mounted' && from === undefined ? 'skipped' : placed;
  }

  async #write(
    descriptor: Descriptor,
    source: Readable,
    destination: Destination,
    options: WriteBlobOptions,
  ): Promise<Placed> {
    const { digest } = descriptor;
    const open = (stop: AbortSignal, offset: number): Promise<Bytes> =>
      read(descriptor, source, stop, offset, this.#onBytes);
    const operation = `write blob ${digest}`;
    const placed = await at('destination', operation, destination.writeBlob(descriptor, open, options));
    this.#learn(placed, options.from, digest);
    return placed;
  }

  #learn(placed: Placed, from: string | undefined, digest: Digest): void {
    // What was not in the repository itself could not be mounted from there.
    if (placed === 'copied' && from === undefined) return;
    this.#mounts = placed === 'mounted';
    this.#wary = !this.#mounts;
    if (from !== undefined && this.#wary) this.#ledger.forget(from, digest);
  }
}

/** `believed`: it is known to be there; `skipped`: it was found there. */
type Placed = 'believed' | 'copied' | 'mounted' | 'skipped';

/** What one copy does with its blobs. */
export interface BlobMover {
  move(descriptor: Descriptor, source: Source, destination: Destination, signal: AbortSignal): Promise<void>;
  /** Whether a manifest, and with it all below, is known to be in the repository: nobody asks. */
  knows(manifest: Digest): boolean;
  /** The repository has the manifest, with all below. */
  saw(manifest: Digest): void;
  /** Something was not moved because it was known to be there. */
  readonly believed: boolean;
  /** Forgets what is known of the repository: its blobs are looked for. */
  doubt(): void;
}

type Readable = Pick<Source, 'blob'>;

/** Tells when the source gives the blob: whoever reads it has a slot there. */
function begunBy(source: Source, onBegun: () => void): Readable {
  return {
    async blob(...asked) {
      const bytes = await source.blob(...asked);
      onBegun();
      return bytes;
    },
  };
}

/** The source's bytes, with its failures named as the source's, for they come out of the destination's upload. */
async function read(
  descriptor: Descriptor,
  source: Readable,
  signal: AbortSignal,
  offset: number,
  onBytes: BlobTrafficOptions['onBytes'],
): Promise<Bytes> {
  const operation = `read blob ${descriptor.digest}`;
  const bytes = named(operation, await at('source', operation, source.blob(descriptor, signal, offset)));
  return onBytes === undefined ? bytes : counted(bytes, onBytes);
}

async function* named(operation: string, bytes: Bytes): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw CopyError.of(operation, 'source', error);
  }
}

async function* counted(bytes: Bytes, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    onBytes(chunk.length);
    yield chunk;
  }
}
