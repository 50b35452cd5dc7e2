import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openState, type State } from '../../src/state/state.ts';
import { median, quantile } from './number.ts';

/*
 * A process of its own that fills a database with waiting tasks, and at each size claims some of them. Between
 * two claims it makes a bare durable commit (the one of readiness), since that wait for the disk is most of a claim.
 */

export interface ClaimsMeasured {
  /** Milliseconds. */
  claim: number;
  claim99: number;
  commit: number;
  /** Tasks a second. */
  fill: number;
  /** MiB. */
  file: number;
}

const claims = 500;
const repositories = 10_000;
const batch = 2_000;

const [, , folder = '', sizes = '[]'] = process.argv;
const file = join(folder, 'claims.db');
const state = openState(file);
let waiting = 0;
for (const size of JSON.parse(sizes)) console.log(JSON.stringify(measure(Number(size))));
state.close();

function measure(size: number): ClaimsMeasured {
  const begin = performance.now();
  const missing = size - waiting;
  while (waiting < size) fill(Math.min(batch, size - waiting));
  const seconds = (performance.now() - begin) / 1000;
  const { claimed, commits } = claimSome(state);
  return {
    claim: median(claimed),
    claim99: quantile(claimed, 0.99),
    commit: median(commits),
    fill: missing / seconds,
    file: statSync(file).size / 2 ** 20,
  };
}

function fill(count: number): void {
  const wanted = Array.from({ length: count }, () => wantedCopy(waiting++));
  state.enqueue.enter([{ door: 'sweep', force: false, wantedAt: 0, wanted }], 0, () => true);
}

function wantedCopy(number: number) {
  const repository = `project-${number % 100}/application-${number % repositories}`;
  const tag = `v1.${Math.floor(number / repositories)}.0`;
  return {
    rule: 'everything',
    source: 'source',
    sourceRepository: repository,
    sourceTag: tag,
    destination: 'destination',
    destinationRepository: repository,
    destinationTag: tag,
  };
}

function claimSome({ dispatch, writable }: State): { claimed: number[]; commits: number[] } {
  const ids: number[] = [];
  const claimed: number[] = [];
  const commits: number[] = [];
  for (let turn = 0; turn < claims; turn++) {
    claimed.push(timeOf(() => ids.push(dispatch.claim(1, {})?.id ?? 0)));
    commits.push(timeOf(writable));
  }
  dispatch.release(ids, 1);
  return { claimed, commits };
}

function timeOf(act: () => void): number {
  const begin = performance.now();
  act();
  return performance.now() - begin;
}
