import { error } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { ramPolicy } from './ram-policy.ts';

/** The token server of ACR EE gives less instead of refusing, and says nothing of the cause: there are three. */
export function pushAdvice(
  { config }: RegistryEvidence,
  repository: string,
  actions: readonly string[],
  saw: string,
): Finding {
  const [namespace = ''] = repository.split('/', 1);
  const policy = ramPolicy({
    instanceId: config.aliyun?.instanceId,
    namespaces: [namespace],
    temporary: config.credential === undefined,
    doctor: config.aliyun !== undefined,
  });
  const grant = `attach this policy to the user or role (RAM console → Policies → Create Policy → JSON):\n${policy}`;
  const form =
    'in a policy that is there already, look for the instance id: acs:cr:*:*:repository/<namespace>/* is the form of the personal edition, and grants nothing here; insert the instance id before the namespace';
  if (actions.includes('pull')) {
    return error('pull-only', {
      saw,
      means: `the credential may read ${repository} and not write it: RAM lacks cr:PushRepository`,
      next: [grant, form],
    });
  }
  return error('no-push', {
    saw,
    means: `either the namespace ${namespace} is missing, or it does not create repositories on push and ${repository} is missing, or RAM lacks cr:PushRepository; ACR does not say which${config.aliyun ? ': the checks namespace and auto-create do' : ''}`,
    next: [
      `Container Registry console → Instances → the instance → Repository → Namespace: is ${namespace} there, and "Automatically Create Repository" on?`,
      grant,
      form,
    ],
  });
}
