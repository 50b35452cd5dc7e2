import { shared } from '../abort.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { at, CopyError } from './error.ts';
import type { Bytes, Destination, Source } from './repository.ts';

/** What was done with the blobs of a copy. */
export interface BlobCounts {
  copied: number;
  mounted: number;
  skipped: number;
  /** Bytes sent to the destination. */
  bytes: number;
}

/** Blobs whose place at the destination is remembered at most. */
const capacity = 100_000;

/**
 * Blobs on their way to one registry. A blob that several copies want at once is moved by the first; the others
 * wait for it, and then find it there or mount it. Where a blob was last seen is remembered, as the `from`
 * of mounts: a guess that costs one request when it is wrong.
 */
export class BlobTraffic {
  readonly #moving = new Map<Digest, Promise<unknown>>();
  readonly #seen = new Map<Digest, string>();

  /** For one copy into `repository`; `counts` grows as its blobs arrive. */
  mover(repository: string, counts: BlobCounts): BlobMover {
    return {
      move: async (descriptor, source, destination, signal) => {
        await this.#alone(descriptor.digest, signal, async () => {
          const from = this.#seen.get(descriptor.digest);
          const outcome = await place(
            descriptor,
            source,
            destination,
            from === repository ? undefined : from,
            signal,
          );
          counts[outcome]++;
          if (outcome === 'copied') counts.bytes += descriptor.size;
          this.#remember(descriptor.digest, repository);
        });
      },
    };
  }

  /** Runs `work` when nobody else is moving this blob. */
  async #alone(digest: Digest, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    for (let other = this.#moving.get(digest); other !== undefined; other = this.#moving.get(digest)) {
      // Its failure is told to the one who asked for it. An abort need not wait for the other copy.
      const ended = other.catch(() => undefined);
      await shared(ended, signal);
    }
    const moving = work().finally(() => this.#moving.delete(digest));
    this.#moving.set(digest, moving);
    await moving;
  }

  #remember(digest: Digest, repository: string): void {
    this.#seen.delete(digest);
    this.#seen.set(digest, repository);
    const oldest = this.#seen.keys().next();
    if (this.#seen.size > capacity && !oldest.done) this.#seen.delete(oldest.value);
  }
}

export interface BlobMover {
  move(descriptor: Descriptor, source: Source, destination: Destination, signal: AbortSignal): Promise<void>;
}

async function place(
  descriptor: Descriptor,
  source: Source,
  destination: Destination,
  from: string | undefined,
  signal: AbortSignal,
): Promise<'copied' | 'mounted' | 'skipped'> {
  const { digest } = descriptor;
  const present = await at('destination', `look for blob ${digest}`, destination.hasBlob(descriptor, signal));
  if (present) return 'skipped';
  const open = (stop: AbortSignal, offset: number): Promise<Bytes> => read(descriptor, source, stop, offset);
  return at('destination', `write blob ${digest}`, destination.writeBlob(descriptor, open, { from, signal }));
}

/** The source's bytes, with its failures named as the source's, for they come out of the destination's upload. */
async function read(
  descriptor: Descriptor,
  source: Source,
  signal: AbortSignal,
  offset: number,
): Promise<Bytes> {
  const operation = `read blob ${descriptor.digest}`;
  return named(operation, await at('source', operation, source.blob(descriptor, signal, offset)));
}

async function* named(operation: string, bytes: Bytes): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw CopyError.of(operation, 'source', error);
  }
}
