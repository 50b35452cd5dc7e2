import express, { type Express } from 'express';
import { admin, adminPath, type AdminOptions } from './admin.ts';
import type { Clock } from '../clock.ts';
import { errorHandler, HttpError, type Log } from './error.ts';
import { health, type HealthOptions, type MetricsOptions } from './health.ts';
import { webhook, type DeliveryOutcome, type WebhookOptions } from './webhook.ts';

export interface AppOptions {
  clock: Clock;
  log: Log;
  webhook: WebhookOptions;
  /** Absent, or without tokens: the admin API is off. */
  admin?: AdminOptions;
  health: HealthOptions;
  metrics: MetricsOptions;
  onDelivery(outcome: DeliveryOutcome): void;
}

/** The HTTP face. The webhook comes first: it is the path that has to be fast. */
export function createApp(options: AppOptions): Express {
  const { clock, log, onDelivery } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', false);
  app.all('/webhooks/harbor', webhook(options.webhook, clock, log, onDelivery));
  app.use(health(options.health, options.metrics, clock));
  app.use(adminPath, admin(options.admin));
  app.use(() => {
    throw new HttpError(404, 'There is nothing at this path.');
  });
  app.use(errorHandler(log));
  return app;
}
