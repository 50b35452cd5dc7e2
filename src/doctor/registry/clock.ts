import type { Check } from '../check.ts';
import { clockFinding } from '../clock-skew.ts';
import { skipped } from '../finding.ts';
import { pinged } from './evidence.ts';
import type { RegistryEvidence } from './evidence.ts';

/** Whether this machine's clock and the registry's agree. */
export const clock: Check<RegistryEvidence> = {
  id: 'clock',
  number: 9,
  async look(evidence) {
    const { date: there, at: here } = await pinged(evidence);
    if (there === undefined) return [skipped('no-date', 'the registry does not tell its time')];
    const means = 'signatures and tokens will be refused as too old, or not valid yet';
    return [clockFinding({ here, there, whose: "the registry's", means })];
  },
};
