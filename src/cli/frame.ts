import { stripVTControlCharacters, styleText } from 'node:util';
import { printable } from '../printable.ts';
import { sizeOf, timeOf } from './amount.ts';

/** What is shown of a run. */
export interface Shown {
  /** Tags in all; `undefined` until the lists are there. */
  tags: number | undefined;
  /** Tags compared so far, where that is what is being done first. */
  compared?: number;
  ended: number;
  failed: number;
  /** The copies under way, the oldest first: source, and for how long (ms). */
  underWay: readonly { source: string; age: number }[];
  /** Of blobs, that have gone to the destinations so far. */
  bytes: number;
}

export interface Frame {
  columns: number;
  rows: number;
  colour: boolean;
  /** Bytes and tags a second, lately. */
  rate: { bytes: number; tags: number };
  /** Milliseconds since the run began. */
  elapsed: number;
}

const mostNames = 5;

/**
 * The lines, in ASCII: what else would do for a bar is two columns wide on many an East Asian terminal. None is as wide as the
 * terminal, which would wrap it, and there is one fewer than it has rows, for the cursor stands below them. Where there
 * is little room, what says least is left out first.
 */
export function frameOf(shown: Shown, frame: Frame): string[] {
  const width = Math.max(1, frame.columns - 1);
  const room = Math.max(1, frame.rows - 1);
  const heads = headsOf(shown, frame);
  const head = heads.find((line) => widthOf(line) <= width) ?? (heads.at(-1) ?? '').slice(0, width);
  return [head, ...namesOf(shown.underWay, width, Math.min(mostNames, room - 1))].slice(0, room);
}

/** The first line, from the fullest to the shortest, which has no colour. */
function headsOf({ tags, compared, ended, failed, underWay, bytes }: Shown, frame: Frame): string[] {
  const { colour, rate, elapsed } = frame;
  const alarm = failed === 0 ? [] : [`${failed} failed`];
  const red = alarm.map((text) => (colour ? styleText('red', text, { validateStream: false }) : text));
  if (tags === undefined) {
    const doing = compared === undefined ? 'asking for the lists of tags' : `${compared} tags compared`;
    return [`${doing}, ${timeOf(elapsed)}`, timeOf(elapsed)];
  }
  const left = leftOf(tags - ended, rate.tags, underWay);
  const time = left === undefined ? timeOf(elapsed) : `${timeOf(left)} left`;
  const counts = [`${ended} of ${tags} tags`, ...red];
  const amounts = [sizeOf(bytes), `${sizeOf(rate.bytes)}/s`];
  const bar = (width: number): string => `${barOf(tags === 0 ? 1 : ended / tags, width)}  `;
  const short = [`${ended}/${tags}`, ...alarm].join(', ');
  return [
    `${bar(24)}${[...counts, ...amounts, time].join(', ')}`,
    `${bar(8)}${[...counts, ...amounts, time].join(', ')}`,
    [...counts, ...amounts, time].join(', '),
    [...counts, `${sizeOf(rate.bytes)}/s`, time].join(', '),
    [...counts, time].join(', '),
    [`${ended}/${tags}`, ...red, time].join(', '),
    [`${ended}/${tags}`, ...red].join(', '),
    short,
  ];
}

/**
 * Milliseconds. By the tags that ended lately, but never less than the oldest copy under way has taken: of a few large
 * images at the end nothing better is known than that each may take as long again. `undefined` while no tag ends.
 */
function leftOf(tags: number, perSecond: number, underWay: Shown['underWay']): number | undefined {
  if (tags === 0 || perSecond <= 0) return undefined;
  return Math.max((tags / perSecond) * 1000, underWay[0]?.age ?? 0);
}

function namesOf(underWay: Shown['underWay'], width: number, room: number): string[] {
  if (room <= 0) return [];
  const shown = underWay.length > room ? underWay.slice(0, room - 1) : underWay;
  const names = shown.map(({ source, age }) => nameOf(source, `  ${timeOf(age)}`, width));
  const more = underWay.length - shown.length;
  return more === 0 ? names : [...names, `  and ${more} more`.slice(0, width)];
}

/** Names that are too long lose their beginning: the host says least. */
function nameOf(source: string, age: string, width: number): string {
  const name = printable(source, source.length);
  const room = width - 2 - age.length;
  if (room < 8) return `  ${name.slice(-Math.max(1, width - 2))}`.slice(0, width);
  return `  ${name.length > room ? `...${name.slice(3 - room)}` : name}${age}`;
}

function widthOf(line: string): number {
  return stripVTControlCharacters(line).length;
}

function barOf(share: number, width: number): string {
  const full = Math.floor(share * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}
