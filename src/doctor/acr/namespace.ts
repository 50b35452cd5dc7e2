import type { NamespaceState } from '../../aliyun/namespaces.ts';
import type { Check } from '../check.ts';
import { error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { nothingPlanned } from './nothing-planned.ts';
import { command, console, placeOf } from './steps.ts';
import type { Place } from './steps.ts';

/** Whether the namespaces are there that the rules write to. */
export const namespace: Check<AcrEvidence> = {
  id: 'namespace',
  number: 10,
  needs: 'aliyun',
  async look(evidence) {
    const namespaces = await evidence.namespaces();
    if (namespaces.length === 0) return [nothingPlanned];
    const unseen = `whether ${namespaces.join(', ')} can be written to`;
    return permitted(evidence, { action: 'GetNamespace', namespaces, unseen }, async () => {
      const place = await ofInstance(evidence, () => placeOf(evidence));
      const states = await Promise.all(namespaces.map((name) => stateOf(evidence, name)));
      const bad = states.flatMap(([name, state]) => problem(evidence, place, name, state));
      return bad.length > 0 ? bad : [ok(`there: ${namespaces.join(', ')}${await unlooked(evidence)}`)];
    });
  },
};

async function unlooked(evidence: AcrEvidence): Promise<string> {
  const more = await evidence.further();
  return more === 0 ? '' : ` (${more} more were not looked at)`;
}

async function stateOf(
  evidence: AcrEvidence,
  name: string,
): Promise<[name: string, state: NamespaceState | undefined]> {
  return [name, await ofInstance(evidence, (openApi) => openApi.namespace(name))];
}

function problem(
  { config }: AcrEvidence,
  place: Place,
  name: string,
  state: NamespaceState | undefined,
): Finding[] {
  if (state?.status === 'DELETING') return [deleting(place, name)];
  if (state !== undefined) return [];
  if (config.prepare?.namespaces)
    return [ok(`${name} is not there yet: the first copy into it makes it (prepare.namespaces)`)];
  return [missing(place, name, config.name)];
}

function missing(place: Place, name: string, registry: string): Finding {
  return error('namespace-missing', {
    saw: `${place.instanceId} has no namespace ${name}`,
    means: `every push to ${name}/… is denied; ACR does not say that this is why`,
    next: [
      `${console(place, 'Repository', 'Namespace', 'Create Namespace')}: ${name}, with "Automatically Create Repository" on`,
      command(place, 'CreateNamespace', {
        NamespaceName: name,
        AutoCreateRepo: 'true',
        DefaultRepoType: 'PRIVATE',
      }),
      `Terraform: resource "alicloud_cr_ee_namespace" with instance_id = "${place.instanceId}", name = "${name}", auto_create = true and default_visibility = "PRIVATE"`,
      `or let the mirror make it: registries.${registry}.prepare.namespaces, with cr:CreateNamespace granted on acs:cr:*:*:repository/${place.instanceId}`,
    ],
  });
}

function deleting(place: Place, name: string): Finding {
  return error('namespace-deleting', {
    saw: `the namespace ${name} of ${place.instanceId} is being deleted`,
    means: 'it takes no push, and soon it is gone with all that is in it',
    next: [
      `wait until ${console(place, 'Repository', 'Namespace')} shows it no more, then create it again with "Automatically Create Repository" on`,
      'or write to another namespace: `repository` of the rule',
    ],
  });
}
