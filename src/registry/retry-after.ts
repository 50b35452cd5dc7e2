/** The longest pause that is believed; a header that says more is not taken at its word. */
const longest = 3_600_000;

/**
 * When a registry wants to be asked again, from `Retry-After` in seconds or as an HTTP date (RFC 9110, section
 * 10.2.3); milliseconds since 1970, at most an hour from `now`. `undefined` when the header is neither.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const time = /^\d{1,10}$/.test(text) ? now + Number(text) * 1000 : parseDate(text);
  if (time === undefined) return undefined;
  return Math.min(Math.max(time, now), now + longest);
}

function parseDate(text: string): number | undefined {
  // Date.parse takes far more than HTTP dates, e.g. "-1": all three forms begin with a day's name.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
