import type { AcrEvidence } from './evidence.ts';
import { openApiOf } from './evidence.ts';

/** Of an instance, what the steps of its advice name. */
export interface Place {
  instanceId: string;
  /** Its name in the console, or its id. */
  name: string;
  region: string;
}

export async function placeOf(evidence: AcrEvidence): Promise<Place> {
  const openApi = openApiOf(evidence);
  const instanceId = await openApi.id();
  const rows = await openApi.rows().catch(() => []);
  const row = rows.find(({ id }) => id === instanceId);
  const region = row?.region || evidence.config.aliyun?.region || '<region>';
  return { instanceId, name: row?.name || instanceId, region };
}

/** A way through the console of Container Registry, from the instance on. */
export function console(place: Place, ...path: string[]): string {
  return ['Container Registry console', place.region, 'Instances', place.name, ...path].join(' → ');
}

/** A call of the OpenAPI by Alibaba Cloud's own command; the instance is added. */
export function command(place: Place, action: string, parameters: Readonly<Record<string, string>>): string {
  const flags = Object.entries({ InstanceId: place.instanceId, ...parameters });
  const words = flags.map(([name, value]) => `--${name} ${value}`);
  return `aliyun cr ${action} --version 2018-12-01 --force --region ${place.region} ${words.join(' ')}`;
}
