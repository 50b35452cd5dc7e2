const millisecondsPer: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytesPer: Record<string, number> = { '': 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

export const durationPattern = /^(\d{1,9})(ms|s|m|h|d)$/;
export const sizePattern = /^(\d{1,15})(B|KiB|MiB|GiB)?$/;

/** `500ms`, `30s`, `5m`, `1h`, `7d` → milliseconds; NaN for anything else. */
export function parseDuration(text: string): number {
  const [, count, unit = ''] = durationPattern.exec(text) ?? [];
  return Number(count) * (millisecondsPer[unit] ?? NaN);
}

/** `64KiB`, `10MiB`, `1GiB`, a number of bytes → bytes; NaN for anything else. */
export function parseSize(text: string): number {
  const [, count, unit = ''] = sizePattern.exec(text) ?? [];
  return Number(count) * (bytesPer[unit] ?? NaN);
}
