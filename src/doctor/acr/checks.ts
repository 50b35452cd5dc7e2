import type { Check } from '../check.ts';
import { clock } from '../registry/clock.ts';
import { credential } from '../registry/credential.ts';
import { hosts } from '../registry/hosts.ts';
import { pushPermissionOf } from '../registry/push-permission.ts';
import { autoCreate } from './auto-create.ts';
import { edition } from './edition.ts';
import { endpoint } from './endpoint.ts';
import type { AcrEvidence } from './evidence.ts';
import { immutability } from './immutability.ts';
import { instance } from './instance.ts';
import { namespace } from './namespace.ts';
import { publicAccess } from './public-access.ts';
import { pushAdvice } from './push-advice.ts';
import { quota } from './quota.ts';
import { region } from './region.ts';
import { whitelist } from './whitelist.ts';

/** For an instance of ACR EE, in the order of their numbers. */
export const acrChecks: readonly Check<AcrEvidence>[] = [
  edition,
  instance,
  region,
  endpoint,
  publicAccess,
  whitelist,
  hosts,
  credential,
  clock,
  namespace,
  autoCreate,
  pushPermissionOf(pushAdvice),
  quota,
  immutability,
];
