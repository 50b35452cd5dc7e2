import { z } from 'zod';
import type { Path } from './path.ts';

/** The keys that the mapping at `path` may have. */
export function knownKeys(schema: z.core.$ZodType, path: Path): string[] {
  const [step, ...rest] = path;
  const inner = unwrap(schema);
  if (step === undefined) return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
  const next = child(inner, step);
  return next === undefined ? [] : knownKeys(next, rest);
}

function child(schema: z.core.$ZodType, step: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject)
    return new Map<unknown, z.core.$ZodType>(Object.entries(schema.shape)).get(step);
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault;
  if (wrapped) return unwrap(schema.unwrap());
  // Of alternatives, and of what is made of a value, only a list has something inside.
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  const list =
    schema instanceof z.ZodUnion && schema.options.map(unwrap).find((one) => one instanceof z.ZodArray);
  return list || schema;
}
