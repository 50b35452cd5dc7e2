import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { HarborEvidence } from './evidence.ts';

/** Without them no event is sent. */
const senders = ['jobservice', 'redis'];

/** Whether Harbor says that its parts are well. */
export const health: Check<HarborEvidence> = {
  id: 'harbor-health',
  async look(evidence) {
    await needed('harbor-tls', evidence.there());
    const ill = (await evidence.components()).filter(({ status }) => status !== 'healthy');
    const saw = ill.map(({ name, error: why }) => `${name}: ${why || 'unhealthy'}`).join('; ');
    if (ill.some(({ name }) => senders.includes(name))) {
      return [
        error('not-delivering', {
          saw,
          means:
            'events of what is pushed now are not sent, and most are never sent later; the sweep finds those pushes',
          next: ["look at Harbor's containers jobservice and redis, and their logs"],
        }),
      ];
    }
    if (ill.length === 0) return [ok('all parts of Harbor say that they are well')];
    return [
      warn('unhealthy', {
        saw,
        means: 'a part of Harbor is not well; events are sent all the same',
        next: [`look at its container: ${ill.map(({ name }) => name).join(', ')}`],
      }),
    ];
  },
};
