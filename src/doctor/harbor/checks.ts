import type { Check } from '../check.ts';
import { credential } from '../registry/credential.ts';
import { hosts } from '../registry/hosts.ts';
import { pushPermission } from '../registry/push-permission.ts';
import { deliveries } from './deliveries.ts';
import type { HarborEvidence } from './evidence.ts';
import { clock, externalUrl, notifications, readOnly, version } from './facts.ts';
import { health } from './health.ts';
import { pull } from './pull.ts';
import { tls } from './tls.ts';
import { webhookUrl } from './webhook-url.ts';
import { webhook } from './webhook.ts';

/** For a Harbor that rules read. */
export function harborChecks({ written }: { written: boolean }): readonly Check<HarborEvidence>[] {
  const asked = [tls, hosts, credential, pull, version, health, readOnly, clock, externalUrl];
  const told = [notifications, webhook, webhookUrl, deliveries];
  return [...asked, ...told, ...(written ? [pushPermission] : [])];
}
