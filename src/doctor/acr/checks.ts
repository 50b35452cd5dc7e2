import type { Check } from '../check.ts';
import { clock } from '../registry/clock.ts';
import { credential } from '../registry/credential.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { hosts } from '../registry/hosts.ts';
import { pushPermission } from '../registry/push-permission.ts';
import { whitelist } from './whitelist.ts';

/** For an instance of ACR EE, in the order of their numbers. */
export const acrChecks: readonly Check<RegistryEvidence>[] = [
  whitelist,
  hosts,
  credential,
  clock,
  pushPermission,
];
