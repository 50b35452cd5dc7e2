import type { Row, Scenario } from '../scenario.ts';
import { Child } from '../support/child.ts';
import type { ClaimsMeasured } from '../support/claims.ts';

const sizes = [1_000, 100_000, 1_000_000];

export const claim: Scenario = {
  name: 'claim',
  about: `claiming with ${sizes.map((size) => size.toLocaleString('en')).join(', ')} tasks waiting`,
  needs: [],
  async run(stand, say) {
    const child = new Child(stand, 'bench/support/claims.ts', [stand.folder, JSON.stringify(sizes)]);
    const rows: Row[] = [];
    for (const size of sizes) {
      const measured: ClaimsMeasured = JSON.parse(await child.line());
      say(`${size}: claim ${measured.claim.toFixed(3)} ms, bare commit ${measured.commit.toFixed(3)} ms`);
      rows.push(rowOf(size, measured, child.peakMemory()));
    }
    return rows;
  },
};

function rowOf(size: number, { claim, claim99, commit, fill, file }: ClaimsMeasured, memory: number): Row {
  return {
    what: `${size.toLocaleString('en')} waiting`,
    figures: [
      { name: 'p50', value: claim, unit: 'ms' },
      { name: 'p99', value: claim99, unit: 'ms' },
      { name: 'bare commit p50', value: commit, unit: 'ms' },
      { name: 'filled at', value: fill, unit: 'tasks/s' },
      { name: 'file', value: file, unit: 'MiB' },
    ],
    ratio: { to: 'a bare durable commit', value: claim / commit },
    memory,
  };
}
