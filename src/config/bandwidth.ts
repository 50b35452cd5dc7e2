import { z } from 'zod';
import { isObject } from '../oci/json.ts';
import { size, text } from './field.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';

/* Bandwidth by the time of the week, in UTC as the sweep's schedule is. */

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const day = 24 * 60;

const timePattern = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/;
const time = text('a time from 00:00 to 24:00', timePattern);

const windowSchema = z.strictObject({
  days: z
    .array(z.enum(days))
    .min(1, { error: 'at least one day' })
    .optional()
    .describe('Days of the week on which the window begins. Default: all.'),
  from: time.optional().describe('UTC. Without from and to: the whole day.'),
  to: time.optional().describe('UTC; the next day when it is not after from.'),
  limit: size().describe('Bytes per second in that time, e.g. 50MiB. 0: no limit.'),
});

type Written = z.output<typeof windowSchema>;

/** One limit, or a list of them; in the list, the one that has no time comes last and holds for the rest of it. */
export const bandwidthSchema = z.union(
  [
    size(),
    z
      .array(windowSchema)
      .min(1, { error: 'at least one window' })
      .transform((windows) => windows.toSorted((one, other) => rank(one) - rank(other)).map(toWindow)),
  ],
  { error: 'a size such as 50MiB, or a list of windows with a limit each' },
);

function rank(window: Pick<Written, 'days' | 'from' | 'to'>): number {
  return isRest(window) ? 1 : 0;
}

function isRest({ days: on, from, to }: { days?: unknown; from?: unknown; to?: unknown }): boolean {
  return on === undefined && from === undefined && to === undefined;
}

function toWindow({ days: on = [...days], from = '00:00', to = '24:00', limit }: Written) {
  return { days: on.map((name) => days.indexOf(name)), from: minutesOf(from), to: minutesOf(to), limit };
}

function minutesOf(text: string): number {
  const [hours = '', minutes = ''] = text.split(':');
  return Number(hours) * 60 + Number(minutes);
}

/** Whether the windows agree with each other. What has the wrong type is passed over: the schema reports it. */
export function bandwidthFindings(path: Path, bandwidth: unknown): Finding[] {
  if (!Array.isArray(bandwidth)) return [];
  const findings: Finding[] = [];
  const taken = new Map<number | 'rest', number>();
  for (const [index, window] of bandwidth.entries()) {
    const at = [...path, index];
    const own = incomplete(at, window);
    findings.push(...own);
    const found = own.length > 0 ? undefined : overlap(minutes(window), taken, index);
    if (found === undefined) continue;
    const expected = `a time that no other window has; ${formatPlace(found.at)} is in two of them`;
    findings.push({ path: at, expected, got: `the same time as bandwidth[${found.by}]` });
  }
  return findings;
}

function incomplete(path: Path, window: unknown): Finding[] {
  if (!isObject(window)) return [];
  const { from, to } = window;
  if (from === undefined && to !== undefined) return [{ path, expected: 'from beside to', got: 'to alone' }];
  if (to === undefined && from !== undefined)
    return [{ path, expected: 'to beside from', got: 'from alone' }];
  if (from === undefined || from !== to) return [];
  return [{ path: [...path, 'to'], expected: 'another time than from; for the whole day, leave out both' }];
}

/** Enters the minutes of the week; the first one that is there already, and whose. */
function overlap(
  places: readonly (number | 'rest')[],
  taken: Map<number | 'rest', number>,
  index: number,
): { at: number | 'rest'; by: number } | undefined {
  const at = places.find((place) => taken.has(place));
  for (const place of places) if (!taken.has(place)) taken.set(place, index);
  const by = at === undefined ? undefined : taken.get(at);
  return at === undefined || by === undefined ? undefined : { at, by };
}

/** Every minute of the week that it has; none where something of it is not what it should be. */
function minutes(window: unknown): readonly (number | 'rest')[] {
  const parsed = windowSchema.safeParse(window);
  if (!parsed.success) return [];
  if (isRest(parsed.data)) return ['rest'];
  const { days: on, from, to } = toWindow(parsed.data);
  const length = to > from ? to - from : day - from + to;
  return [...new Set(on)].flatMap((one) =>
    Array.from({ length }, (_, minute) => (one * day + from + minute) % (7 * day)),
  );
}

function formatPlace(place: number | 'rest'): string {
  if (place === 'rest') return 'the rest of the time';
  const minute = place % day;
  return `${days[Math.floor(place / day)]} ${padded(Math.floor(minute / 60))}:${padded(minute % 60)}`;
}

function padded(value: number): string {
  return String(value).padStart(2, '0');
}
