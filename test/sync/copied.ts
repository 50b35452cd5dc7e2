import assert from 'node:assert/strict';
import { summaryOf } from '../../src/cli/sync-summary.ts';
import { manifestTypes } from '../../src/oci/media-type.ts';
import type { TagOutcome } from '../../src/sync/outcome.ts';
import type { LeapingClock } from '../registry/clock.ts';
import { Client } from '../support/client.ts';
import { contentsOf } from '../support/push.ts';
import type { Ending } from '../support/temporary.ts';
import { type SyncEnd, sync } from './stand.ts';
import { asked, HastyClock, startWatched, type Watched, writing } from './watched.ts';

export interface Done extends SyncEnd {
  /** The first tag's outcome. */
  tag: TagOutcome;
  /** What both were asked about the repositories, as `METHOD path`. */
  asked: { source: string[]; destination: string[] };
  /** What the destination was told to write. */
  written: string[];
  summary: string[];
  /** Waits. */
  slept: readonly number[];
}

interface How {
  flags?: readonly string[];
  /** Beside the tag `v1`; empty: all. */
  reference?: string;
  to?: string;
  at?: Watched;
  clock?: LeapingClock;
}

export interface Copies {
  source: Watched;
  destination: Watched;
  /** Copies `v1` of the repository to the same name, unless told otherwise. No wait takes time. */
  copied(t: Ending, repository: string, how?: How): Promise<Done>;
  /** The manifest is the same, byte for byte, and all below it is at the destination under its digest. */
  assertSame(repository: string, reference?: string, to?: string): Promise<void>;
}

/** Two processes of CNCF Distribution 2.8. Both take schema 1, as registries did in 2020. */
export async function startCopies(file: Ending): Promise<Copies> {
  const [source, destination] = await Promise.all([
    startWatched(file, { schema1: true }),
    startWatched(file, { schema1: true }),
  ]);
  return {
    source,
    destination,
    copied: (t, repository, how = {}) => copied(t, repository, { source, at: destination, ...how }),
    assertSame: async (repository, reference = 'v1', to = repository) => {
      assert.equal(await textOf(destination, to, reference), await textOf(source, repository, reference));
      await contentsOf(destination.direct, to, reference);
    },
  };
}

async function copied(
  t: Ending,
  repository: string,
  { source, at, ...how }: How & { source: Watched; at: Watched },
): Promise<Done> {
  const { flags = [], reference = ':v1', to = repository, clock = new HastyClock() } = how;
  const auth = { [source.host]: { insecure: true }, [at.host]: { insecure: true } };
  const images = { [`${source.host}/${repository}${reference}`]: `${at.host}/${to}` };
  const before = { source: asked(source, repository).length, destination: asked(at, to).length };
  const end = await sync(t, { files: { auth, images }, flags, clock });
  const [tag] = end.report.tags;
  assert.ok(tag, end.log.join('\n'));
  const requests = {
    source: asked(source, repository).slice(before.source),
    destination: asked(at, to).slice(before.destination),
  };
  const summary = summaryOf(end.report, { columns: false });
  return {
    ...end,
    tag,
    asked: requests,
    written: writing(requests.destination),
    summary,
    slept: clock.slept,
  };
}

export async function textOf(at: Watched, repository: string, reference: string): Promise<string> {
  const headers = { accept: manifestTypes.join() };
  const path = `/v2/${repository}/manifests/${reference}`;
  return (await new Client(at.direct).expect(200, path, { headers })).body.toString();
}
