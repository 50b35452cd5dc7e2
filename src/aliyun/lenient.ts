import { z } from 'zod';

/*
 * Members of the OpenAPI's answers. Numbers come as texts in some of them, truth as a text in others, and what is empty
 * is left out or null.
 */

/** Empty where it is missing. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

/** `undefined` where it is missing or no number. */
export const count = z
  .union([z.number(), z.string()])
  .nullish()
  .transform((value) => (value === null || value === undefined || value === '' ? Number.NaN : Number(value)))
  .transform((value) => (Number.isSafeInteger(value) && value >= 0 ? value : undefined));

/** True or false; an error where it is neither, or missing. */
export const truth = z
  .union([z.boolean(), z.enum(['true', 'false', 'True', 'False'])])
  .transform((value) => value === true || String(value).toLowerCase() === 'true');

/** None where it is missing. */
export function list<T>(of: z.ZodType<T>): z.ZodType<T[]> {
  return z
    .array(of)
    .nullish()
    .transform((value) => value ?? []);
}
