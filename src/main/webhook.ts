import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Config, RegistryConfig } from '../config.ts';
import { RegistryError } from '../copy/error.ts';
import { accountName } from '../harbor/permission.ts';
import { addressOf } from '../harbor/webhook.ts';
import type { WantedWebhook } from '../harbor/webhook.ts';
import { redactor } from '../log.ts';
import { proxiesOf } from '../registry/proxy.ts';
import { Ruleset } from '../rule/match.ts';
import { projectsRead } from '../harbor/read-projects.ts';
import { ConfiguredRegistries } from './registries.ts';
import { ProjectWebhooks } from './webhook-project.ts';
import type { ProjectOptions } from './webhook-project.ts';
import type { ProjectReport, WebhookAction, WebhookReport } from './webhook-report.ts';

export interface WebhookOptions {
  action: WebhookAction;
  /** Where Harbor reaches the mirror. */
  url: string;
  /** Nothing is written; looks are made all the same. */
  dryRun: boolean;
  /** For `HTTP_PROXY` and the like. */
  env: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
}

/** What the mirror wants of its policies, by the configuration. */
export function wantedWebhook({ webhook }: Config, url: string): WantedWebhook {
  const { secrets, insecureSkipVerify: skipVerify, format } = webhook;
  return { address: addressOf(url), secrets, skipVerify, format };
}

/** Registries of type harbor that a rule reads. */
export function harborSources({ registries, rules }: Config): RegistryConfig[] {
  const sources = new Set(rules.map(({ source }) => source));
  return registries.filter(({ type, name }) => type === 'harbor' && sources.has(name));
}

/**
 * Makes, corrects, removes or looks at the mirror's webhook policies in every project that a rule can match. Throws
 * `ProxyError`, what files that cannot be read throw, and the signal's reason.
 */
export async function manageWebhooks(
  config: Config,
  options: WebhookOptions,
  clock: Clock = systemClock,
): Promise<WebhookReport> {
  const { action, dryRun, url, env } = options;
  const [proxies, sources] = [proxiesOf(env), harborSources(config)];
  const registries = new ConfiguredRegistries({ configs: sources, clock, proxies });
  const report = { action, dryRun, address: addressOf(url).href };
  try {
    const rounds = sources.map((source) => roundOf(source, { config, registries, options }));
    const done = await Promise.all(rounds);
    const projects = done.flatMap((round) => round.projects);
    return { ...report, projects, failures: done.flatMap((round) => round.failures) };
  } finally {
    await registries.close();
  }
}

interface Surroundings {
  config: Config;
  registries: ConfiguredRegistries;
  options: WebhookOptions;
}

/** All projects of one Harbor; another one that cannot be asked is no reason to stop. */
async function roundOf(
  source: RegistryConfig,
  { config, registries, options }: Surroundings,
): Promise<Pick<WebhookReport, 'projects' | 'failures'>> {
  const { action, dryRun, url, signal } = options;
  const { name: registry, url: origin, credential } = source;
  const harbor = registries.harbor(registry);
  const redact = redactor(config.secrets);
  const [username, wanted] = [credential?.username, wantedWebhook(config, url)];
  const given = { registry, origin, username, webhooks: harbor.webhooks, wanted, dryRun, redact, signal };
  try {
    const { projects, unknown } = await projectsRead(registry, new Ruleset(config.rules), harbor, signal);
    const looks = projects.map((project) => new ProjectWebhooks(project, given).carryOut(action));
    return {
      projects: [...(await Promise.all(looks)), ...unknown.map((one) => missing(one, given))],
      failures: [],
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RegistryError)) throw error;
    return { projects: [], failures: [{ registry, message: redact(error.message) }] };
  }
}

function missing(project: string, { registry, username }: ProjectOptions): ProjectReport {
  const message = `Harbor shows ${accountName(username)} no such project, which a rule spells out: is it there, and may the account see it?`;
  return { registry, project, outcome: 'failed', policies: [], differences: [], others: [], message };
}
