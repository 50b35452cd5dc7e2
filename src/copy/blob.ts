import { shared } from '../abort.ts';
import { systemClock } from '../clock.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { at, CopyError } from './error.ts';
import { BlobLedger } from './ledger.ts';
import type { Bytes, Destination, Source } from './repository.ts';

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
  ledger?: BlobLedger;
  /** Told how many bytes were passed on just now, those that are sent a second time included. */
  onBytes?: ((count: number) => void) | undefined;
}

/**
 * Blobs on their way to one registry. A blob that several copies want at once is moved by the first; the others
 * wait for it, and then find it there or mount it. What is known costs as little as it can:
 *
 *   known in the repository   no request
 *   known in another one      the mount, which becomes the upload where it is not made
 *   not known                 the registry is asked, and the blob sent if it is not there
 *
 * A mount that is not made, or a refused manifest, says that something known is wrong, or that this registry does not
 * mount: until it mounts again it is asked in the second case, too.
 */
export class BlobTraffic {
  readonly #moving = new Map<Digest, Promise<unknown>>();
  readonly #ledger: BlobLedger;
  readonly #onBytes: BlobTrafficOptions['onBytes'];
  #wary = false;

  constructor({ ledger = new BlobLedger(systemClock), onBytes }: BlobTrafficOptions = {}) {
    this.#ledger = ledger;
    this.#onBytes = onBytes;
  }

  /** For one copy into `repository`; `counts` grows as its blobs arrive. */
  mover(repository: string, counts: BlobCounts): BlobMover {
    const ledger = this.#ledger;
    let believed = false;
    return {
      move: async (descriptor, source, destination, signal) => {
        const known = (): boolean => ledger.has(repository, descriptor.digest);
        const place = (): Promise<Placed> =>
          known()
            ? Promise.resolve('believed')
            : this.#place(repository, descriptor, source, destination, signal);
        const placed = known() ? 'believed' : await this.#alone(descriptor.digest, signal, place);
        if (placed === 'believed') believed = true;
        counts[placed === 'believed' ? 'skipped' : placed]++;
        if (placed === 'copied') counts.bytes += descriptor.size;
      },
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

  /** Runs `work` when nobody else is moving this blob. */
  async #alone<T>(digest: Digest, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let other = this.#moving.get(digest); other !== undefined; other = this.#moving.get(digest)) {
      // Its failure is told to the one who asked for it. An abort need not wait for the other copy.
      const ended = other.catch(() => undefined);
      await shared(ended, signal);
    }
    const moving = work().finally(() => this.#moving.delete(digest));
    this.#moving.set(digest, moving);
    return moving;
  }

  async #place(
    repository: string,
    descriptor: Descriptor,
    source: Source,
    destination: Destination,
    signal: AbortSignal,
  ): Promise<Placed> {
    const { digest } = descriptor;
    const from = this.#ledger.holder(digest);
    const looks = from === undefined || this.#wary;
    const present =
      looks && (await at('destination', `look for blob ${digest}`, destination.hasBlob(descriptor, signal)));
    const placed = present
      ? 'skipped'
      : await this.#write(descriptor, source, destination, { from, absent: looks, signal });
    this.#ledger.saw(repository, digest);
    return placed;
  }

  async #write(
    descriptor: Descriptor,
    source: Source,
    destination: Destination,
    options: { from: string | undefined; absent: boolean; signal: AbortSignal },
  ): Promise<Placed> {
    const { digest } = descriptor;
    const open = (stop: AbortSignal, offset: number): Promise<Bytes> =>
      read(descriptor, source, stop, offset, this.#onBytes);
    const operation = `write blob ${digest}`;
    const placed = await at('destination', operation, destination.writeBlob(descriptor, open, options));
    if (options.from === undefined) return placed;
    this.#wary = placed !== 'mounted';
    if (placed !== 'mounted') this.#ledger.forget(options.from, digest);
    return placed;
  }
}

/** `believed`: it is known to be there; `skipped`: it was found there. */
type Placed = 'believed' | 'copied' | 'mounted' | 'skipped';

/** What one copy does with its blobs. */
export interface BlobMover {
  move(descriptor: Descriptor, source: Source, destination: Destination, signal: AbortSignal): Promise<void>;
  /** Some blob was not moved because it was known to be there: nobody asked. */
  readonly believed: boolean;
  /** Forgets what is known of the repository: its blobs are looked for. */
  doubt(): void;
}

/** The source's bytes, with its failures named as the source's, for they come out of the destination's upload. */
async function read(
  descriptor: Descriptor,
  source: Source,
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
