import { skipped } from '../finding.ts';

/** The rules spell out no destination, and the sources could not be listed. */
export const nothingPlanned = skipped(
  'nothing-planned',
  'no repository or namespace is known that a rule would write here',
);
