import assert from 'node:assert/strict';
import type { RequestRecord } from '../../src/demo/registry/call.ts';
import { EmbeddedRegistry } from '../../src/demo/registry/registry.ts';
import { Faults } from '../support/fault.ts';
import { HarborContent } from '../support/harbor-rest-content.ts';
import { HarborRest, listingPermissions } from '../support/harbor-rest.ts';
import type { Image } from '../support/image.ts';
import { digestOfTag, push } from '../support/push.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { eventually } from './eventually.ts';
import { type Edit, type Mirror, ends, environment, writeExample } from './mirror.ts';

/** A registry in this process with what it meets and remembers. */
export interface Side {
  url: string;
  faults: Faults;
  requests: readonly RequestRecord[];
}

/** How the deliveries of a push ended in Harbor's eyes; `in the UI`: a tag made there, of which nobody is told. */
export type Fate = 'Success' | 'Error' | 'Running' | 'in the UI';

/** A Harbor with its API beside `/v2` and a webhook that leads to Tagferry, a destination, and Tagferry's configuration. */
export interface HarborStand {
  rest: HarborRest;
  harbor: Side;
  acr: Side;
  /** Milliseconds by which Harbor's clock is late. */
  late: number;
  file: string;
  /** Makes the tag; the body that Harbor sends of it, for whoever lets it arrive. */
  push(repository: string, tag: string, image: Image, fate: Fate): Promise<string>;
  /** Waits until the destination has it. */
  arrived(repository: string, tag: string, image: Image): Promise<void>;
}

export interface StandOptions {
  /** Of the mirror's robot. */
  permissions?: readonly string[];
  edits?: readonly Edit[];
}

export async function startHarborStand(t: Ending, options: StandOptions = {}): Promise<HarborStand> {
  const clock = { late: 0 };
  const rest = new HarborRest(new HarborContent(() => Date.now() - clock.late));
  const { permissions = listingPermissions, edits = [] } = options;
  const robot = { name: 'robot$mirror', password: environment.HARBOR_PASSWORD };
  rest.accounts.push({ ...robot, projects: { library: permissions } });
  rest.content.policy('library', 'tagferry');
  let made: Fate = 'Success';
  const harbor = await startSide(t, {
    misbehave: rest.misbehave,
    onTag: (repository, tag, digest) => {
      if (made === 'in the UI') rest.content.tag(repository, tag, digest);
      else rest.content.push(repository, tag, digest, { status: made });
    },
  });
  const acr = await startSide(t);
  const noSweep = ['onStart: true', 'onStart: false'] as const;
  const file = await writeExample(await temporaryFolder(t), [...ends(harbor, acr), noSweep, ...edits]);
  return {
    rest,
    harbor,
    acr,
    file,
    get late() {
      return clock.late;
    },
    set late(milliseconds) {
      clock.late = milliseconds;
    },
    async push(repository, tag, image, fate) {
      made = fate;
      await push(harbor.url, repository, tag, image);
      return rest.content.executions.at(-1)?.payload ?? '';
    },
    async arrived(repository, tag, image) {
      const name = repository.replace('library/', 'mirror/');
      const isThere = async () => (await digestOfTag(acr.url, name, tag)) === image.descriptor.digest;
      await eventually(`${repository}:${tag} at the destination`, isThere);
    },
  };
}

type Options = NonNullable<Parameters<typeof EmbeddedRegistry.start>[0]>;

export async function startSide(t: Ending, options: Options = {}): Promise<Side> {
  const faults = new Faults();
  const { misbehave = (_, next) => next() } = options;
  const registry = await EmbeddedRegistry.start({
    ...options,
    misbehave: (call, next) =>
      faults.misbehave(call, async () => {
        const answer = await misbehave(call, next);
        assert.ok(answer !== 'reset');
        return answer;
      }),
  });
  t.after(() => registry.close());
  return { url: registry.url, faults, requests: registry.requests };
}

/** The sweep as it is now. */
export interface SweepJson {
  id: number;
  state: string;
  listed: number;
  unchanged: number;
  enqueued: number;
  missed: number;
  causes: Record<string, number>;
  failed: number;
  errors: string[];
}

export async function beginSweep(mirror: Mirror): Promise<number> {
  const { status, body } = await mirror.api('POST', '/sweeps', {});
  assert.equal(status, 202, body.toString());
  return JSON.parse(body.toString()).id;
}

/** The sweep, once it has ended well. */
export async function sweptWell(mirror: Mirror, id: number): Promise<SweepJson> {
  const sweep = await eventually(`the end of sweep ${id}`, async (): Promise<SweepJson | false> => {
    const seen = JSON.parse((await mirror.api('GET', `/sweeps/${id}`)).body.toString());
    return seen.state !== 'running' && seen;
  });
  assert.partialDeepStrictEqual(sweep, { state: 'completed', errors: [] });
  return sweep;
}

/** One from its beginning to its end. What Harbor remembers has been looked at behind it, at the start too. */
export async function sweep(mirror: Mirror): Promise<SweepJson> {
  return sweptWell(mirror, await beginSweep(mirror));
}

/** `tagferry_missed_events_total` by cause, without those that are 0. */
export async function missed(mirror: Mirror): Promise<Record<string, number>> {
  const text = await (await fetch(`${mirror.url}/metrics`)).text();
  const lines = text.matchAll(/^tagferry_missed_events_total\{cause="(.+)"\} (\d+)$/gm);
  const counts = [...lines].map(([, cause = '', count]) => [cause, Number(count)] as const);
  assert.ok(counts.length > 0, 'the metric is not there');
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** `repository:tag cause` of all tasks, sorted. */
export async function causes(mirror: Mirror): Promise<string[]> {
  const { body } = await mirror.api('GET', '/tasks?limit=200');
  const { tasks }: { tasks: { source: { repository: string; tag: string }; cause?: string }[] } = JSON.parse(
    body.toString(),
  );
  return tasks.map(({ source, cause }) => `${source.repository}:${source.tag} ${cause ?? '-'}`).toSorted();
}
