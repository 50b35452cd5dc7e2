import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../integration/eventually.ts';
import { type Edit, type Mirror, ends, writeExample } from '../integration/mirror.ts';
import { randomOf } from '../integration/random.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { type Ending, temporaryFolder } from '../support/temporary.ts';
import { type Comparison, compare } from './compare.ts';
import { Harbor } from './harbor.ts';
import type { SoakOptions } from './options.ts';
import { Sent } from './sent.ts';
import { Victim } from './victim.ts';
import { Weather } from './weather.ts';

/*
 * The whole service between two real registries, for as long as one likes:
 *
 *   pushes, retags ──▶ docker-registry ◀── faults ◀── tagferry serve ──▶ faults ──▶ docker-registry
 *        └── webhooks, some of them lost ──────────────▶ │ kill -9, start, kill -9, …
 *
 * Beside the source's registry stands the API of a Harbor, with all that was pushed and every delivery that was tried.
 * Then faults and kills stop, one sweep runs, and both ends are compared tag by tag and layer by layer.
 */
export interface Report extends Comparison {
  counts: Readonly<Record<string, number>>;
}

const pushers = 2;
/** For the end, in milliseconds: what a registry asked for may take a while. */
const patience = 300_000;

const edits: readonly Edit[] = [
  ['type: acr-ee', 'type: oci\n    idleTimeout: 1s'],
  ['first: 2s', 'first: 200ms'],
  ['max: 10m', 'max: 2s'],
  ['level: info', 'level: error'],
];

/** With a Harbor the project's lists, the past deliveries and the audit log are read as well, and a sweep at each start. */
const editsOf: Readonly<Record<SoakOptions['source'], readonly Edit[]>> = {
  harbor: [...edits, ['type: harbor', 'type: harbor\n    idleTimeout: 1s']],
  oci: [...edits, ['type: harbor', 'type: oci\n    idleTimeout: 1s'], ['onStart: true', 'onStart: false']],
};

export async function soak(
  t: Ending,
  options: SoakOptions,
  say: (line: string) => void = () => undefined,
): Promise<Report> {
  const random = randomOf(options.seed);
  const weather = new Weather(random);
  const [source, destination] = [await startDockerRegistry(t), await startDockerRegistry(t)];
  const [harborProxy, acrProxy] = [
    await startFaultProxy(t, source.url),
    await startFaultProxy(t, destination.url),
  ];
  const folder = await temporaryFolder(t);
  const file = await writeExample(folder, [...editsOf[options.source], ...ends(harborProxy, acrProxy)]);
  const victim = new Victim(file, join(folder, 'cache'), random);
  const harbor = new Harbor(source.url, () => victim.mirror?.url, random);
  const { rest } = harbor;
  acrProxy.faults.always(/^/, weather.misbehave);
  harborProxy.faults.always(/^/, (call, next) => weather.misbehave(call, () => rest.misbehave(call, next)));
  await victim.warmUp(t);
  const read = new Sent(harborProxy.requests);
  const sent = new Sent(acrProxy.requests);

  const end = performance.now() + options.minutes * 60_000;
  const failed = new AbortController();
  const enough = () => failed.signal.aborted || (performance.now() >= end && victim.kills >= options.kills);
  const swept = sweepNowAndThen(victim, random, enough);
  const watch = report(
    () => `${victim.kills} kills, ${harbor.counts.pushes} pushes`,
    [read, sent],
    enough,
    say,
  );
  const works = Array.from({ length: pushers }, () => harbor.work(enough));
  const all = [victim.suffer(enough), watch, swept, ...works];
  // One that fails ends the others, which are waited for.
  for (const one of all) one.catch((error: unknown) => failed.abort(error));
  await Promise.allSettled(all);
  await Promise.all(all);

  weather.clear();
  say('faults and kills are over; waiting for the tasks, then one sweep');
  const mirror = await victim.stay(t);
  const sweep = await settled(mirror);
  const sweeps = await sweepsOf(mirror);
  const compared = await compare({ source: source.url, destination: destination.url }, harbor.names, (name) =>
    name.replace('library/', 'mirror/'),
  );
  mirror.kill('SIGTERM');
  const { code, signal } = await mirror.ended;
  if (code !== 0) compared.differences.push(`serve ended with ${code ?? signal} after SIGTERM`);
  for (const count of [read, sent]) count.count(0);
  const counts = {
    ...harbor.counts,
    ...Object.fromEntries([...weather.met].map(([name, count]) => [`fault: ${name}`, count])),
    faults: [...weather.met.values()].reduce((sum, count) => sum + count, 0),
    kills: victim.kills,
    'kills during start-up': victim.killsAtStart,
    'sweeps begun by hand meanwhile': await swept,
    'sweeps in all': sweeps.length,
    'kills before the end of a sweep': victim.killedAt.filter((at) => sweeps.some((one) => isWithin(at, one)))
      .length,
    "requests of Harbor's API": read.api,
    'found by the last sweep alone': sweep.enqueued,
    'requests at both ends': read.requests + sent.requests,
    'blob bytes sent': sent.bytes,
    'of these again': sent.again((digest) => harbor.size(digest)),
    'tags compared': compared.tags,
    'manifests and layers compared': compared.contents,
    differences: compared.differences.length,
  };
  return { ...compared, counts };
}

