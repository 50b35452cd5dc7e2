import type { NamespaceState } from '../../aliyun/namespaces.ts';
import type { Check } from '../check.ts';
import { depends, error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { nothingPlanned } from './nothing-planned.ts';
import { plannedIn } from './planned.ts';
import { someOf } from '../some-of.ts';
import { command, console, placeOf } from './steps.ts';
import type { Place } from './steps.ts';

/** Whether the repositories that the rules write are there, or will be made by the push. */
export const autoCreate: Check<AcrEvidence> = {
  id: 'auto-create',
  number: 11,
  needs: 'aliyun',
  async look(evidence) {
    const namespaces = await evidence.namespaces();
    if (namespaces.length === 0) return [nothingPlanned];
    const unseen = 'whether a push makes the repositories that are missing';
    const looks = namespaces.map((name) => {
      const asking = { action: 'GetNamespace', namespaces: [name], unseen } as const;
      return permitted(evidence, asking, () => judged(evidence, name));
    });
    const findings = (await Promise.all(looks)).flat();
    if (findings.length === 0) return [depends('namespace')];
    const bad = findings.filter(({ status }) => status !== 'ok');
    return bad.length > 0 ? bad : findings;
  },
};

/** Nothing of a namespace that is not there: another check tells that. */
async function judged(evidence: AcrEvidence, name: string): Promise<readonly Finding[]> {
  const state = await ofInstance(evidence, (openApi) => openApi.namespace(name));
  if (state === undefined || state.status === 'DELETING') return [];
  if (state.autoCreate) return [automatic(await placeOf(evidence), name, state)];
  if (evidence.config.prepare?.repositories)
    return [ok(`${name}: what is missing is made by the first copy (prepare.repositories)`)];
  const asking = { action: 'GetRepository', namespaces: [name], unseen: unseenIn(name) } as const;
  return permitted(evidence, asking, async () => [await manual(evidence, name)]);
}

function unseenIn(name: string): string {
  return `whether the repositories of ${name} are there, and auto-create is off in it`;
}

function automatic(place: Place, name: string, { visibility }: NamespaceState): Finding {
  if (visibility !== 'public') return ok(`${name} makes repositories on push`);
  return warn('public-by-default', {
    saw: `${name} makes repositories on push, and makes them public`,
    means: 'whatever is mirrored into a new repository can be pulled by everybody, without a password',
    next: [`${console(place, 'Repository', 'Namespace', name)}: set the default repository type to private`],
  });
}

async function manual(evidence: AcrEvidence, name: string): Promise<Finding> {
  const { looked, of } = await plannedIn(evidence, name);
  const missing = looked.filter(({ state }) => state === undefined).map((one) => one.name);
  if (missing.length > 0) return off(await placeOf(evidence), name, missing, evidence.name);
  if (of > 0)
    return ok(`auto-create is off in ${name}, and what is planned is there (${looked.length} of ${of} seen)`);
  return warn('auto-create-off-unseen', {
    saw: `auto-create is off in ${name}, and no source told which repositories are planned there`,
    means: 'a push to a repository that is not there will be denied',
    next: ['see why the source cannot be listed, and run doctor again'],
  });
}

function off(place: Place, name: string, missing: readonly string[], registry: string): Finding {
  const [first = ''] = missing;
  return error('auto-create-off', {
    saw: `auto-create is off in ${name}, and ${missing.length === 1 ? `${first} is` : `${someOf(missing)} are`} missing`,
    means: 'their pushes are denied; ACR does not say that this is why',
    next: [
      `${console(place, 'Repository', 'Namespace', name)}: switch "Automatically Create Repository" on`,
      command(place, 'UpdateNamespace', { NamespaceName: name, AutoCreateRepo: 'true' }),
      `Terraform: auto_create = true of the alicloud_cr_ee_namespace "${name}", which is false unless said`,
      `or let the mirror make them: registries.${registry}.prepare.repositories, with cr:CreateRepository granted on acs:cr:*:*:repository/${place.instanceId}/${name}`,
    ],
  });
}
