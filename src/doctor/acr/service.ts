import type { Pinged } from '../../registry/probe.ts';

/** What the registry calls itself in its challenge. */
export function serviceOf({ challenge }: Pinged): string | undefined {
  return challenge?.scheme === 'bearer' ? challenge.service : undefined;
}