/** Sweeps must survive as well. How many were begun. */
async function sweepNowAndThen(victim: Victim, random: () => number, enough: () => boolean): Promise<number> {
  let begun = 0;
  while (!enough()) {
    await setTimeout(random() * 2_000);
    if (random() < 0.6) continue;
    const answer = await victim.mirror?.api('POST', '/sweeps', {}).catch(() => undefined);
    if (answer?.status === 202) begun++;
  }
  return begun;
}

async function report(
  line: () => string,
  counts: readonly Sent[],
  enough: () => boolean,
  say: (line: string) => void,
): Promise<void> {
  for (let second = 1; !enough(); second++) {
    await setTimeout(1_000);
    for (const count of counts) count.count();
    if (second % 30 === 0) say(`${second} s: ${line()}`);
  }
}

/** Waits until nothing is left to do, sweeps, and waits again. */
async function settled(mirror: Mirror): Promise<{ enqueued: number }> {
  await idle(mirror);
  const id = await eventually('the turn of the last sweep', async (): Promise<number | false> => {
    const { status, body } = await mirror.api('POST', '/sweeps', {});
    return status === 202 && JSON.parse(body.toString()).id;
  });
  const sweep = await eventually(
    `the end of sweep ${id}`,
    async () => {
      const seen = JSON.parse((await mirror.api('GET', `/sweeps/${id}`)).body.toString());
      return seen.state !== 'running' && seen;
    },
    { patience },
  );
  if (sweep.state !== 'completed') throw new RangeError(`the last sweep: ${JSON.stringify(sweep)}`);
  await idle(mirror);
  return sweep;
}

interface Span {
  startedAt: string;
  finishedAt?: string;
}

async function sweepsOf(mirror: Mirror): Promise<Span[]> {
  const all: Span[] = [];
  for (let cursor = ''; ;) {
    const { body } = await mirror.api('GET', `/sweeps?limit=100${cursor}`);
    const { sweeps, next }: { sweeps: Span[]; next?: string } = JSON.parse(body.toString());
    all.push(...sweeps);
    if (next === undefined) return all;
    cursor = `&cursor=${next}`;
  }
}

function isWithin(at: number, { startedAt, finishedAt = startedAt }: Span): boolean {
  return at >= Date.parse(startedAt) && at <= Date.parse(finishedAt);
}

async function idle(mirror: Mirror): Promise<void> {
  const unfinished = /^tagferry_tasks\{state="(?:available|running|retryable)"\} (\d+)$/gm;
  await eventually(
    'the end of all tasks',
    async () => {
      const text = await (await fetch(`${mirror.url}/metrics`)).text();
      return [...text.matchAll(unfinished)].every(([, count]) => count === '0');
    },
    { patience, every: 100 },
  );
}
