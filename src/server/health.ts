import { Router } from 'express';
import { sendJson, sendText } from './answer.ts';

export interface Health {
  status: 'ok' | 'unavailable' | 'stopping';
  /** By name of what was checked: `ok`, or what is wrong. */
  checks: Record<string, string>;
}

export interface HealthOptions {
  /** Does the process still work? */
  live(): Health;
  /** May it be sent work? */
  ready(): Health;
}

export interface MetricsOptions {
  contentType: string;
  text(): Promise<string>;
}

/** `GET /healthz`, `/readyz` and `/metrics`. */
export function health({ live, ready }: HealthOptions, metrics: MetricsOptions): Router {
  const router = Router({ caseSensitive: true });
  for (const [path, check] of [
    ['/healthz', live],
    ['/readyz', ready],
  ] as const) {
    router.get(path, (_request, response) => {
      const state = check();
      sendJson(response, state.status === 'ok' ? 200 : 503, state);
    });
  }
  router.get('/metrics', async (_request, response) => {
    sendText(response, 200, metrics.contentType, await metrics.text());
  });
  return router;
}
