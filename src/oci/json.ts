export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the bytes spell. Throws where that is no JSON, or no UTF-8. */
export function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

/** As `jsonOf`; throws also where it is no object. */
export function objectOf(bytes: Uint8Array): JsonObject {
  const value = jsonOf(bytes);
  if (isObject(value)) return value;
  throw new SyntaxError('expected a JSON object, got another value');
}

/** The objects of a list; empty for all that is no list. */
export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
