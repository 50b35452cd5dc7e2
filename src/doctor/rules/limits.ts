import type { RegistryConfig } from '../../config.ts';
import type { Check } from '../check.ts';
import { ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RulesEvidence } from './evidence.ts';

/** Uploads at once that ACR is known to bear. */
const uploads = 10;
/** Requests a second; what Harbor keeps to: https://github.com/goharbor/harbor/pull/21953 */
const requests = 15;

/** Whether the configuration asks more of an ACR than it is known to bear. Calls of the OpenAPI are paced, whatever it says. */
export const limits: Check<RulesEvidence> = {
  id: 'limits',
  number: 19,
  async look({ config: { registries }, rules }) {
    const written = new Set(rules.sources().map(({ destination }) => destination));
    const acr = registries.filter(({ type, name }) => type === 'acr-ee' && written.has(name));
    const findings = acr.flatMap((one) => [...tooMany(one), ...tooFast(one)]);
    if (findings.length > 0) return findings;
    return [ok(`at most ${uploads} uploads at once to an ACR, and ${requests} OpenAPI requests a second`)];
  },
};

function tooMany({ name, concurrency }: RegistryConfig): Finding[] {
  if (concurrency <= uploads) return [];
  return [
    warn('many-uploads', {
      saw: `registries.${name}.concurrency is ${concurrency}`,
      means: `more than ${uploads} uploads at once: ACR may answer with 429 or 5xx, and copies wait and begin again`,
      next: [`set registries.${name}.concurrency to ${uploads} or less; without it, it is 8`],
    }),
  ];
}

/** What is allowed in `/v2` a second counts with ACR's own limit, which nobody has published. */
function tooFast({ name, requestsPerSecond }: RegistryConfig): Finding[] {
  if (requestsPerSecond <= requests) return [];
  return [
    warn('many-requests', {
      saw: `registries.${name}.requestsPerSecond is ${requestsPerSecond}`,
      means: `it allows more than ${requests} requests a second, as many as the OpenAPI is known to bear`,
      next: [`set registries.${name}.requestsPerSecond to ${requests} or less`],
    }),
  ];
}
