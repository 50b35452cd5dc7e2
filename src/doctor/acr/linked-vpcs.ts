import type { VpcEndpoint } from '../../aliyun/overview.ts';
import type { Finding } from '../finding.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';
import { permitted } from './forbidden.ts';

/**
 * Adds to a finding from which VPCs the instance can be reached; where the identity may not look, a finding that says what
 * to grant. Without an identity nothing is added.
 */
export async function withLinkedVpcs(evidence: AcrEvidence, finding: Finding): Promise<readonly Finding[]> {
  if (!evidence.aliyun) return [finding];
  let { saw } = finding;
  const unseen = 'which VPCs are linked to the instance';
  const more = await permitted(evidence, { action: 'GetInstanceVpcEndpoint', unseen }, async () => {
    saw = `${saw}; ${wordsOf(await ofInstance(evidence, (openApi) => openApi.vpcEndpoint()))}`;
    return [];
  });
  return [{ ...finding, saw }, ...more];
}

function wordsOf({ enabled, linked }: VpcEndpoint): string {
  if (!enabled) return 'access from VPCs is off';
  if (linked.length === 0) return 'no VPC is linked to the instance';
  const vpcs = linked.map(({ vpcId, ip, status }) => `${vpcId} (${ip}, ${status})`);
  return `linked to the instance: ${vpcs.join(', ')}`;
}
