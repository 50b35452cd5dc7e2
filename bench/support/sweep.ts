import { setTimeout as sleep } from 'node:timers/promises';
import type { Many } from './many.ts';
import { type Mirror, api } from './mirror.ts';

/** What a sweep said of itself, and what it asked of both ends. */
interface Swept {
  listed: number;
  unchanged: number;
  audited: number;
  failed: number;
  seconds: number;
  requests: number;
  pulls: number;
}

/** Begins a sweep by the admin API, and waits for its end. */
export async function sweepOnce(mirror: Mirror, counts: Many['counts']): Promise<Swept> {
  Object.assign(counts, { requests: 0, pulls: 0 });
  const { id } = await api(mirror, 'POST', 'sweeps');
  for (;;) {
    const { state, startedAt, finishedAt, listed, unchanged, audited, failed } = await api(
      mirror,
      'GET',
      `sweeps/${String(id)}`,
    );
    if (state !== 'running') {
      const seconds = (Date.parse(String(finishedAt)) - Date.parse(String(startedAt))) / 1000;
      const numbers = { listed: Number(listed), unchanged: Number(unchanged), audited: Number(audited) };
      return { ...numbers, failed: Number(failed), seconds, ...counts };
    }
    await sleep(50);
  }
}
