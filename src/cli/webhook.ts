import { Command } from 'commander';
import type { Config } from '../config.ts';
import { webhookUrl } from '../config/webhook-policy.ts';
import { harborSources, manageWebhooks } from '../main/webhook.ts';
import type { WebhookAction, WebhookReport } from '../main/webhook-report.ts';
import { configOf, withConfig } from './config-file.ts';
import { Ended, exit, UsageError } from './exit.ts';
import { complain, print, printJson } from './print.ts';
import { stopSignal } from './stop-signal.ts';
import { byHandLines } from './webhook-by-hand.ts';
import { failuresOf, webhookLines } from './webhook-lines.ts';

interface WebhookFlags {
  config?: string;
  url?: string;
  dryRun?: boolean;
  json?: boolean;
}

export function webhookCommand(): Command {
  const dryRun = ['--dry-run', 'says what it would do, and does nothing'] as const;
  return new Command('webhook')
    .description("Manages Harbor's webhook policies in every project that a rule can match.")
    .addCommand(actionCommand('install', 'Makes the policies, or corrects them.').option(...dryRun))
    .addCommand(
      actionCommand(
        'list',
        'Tells which are there, whether they are right, and when they told of something.',
      ),
    )
    .addCommand(
      actionCommand('remove', 'Removes the policies of this mirror, and no others.').option(...dryRun),
    );
}

function actionCommand(action: WebhookAction, description: string): Command {
  return withConfig(new Command(action))
    .description(description)
    .option('--url <url>', 'where Harbor reaches the mirror (webhook.url of the configuration)')
    .option('--json', 'one JSON document')
    .action(async (flags: WebhookFlags) => carryOut(action, flags));
}

async function carryOut(action: WebhookAction, flags: WebhookFlags): Promise<void> {
  const config = configOf(flags.config);
  checkSources(config);
  const url = urlOf(config, flags.url);
  const report = await reported(config, { action, url, dryRun: flags.dryRun ?? false });
  if (flags.json) printJson(report);
  else for (const line of [...webhookLines(report), ...byHandLines(report)]) print(line);
  const failed = failuresOf(report);
  if (failed === undefined) return;
  complain(`tagferry: ${failed}`);
  throw new Ended(exit.failed);
}

async function reported(
  config: Config,
  asked: { action: WebhookAction; url: string; dryRun: boolean },
): Promise<WebhookReport> {
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort(new Ended(exit.interrupted)));
  return manageWebhooks(config, { ...asked, env: process.env, signal: stop.signal });
}

function checkSources(config: Config): void {
  if (harborSources(config).length > 0) return;
  throw new UsageError(`no rule of ${config.file} has a source that is a registry of type: harbor`);
}

function urlOf({ webhook, file }: Config, flag: string | undefined): string {
  const url = flag ?? webhook.url;
  if (url === undefined) {
    throw new UsageError(
      `where does Harbor reach this mirror? Say --url https://MIRROR.EXAMPLE.COM, or write it as webhook.url into ${file}`,
    );
  }
  if (webhookUrl.safeParse(url).success) return url;
  throw new UsageError(
    '--url: expected http(s)://HOST[:PORT][/PREFIX] without user, query or fragment; the secret goes into webhook.secrets',
  );
}
