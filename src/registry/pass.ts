import type { Share } from './limit.ts';

/** What passes at once; whoever waits for less than a large chunk gets it between. */
const most = 64 * 1024;

/** Waits until a chunk fits into the registry's bandwidth. */
export async function pass(limiter: Share, length: number, signal: AbortSignal): Promise<void> {
  for (let left = length; left > 0; left -= most) await limiter.bytes(Math.min(left, most), signal);
}
