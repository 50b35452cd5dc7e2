export interface Entry {
  /** ISO 8601 with milliseconds, UTC. */
  time: string;
  level: 'error' | 'warn' | 'info' | 'debug';
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

/** What JSON leaves as it is, although a terminal or another reader may take it as a command or a line's end. */
const leftByJson = /[\x7f-\x9f\u2028\u2029]/g;
const controls = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;

const ownKeys = new Set(['time', 'level', 'message']);

const colours = { error: 31, warn: 33, info: 32, debug: 90 } as const;

/** One JSON document; fields named like our own get a `_` in front. */
export function jsonLine({ time, level, message, fields }: Entry): string {
  const renamed = Object.entries(fields).map(([key, value]) => [ownKeys.has(key) ? `_${key}` : key, value]);
  return JSON.stringify({ time, level, message, ...Object.fromEntries(renamed) }).replace(leftByJson, escape);
}

/** One line of text; every field as `key=value`, a value with blanks or quotes as JSON. */
export function prettyLine({ time, level, message, fields }: Entry, colour: boolean): string {
  const label = level.toUpperCase().padEnd(5);
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [
    time,
    colour ? `\x1b[${colours[level]}m${label}\x1b[0m` : label,
    message.replace(controls, escape),
    ...shown.map(([key, value]) => `${key}=${prettyValue(value)}`.replace(controls, escape)),
  ].join(' ');
}

function prettyValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"={}]+$/.test(value) ? value : JSON.stringify(value);
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
