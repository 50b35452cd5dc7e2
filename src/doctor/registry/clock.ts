import type { Check } from '../check.ts';
import { ok, skipped, warn } from '../finding.ts';
import { pinged } from './evidence.ts';
import type { RegistryEvidence } from './evidence.ts';

/** Seconds that tokens and signatures bear for sure. */
const bearable = 60;

/** Whether this machine's clock and the registry's agree. */
export const clock: Check<RegistryEvidence> = {
  id: 'clock',
  number: 9,
  async look(evidence) {
    const { date, at } = await pinged(evidence);
    if (date === undefined) return [skipped('no-date', 'the registry does not tell its time')];
    const seconds = Math.round((at - date) / 1000);
    if (Math.abs(seconds) <= bearable) return [ok(`${Math.abs(seconds)} s from the registry's clock`)];
    const [side, much] = [seconds > 0 ? 'ahead of' : 'behind', Math.abs(seconds)];
    return [
      warn('clock-skew', {
        saw: `this machine's clock is ${much} s ${side} the registry's`,
        means: 'signatures and tokens will be refused as too old, or not valid yet',
        next: ['set the clock by NTP: timedatectl set-ntp true; chronyc tracking shows how far it is off'],
      }),
    ];
  },
};
