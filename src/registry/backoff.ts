/** Milliseconds to wait after the `tried`-th failure: 0.2, 0.4, 0.8 … s, and between half and all of it by `random`. */
export function backoff(tried: number, random: number): number {
  const full = 200 * 2 ** (tried - 1);
  return full / 2 + (full / 2) * random;
}
