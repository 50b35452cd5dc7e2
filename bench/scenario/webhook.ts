import type { Row, Scenario } from '../scenario.ts';
import { Child } from '../support/child.ts';
import type { FixedAnswer } from '../support/fixed-answer.ts';
import type { Load, Measured } from '../support/load.ts';
import { type MirrorOptions, secret, startMirror } from '../support/mirror.ts';
import { median } from '../support/number.ts';
import type { Stand } from '../support/stand.ts';

/*
 * Durable acknowledgements: 64 connections that each post a push as soon as the one before is answered. What the
 * dispatcher does meanwhile counts, since it shares the thread and the database:
 *
 *   unreachable  nothing listens at either end: tasks are claimed, tried, fail and wait for their next attempt
 *   unchanged    both ends answer at once, from a third process: tasks are claimed and completed as fast as it goes
 *   bare         no mirror: Node's HTTP server alone, that stores nothing
 */

const rounds = 3;
const load = { connections: 64, repositories: 50, tags: 500, warmUp: 2_000, duration: 6_000 };

type Kind = 'bare' | 'unreachable' | 'unchanged';

interface Run extends Measured {
  memory: number;
  /** Microseconds of processor time for each acknowledgement. */
  cost: number;
}

export const webhook: Scenario = {
  name: 'webhook',
  about: `durable acknowledgements at ${load.connections} connections, ${load.tags} tags in ${load.repositories} repositories`,
  needs: [],
  async run(stand, say) {
    const kinds: readonly Kind[] = ['bare', 'unreachable', 'unchanged'];
    const runs: Record<Kind, Run[]> = { bare: [], unreachable: [], unchanged: [] };
    for (let round = 1; round <= rounds; round++) {
      for (const kind of kinds) {
        const run = await measure(stand, kind);
        say(`${kind} ${round}/${rounds}: ${Math.round(run.rate)}/s, p99 ${run.p99.toFixed(1)} ms`);
        runs[kind].push(run);
      }
    }
    return kinds.map((kind) => rowOf(kind, runs[kind], runs.bare));
  },
};

async function measure(stand: Stand, kind: Kind): Promise<Run> {
  const { url, child, ends } = await start(stand, kind);
  const before = child.processorTime();
  const settings: Load = { ...load, url, authorization: secret };
  const client = new Child(stand, 'bench/support/load.ts', [JSON.stringify(settings)]);
  const measured: Measured = JSON.parse(await client.line());
  const perAnswer = 1e6 / (measured.accepted * (1 + load.warmUp / load.duration));
  const run = { ...measured, memory: child.peakMemory(), cost: (child.processorTime() - before) * perAnswer };
  await Promise.all([client, child, ...ends].map((process) => process.stop()));
  return run;
}

async function start(stand: Stand, kind: Kind): Promise<{ url: string; child: Child; ends: Child[] }> {
  if (kind === 'bare') {
    const child = answering(stand, accepted);
    return { url: await child.url(), child, ends: [] };
  }
  if (kind === 'unreachable') return { ...(await startMirror(stand, nowhere)), ends: [] };
  const registry = answering(stand, sameManifest);
  const url = await registry.url();
  // Two names of one host: a mirror does not copy from a registry to itself.
  const both = { source: { url }, destination: { url: url.replace('127.0.0.1', 'localhost') } };
  return { ...(await startMirror(stand, both)), ends: [registry] };
}

function answering(stand: Stand, answer: FixedAnswer): Child {
  return new Child(stand, 'bench/support/fixed-answer.ts', [JSON.stringify(answer)]);
}

/** What a mirror would answer. */
const accepted: FixedAnswer = {
  status: 202,
  headers: { 'content-type': 'application/json', 'content-length': '13' },
  body: '{"tasks":[1]}',
};

/** To HEAD requests: a registry whose tags all name the same manifest. */
const sameManifest: FixedAnswer = {
  status: 200,
  headers: {
    'content-type': 'application/vnd.oci.image.manifest.v1+json',
    'content-length': '500',
    'docker-content-digest': `sha256:${'0'.repeat(64)}`,
  },
  body: '',
};

const nowhere: MirrorOptions = {
  source: { url: 'http://127.0.0.1:1' },
  destination: { url: 'http://localhost:1' },
};

function rowOf(kind: Kind, runs: readonly Run[], bare: readonly Run[]): Row {
  const of = (figure: keyof Run): number => median(runs.map((run) => run[figure]));
  const ratios = runs.map(({ rate }, round) => rate / (bare[round]?.rate ?? Number.NaN));
  return {
    what: kind,
    figures: [
      { name: 'median', value: of('rate'), unit: '/s' },
      { name: 'best', value: Math.max(...runs.map(({ rate }) => rate)), unit: '/s' },
      { name: 'p50', value: of('p50'), unit: 'ms' },
      { name: 'p99', value: of('p99'), unit: 'ms' },
      { name: 'best p99', value: Math.min(...runs.map(({ p99 }) => p99)), unit: 'ms' },
      { name: 'processor', value: of('cost'), unit: 'µs each' },
      { name: 'not accepted', value: runs.reduce((sum, { other }) => sum + other, 0), unit: '' },
    ],
    ...(kind !== 'bare' && { ratio: { to: 'bare', value: median(ratios) } }),
    memory: of('memory'),
  };
}
