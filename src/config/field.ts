import { z } from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from './unit.ts';

/* Kinds of values. An `error` here is the end of the sentence "expected …". */

/** The longest time that a timer of Node can wait is a little more than this. */
const longest = '24d';

export function text(error: string, pattern?: RegExp) {
  const some = z.string({ error }).min(1, { error });
  return pattern === undefined ? some : some.regex(pattern, { error });
}

export function duration(least: string, most = longest) {
  const error = `a duration from ${least} to ${most}, such as 500ms, 30s, 5m, 1h or 7d`;
  return text(error, durationPattern)
    .transform(parseDuration)
    .refine((ms) => ms >= parseDuration(least) && ms <= parseDuration(most), { error });
}

export function size() {
  const error = 'a size such as 64KiB, 10MiB, 1GiB or a number of bytes';
  return z
    .union([z.number({ error }), text(error, sizePattern)], { error })
    .transform((value) => (typeof value === 'number' ? value : parseSize(value)))
    .refine((bytes) => Number.isSafeInteger(bytes) && bytes >= 0, { error });
}

export function whole(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

export function file(what: string) {
  const error = `the path of ${what}`;
  return text(error).refine((path) => path.trim() !== '', { error });
}

const originError = 'https://HOST[:PORT] (or http://) without path, user or query';
export const origin = text(originError, /^https?:\/\/[^\s/?#@\\]+\/?$/).refine(URL.canParse, {
  error: originError,
});
