import { isForbidden, permissionFor } from '../../aliyun/error.ts';
import type { Action } from '../../aliyun/error.ts';
import { warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { openApiOf } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';

/** What a check asks the OpenAPI for, and what it cannot see where it may not. */
export interface Asking {
  action: Action;
  /** Of the resources that it asks for; none: of the instance. */
  namespaces?: readonly string[];
  /** Completes "it could not be seen …". */
  unseen: string;
}

/** The findings of a look; where the identity may not look, what to grant, and what stays unseen. */
export async function permitted(
  evidence: AcrEvidence,
  asking: Asking,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (reason) {
    if (!isForbidden(reason)) throw reason;
    return [noPrivilege(await openApiOf(evidence).id(), asking, reason.message)];
  }
}

function noPrivilege(
  InstanceId: string,
  { action: of, namespaces = [], unseen }: Asking,
  saw: string,
): Finding {
  const each = namespaces.map((NamespaceName) => permissionFor(of, { InstanceId, NamespaceName }));
  const { action, resource } = permissionFor(of, { InstanceId });
  const resources = each.length > 0 ? [...new Set(each.map((one) => one.resource))] : [resource];
  const [first = resource] = resources;
  const Resource = resources.length === 1 ? first : resources;
  const statement = JSON.stringify({ Effect: 'Allow', Action: [action], Resource });
  return warn('no-privilege', {
    saw,
    means: `it could not be seen ${unseen}`,
    next: [
      `grant ${action} on ${resources.join(', ')}: RAM console → Policies → the policy of the user or role → JSON: one more in its Statement:\n${statement}`,
    ],
  });
}
