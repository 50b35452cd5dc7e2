import { BlobTraffic, type BlobCounts, type BlobTrafficOptions } from '../../src/copy/blob.ts';
import { type CopyRequest, type CopyResult, copy } from '../../src/copy/copy.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { LeapingClock } from '../registry/clock.ts';
import { clientOf } from '../registry/stand.ts';
import { Faults } from '../support/fault.ts';
import type { Ending } from '../support/temporary.ts';

/** An embedded registry with the product's client for it. */
export interface End {
  registry: EmbeddedRegistry;
  url: string;
  faults: Faults;
  client: Registry;
  /** `METHOD /path` of the requests so far that fit; for those to `/v2/` paths of blobs and manifests. */
  seen(expression: RegExp): string[];
}

export interface Stand {
  source: End;
  destination: End;
  traffic: BlobTraffic;
  /** Of all copies of this stand. */
  counts: BlobCounts;
  /** Copies `app:tag` to `mirror/app:tag`, unless told otherwise. */
  copy(tag: string, other?: Partial<CopyRequest> & { repository?: string; to?: string }): Promise<CopyResult>;
}

export async function startStand(t: Ending, options: BlobTrafficOptions = {}): Promise<Stand> {
  const [source, destination] = [await startEnd(t), await startEnd(t)];
  const traffic = new BlobTraffic(options);
  const counts = { copied: 0, mounted: 0, skipped: 0, bytes: 0 };
  return {
    source,
    destination,
    traffic,
    counts,
    copy(tag, { repository = 'app', to = `mirror/${repository}`, ...other } = {}) {
      return copy({
        source: source.client.repository(repository, 'pull'),
        sourceTag: tag,
        destination: destination.client.repository(to, 'push'),
        destinationTag: tag,
        blobs: traffic.mover(to, counts),
        force: false,
        signal: new AbortController().signal,
        ...other,
      });
    },
  };
}

async function startEnd(t: Ending): Promise<End> {
  const faults = new Faults();
  const registry = await EmbeddedRegistry.start({ misbehave: faults.misbehave });
  const limits = { concurrency: 8, requestsPerSecond: 0, bandwidth: 0 };
  // Waits between tries are left out.
  const client = clientOf(t, registry.url, { clock: new LeapingClock(), limits });
  t.after(() => registry.close());
  const seen = (expression: RegExp): string[] =>
    registry.requests.map(({ method, path }) => `${method} ${path}`).filter((line) => expression.test(line));
  return { registry, url: registry.url, faults, client, seen };
}
