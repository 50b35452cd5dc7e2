import { ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Seconds that tokens and signatures bear for sure. */
const bearable = 60;

/** Two clocks at one moment, in milliseconds. */
interface Clocks {
  here: number;
  there: number;
  /** Whose the other one is: `Harbor's`. */
  whose: string;
  /** What becomes of it when they are too far apart. */
  means: string;
}

/** Whether this machine's clock and another's agree. */
export function clockFinding({ here, there, whose, means }: Clocks): Finding {
  const seconds = Math.round((here - there) / 1000);
  const apart = Math.abs(seconds);
  if (apart <= bearable) return ok(`${apart} s from ${whose} clock`);
  return warn('clock-skew', {
    saw: `this machine's clock is ${apart} s ${seconds > 0 ? 'ahead of' : 'behind'} ${whose}`,
    means,
    next: [
      'set the one that is wrong by NTP: timedatectl set-ntp true; chronyc tracking shows how far it is off',
    ],
  });
}
