import { isForbidden } from '../../aliyun/error.ts';
import type { NamespaceState } from '../../aliyun/namespaces.ts';
import { parseService } from '../../aliyun/service.ts';
import { RegistryError } from '../../copy/error.ts';
import { depends, error, ok } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { PushRefused } from '../registry/push-permission.ts';
import type { AcrEvidence, OpenApiEvidence } from './evidence.ts';
import { isFull } from './quota.ts';
import { ramPolicy } from './ram-policy.ts';
import { serviceOf } from './service.ts';
import { firstPart } from '../../oci/reference.ts';

/**
 * The token server of ACR EE gives less instead of refusing, and says nothing of the cause: there are three. The OpenAPI
 * tells them apart.
 */
export async function pushAdvice(evidence: AcrEvidence, refused: PushRefused): Promise<Finding> {
  const { repository, actions, saw } = refused;
  if (actions.includes('pull')) {
    return error('pull-only', {
      saw,
      means: `the credential may read ${repository} and not write it: RAM lacks cr:PushRepository`,
      next: await policySteps(evidence, repository),
    });
  }
  return (await toldByOpenApi(evidence, refused)) ?? oneOfThree(evidence, refused);
}

/** `undefined` where it cannot be asked: other checks say why. */
async function toldByOpenApi(evidence: AcrEvidence, refused: PushRefused): Promise<Finding | undefined> {
  if (evidence.openApi === undefined) return undefined;
  try {
    return await cause(evidence, evidence.openApi, refused);
  } catch (reason) {
    if (reason instanceof RegistryError) return undefined;
    throw reason;
  }
}

async function cause(
  evidence: AcrEvidence,
  openApi: OpenApiEvidence,
  { repository, saw }: PushRefused,
): Promise<Finding> {
  const { prepare } = evidence.config;
  const name = firstPart(repository);
  const namespace = await openApi.namespace(name);
  if (!isUsable(namespace)) {
    if (namespace === undefined && prepare?.namespaces)
      return ok(`${repository}, once a copy has made ${name}`);
    return depends('namespace');
  }
  if ((await openApi.repository(repository)) === undefined) {
    if (await isUsedUp(openApi)) return depends('quota');
    if (prepare?.repositories) return ok(`${repository}, once a copy has made it`);
    if (!namespace.autoCreate) return depends('auto-create');
  }
  return error('no-push', {
    saw,
    means: `the namespace ${name} is there and takes ${repository}: RAM lacks cr:PushRepository`,
    next: await policySteps(evidence, repository),
  });
}

async function isUsedUp(openApi: OpenApiEvidence): Promise<boolean> {
  try {
    return isFull((await openApi.usage()).repositories);
  } catch (reason) {
    if (isForbidden(reason)) return false;
    throw reason;
  }
}

function isUsable(state: NamespaceState | undefined): state is NamespaceState {
  return state !== undefined && state.status !== 'DELETING';
}

async function oneOfThree(evidence: AcrEvidence, { repository, saw }: PushRefused): Promise<Finding> {
  const namespace = firstPart(repository);
  return error('no-push', {
    saw,
    means: `either the namespace ${namespace} is missing, or it does not create repositories on push and ${repository} is missing, or RAM lacks cr:PushRepository; ACR does not say which`,
    next: [
      `Container Registry console → Instances → the instance → Repository → Namespace: is ${namespace} there, and "Automatically Create Repository" on?`,
      ...(await policySteps(evidence, repository)),
      ...(evidence.aliyun
        ? []
        : [`with registries.${evidence.name}.aliyun set, doctor tells which of them it is`]),
    ],
  });
}

async function policySteps({ config, ping }: AcrEvidence, repository: string): Promise<string[]> {
  const namespace = firstPart(repository);
  const policy = ramPolicy({
    instanceId: config.aliyun?.instanceId ?? parseService(serviceOf(await ping()))?.instanceId,
    namespaces: [namespace],
    temporary: config.credential === undefined,
    doctor: config.aliyun !== undefined,
    createNamespaces: config.prepare?.namespaces !== undefined,
  });
  return [
    `attach this policy to the user or role (RAM console → Policies → Create Policy → JSON):\n${policy}`,
    'in a policy that is there already, look for the instance id: acs:cr:*:*:repository/<namespace>/* is the form of the personal edition, and grants nothing here; insert the instance id before the namespace',
  ];
}
