import type { Check } from '../check.ts';
import { clock } from './clock.ts';
import { credential } from './credential.ts';
import type { RegistryEvidence } from './evidence.ts';
import { hosts } from './hosts.ts';
import { pushPermission } from './push-permission.ts';
import { reachable } from './reachable.ts';

/** For a registry that is not of ACR: what is asked of it by the rules. */
export function registryChecks({ written }: { written: boolean }): readonly Check<RegistryEvidence>[] {
  return [reachable, hosts, credential, clock, ...(written ? [pushPermission] : [])];
}
