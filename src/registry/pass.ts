import type { Share } from './limit.ts';

/**
 * What passes at once. A push waits for so much of somebody else's to be paid for, and no more; and no more than that is at
 * the end of a blob, for whose last bytes nobody waits.
 */
const most = 64 * 1024;

/** Waits until a chunk fits into the registry's bandwidth. */
export async function pass(limiter: Share, length: number, signal: AbortSignal): Promise<void> {
  for (let left = length; left > 0; left -= most) await limiter.bytes(Math.min(left, most), signal);
}
