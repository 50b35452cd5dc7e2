import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { harborEvidence } from '../doctor/harbor/evidence.ts';
import type { HarborEvidence } from '../doctor/harbor/evidence.ts';
import type { RegistryEvidence } from '../doctor/registry/evidence.ts';
import { projectsRead } from '../harbor/read-projects.ts';
import type { Proxies } from '../registry/proxy.ts';
import { Wire } from '../registry/wire.ts';
import type { Ruleset } from '../rule/match.ts';
import type { ConfiguredRegistries } from './registries.ts';
import { wantedWebhook } from './webhook.ts';

export interface HarborPractice {
  config: Config;
  registries: ConfiguredRegistries;
  rules: Ruleset;
  proxies: Proxies;
  clock: Clock;
  signal: AbortSignal;
}

/** What can be asked of a Harbor that rules read, besides what can be asked of any registry. */
export function harborEvidenceOf(base: RegistryEvidence, practice: HarborPractice): HarborEvidence {
  const { config, registries, rules, clock, signal } = practice;
  const { url } = config.webhook;
  const harbor = registries.harbor(base.name);
  return harborEvidence({
    base,
    harbor,
    projects: () => projectsRead(base.name, rules, harbor, signal),
    wanted: url === undefined ? undefined : wantedWebhook(config, url),
    mirror: (address, secret) => answerOf(address, secret, practice),
    clock,
    signal,
  });
}

/** Milliseconds that Harbor waits for the mirror. */
const patience = 3_000;

/**
 * As Harbor would ask, but with nothing that could be an event: a GET, or for the secret a body of a type that the mirror refuses
 * once it knows who asks. A redirect is not followed.
 */
async function answerOf(
  address: URL,
  secret: string | undefined,
  { config, proxies, signal }: HarborPractice,
): Promise<{ status: number; location: string | undefined }> {
  const { insecureSkipVerify } = config.webhook;
  const times = { connectTimeout: patience, idleTimeout: patience };
  const wire = new Wire({ insecureSkipVerify, proxies, ...times, onRequest: () => undefined }, 1);
  try {
    const post = { method: 'POST', headers: { 'content-type': 'text/plain' } } as const;
    const how = secret === undefined ? ({ method: 'GET' } as const) : post;
    const call = { ...how, url: address, scopes: [], expect: [], signal };
    const { status, headers, body } = await wire.exchange(call, address, secret);
    body.once('error', () => undefined).destroy();
    return { status, location: headers.get('location') ?? undefined };
  } finally {
    await wire.close();
  }
}
