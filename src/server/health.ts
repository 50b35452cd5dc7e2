import { Router } from 'express';
import type { Clock } from '../clock.ts';
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

/** Milliseconds for which readiness is not looked at again: it costs commits, and anybody may ask. */
const remembered = 1_000;

/** `GET /healthz`, `/readyz` and `/metrics`. */
export function health({ live, ready }: HealthOptions, metrics: MetricsOptions, clock: Clock): Router {
  const router = Router({ caseSensitive: true });
  for (const [path, check] of [
    ['/healthz', live],
    ['/readyz', remembering(ready, clock)],
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

function remembering(check: () => Health, clock: Clock): () => Health {
  let last: { at: number; health: Health } | undefined;
  return function recall() {
    const now = clock.now();
    // A clock that was set back makes no answer last longer.
    if (last === undefined || Math.abs(now - last.at) >= remembered) last = { at: now, health: check() };
    return last.health;
  };
}
