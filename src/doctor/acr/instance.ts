import { isForbidden, isOfInstance } from '../../aliyun/error.ts';
import type { InstanceRow } from '../../aliyun/overview.ts';
import { RegistryError } from '../../copy/error.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { identityRefused, isOfPersonalApi, personalApi } from '../registry/credential.ts';
import { openApiOf } from './evidence.ts';
import type { AcrEvidence, OpenApiEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';
import { someOf } from '../some-of.ts';
import { console, placeOf } from './steps.ts';

/** Whether the instance is one of the account's, and runs. */
export const instance: Check<AcrEvidence> = {
  id: 'instance',
  number: 2,
  needs: 'aliyun',
  async look(evidence) {
    const openApi = openApiOf(evidence);
    await needed('edition', openApi.id());
    try {
      return [await judged(evidence, await openApi.rows())];
    } catch (reason) {
      if (isForbidden(reason)) return byAnother(evidence, openApi);
      if (reason instanceof RegistryError && isOfPersonalApi(reason)) return [personalApi(reason.message)];
      if (reason instanceof RegistryError && reason.fault === 'denied')
        return [identityRefused(evidence.config, reason)];
      throw reason;
    }
  },
};

async function judged(evidence: AcrEvidence, rows: readonly InstanceRow[]): Promise<Finding> {
  const place = await placeOf(evidence);
  const row = rows.find(({ id }) => id === place.instanceId);
  if (row === undefined) return missing(place.instanceId, place.region, rows);
  const { id, name, status, issue, region, specification } = row;
  if (status !== 'RUNNING') {
    return error('instance-not-running', {
      saw: `${id} (${name}) is ${status}${issue === '' ? '' : `: ${issue}`}`,
      means: 'an instance that does not run takes no push, and answers few questions',
      next: [
        `${console(place, 'Overview')} shows why, and renews or starts it; STARTING and PENDING pass by themselves`,
      ],
    });
  }
  if (issue !== '') {
    return warn('instance-issue', {
      saw: `${id} (${name}) runs, with the issue ${issue}`,
      means: 'Alibaba Cloud says that something is wrong with it, such as a bill that is not paid',
      next: [`${console(place, 'Overview')} shows what`],
    });
  }
  return ok(`${id} (${name}${specification === '' ? '' : `, ${specification}`}) runs in ${region}`);
}

function missing(id: string, region: string, rows: readonly InstanceRow[]): Finding {
  const there = someOf(rows.map((row) => `${row.id} (${row.name})`));
  return error('instance-missing', {
    saw: `no ACR EE instance ${id} in ${region}; the identity's account has there: ${there || 'none'}`,
    means: 'the identity belongs to another account, or the id or the region is of another instance',
    next: [
      "take the id from the instance's page: Container Registry console → Instances; its region is chosen at the top of the console",
      'write it as aliyun.instanceId and aliyun.region, or leave both out: the registry names them itself',
    ],
  });
}

/** Who may not list instances learns by another question whether this one is there. */
async function byAnother(evidence: AcrEvidence, openApi: OpenApiEvidence): Promise<readonly Finding[]> {
  const unseen = 'whether the instance is the right one, runs, and has no issue';
  const findings = await permitted(evidence, { action: 'ListInstance', unseen }, async () => {
    await openApi.rows();
    return [];
  });
  try {
    await openApi.usage();
  } catch (reason) {
    if (isOfInstance(reason)) return [unusable(reason.message), ...findings];
    if (!isForbidden(reason)) throw reason;
  }
  return findings;
}

function unusable(saw: string): Finding {
  return error('instance-unusable', {
    saw,
    means:
      'the OpenAPI knows no such instance in this region, or it does not run; nothing else can be asked of it',
    next: [
      'Container Registry console → Instances: is it there, of this account, and running?',
      'aliyun.instanceId and aliyun.region can be left out: the registry names them itself',
    ],
  });
}
