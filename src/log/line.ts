import { escaped } from '../printable.ts';

export interface Entry {
  /** ISO 8601 with milliseconds, UTC. */
  time: string;
  level: 'error' | 'warn' | 'info' | 'debug';
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

const ownKeys = new Set(['time', 'level', 'message']);

const colours = { error: 31, warn: 33, info: 32, debug: 90 } as const;

/** One JSON document, with what JSON leaves as it is escaped as well; fields named like our own get a `_` in front. */
export function jsonLine({ time, level, message, fields }: Entry): string {
  const renamed = Object.entries(fields).map(([key, value]) => [ownKeys.has(key) ? `_${key}` : key, value]);
  return escaped(JSON.stringify({ time, level, message, ...Object.fromEntries(renamed) }));
}

/** One line of text; every field as `key=value`, a value with blanks or quotes as JSON. */
export function prettyLine({ time, level, message, fields }: Entry, colour: boolean): string {
  const label = level.toUpperCase().padEnd(5);
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [
    time,
    colour ? `\x1b[${colours[level]}m${label}\x1b[0m` : label,
    escaped(message),
    ...shown.map(([key, value]) => escaped(`${key}=${prettyValue(value)}`)),
  ].join(' ');
}

/**
 * `time="2026-11-23 05:18:10" level=info msg="…"`: what logrus's text format gives without a terminal, in local time.
 * https://github.com/sirupsen/logrus/blob/v1.9.3/text_formatter.go
 */
export function logrusLine({ time, level, message, fields }: Entry): string {
  const moment = new Date(time);
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString();
  const second = local.slice(0, 19).replace('T', ' ');
  const name = level === 'warn' ? 'warning' : level;
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  const values = shown.map(([key, value]) => ` ${key}=${prettyValue(value)}`).join('');
  return escaped(`time="${second}" level=${name} msg=${JSON.stringify(message)}${values}`);
}

function prettyValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"={}]+$/.test(value) ? value : JSON.stringify(value);
}
