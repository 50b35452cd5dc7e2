import type { Clock } from '../../clock.ts';
import { RegistryError } from '../../copy/error.ts';
import type { Component, Facts, ListPermission } from '../../harbor/condition.ts';
import type { Harbor } from '../../harbor/harbor.ts';
import type { RecentDeliveries } from '../../harbor/policies.ts';
import type { ReadProjects } from '../../harbor/read-projects.ts';
import type { WantedWebhook, WebhookPolicy } from '../../harbor/webhook.ts';
import { needed, once, onceFor } from '../check.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';

/**
 * What can be asked of a Harbor that rules read. Besides `RegistryError`, what takes a permission in a project throws
 * `NotPermitted`.
 */
export interface HarborEvidence extends RegistryEvidence {
  /** What stands where Harbor's API should. */
  apiPing(): Promise<{ status: number; location: string | undefined; text: string }>;
  /** Fails unless that is Harbor. */
  there(): Promise<void>;
  facts(): Promise<Facts & { at: number }>;
  components(): Promise<readonly Component[]>;
  account(): Promise<'user' | 'robot' | 'nobody'>;
  projects(): Promise<ReadProjects>;
  lacks(project: string): Promise<readonly ListPermission[]>;
  policies(project: string): Promise<readonly WebhookPolicy[]>;
  deliveries(project: string, policy: number): Promise<RecentDeliveries>;
  whyLost(project: string, policy: number, delivery: number): Promise<string>;
  /** What its policies should be; `undefined` while it is not known where it reaches the mirror. */
  wanted: WantedWebhook | undefined;
  /** What the mirror answers there, asked from here: to a GET, or to a POST with that secret which is no event. */
  mirror(address: URL, secret?: string): Promise<{ status: number; location: string | undefined }>;
}

export interface HarborOptions {
  base: RegistryEvidence;
  harbor: Harbor;
  projects: () => Promise<ReadProjects>;
  wanted: WantedWebhook | undefined;
  mirror: HarborEvidence['mirror'];
  clock: Clock;
  signal: AbortSignal;
}

export function harborEvidence(options: HarborOptions): HarborEvidence {
  const { base, harbor, projects, wanted, mirror, clock, signal } = options;
  const { condition, webhooks } = harbor;
  const apiPing = once(async () => {
    // One that hangs is not asked for more.
    await base.ping();
    return condition.ping(signal);
  });
  const there = once(async () => assertHarbor(base.config.url, await apiPing()));
  /** Behind a redirect nothing else is asked, nor believed. */
  const behind = <T>(ask: () => Promise<T>): (() => Promise<T>) => once(() => there().then(ask));
  return {
    ...base,
    entrance: 'harbor-tls',
    ping: behind(base.ping),
    tokenServer: behind(base.tokenServer),
    login: behind(base.login),
    apiPing,
    there,
    facts: behind(async () => ({ ...(await condition.facts(signal)), at: clock.now() })),
    components: behind(() => condition.components(signal)),
    account: behind(() => condition.account(signal)),
    projects: behind(projects),
    lacks: onceFor((project) => condition.lacks(project, signal)),
    policies: onceFor((project) => webhooks.list(project, signal)),
    deliveries: (project, policy) => webhooks.deliveries(project, policy, signal),
    whyLost: (project, policy, delivery) => webhooks.whyLost(project, policy, delivery, signal),
    wanted,
    mirror,
  };
}

/** For a check that is not there to say why Harbor, or the account at it, is not. */
export async function known(evidence: HarborEvidence): Promise<void> {
  await needed('harbor-tls', evidence.there());
  if (evidence.config.credential !== undefined) await needed('credential', evidence.login());
}

export function isPong({ status, text }: { status: number; text: string }): boolean {
  return status === 200 && text.trim() === 'Pong';
}

function assertHarbor(url: string, ping: { status: number; text: string }): void {
  if (isPong(ping)) return;
  throw new RegistryError('protocol', `GET ${url}/api/v2.0/ping: expected Pong, got status ${ping.status}`);
}
