export type Fields = Readonly<Record<string, unknown>>;

/** The last line of defence: what is written has passed it. */
export interface Redaction {
  text(value: string): string;
  /** Plain values that `JSON.stringify` takes, without secrets, cycles or errors' hidden parts. */
  fields(fields: Fields): Record<string, unknown>;
}

const mask = '***';
const secretKey = /(password|passwd|authorization|token|secret|credential|cookie)s?$/i;
/** Whatever stands behind an authentication scheme, even if nobody told us that secret. */
const authorization = /\b(Bearer|Basic)\s+[\w.~+/=-]{16,}/gi;
/** User and password in a URL. */
const userinfo = /\/\/[^\s/?#@]+@/g;

const leastSecret = 4;
const longestText = 8_192;
const mostItems = 100;
const deepest = 8;

/** Secrets shorter than four characters would black out half of every line: they are left alone. */
export function redaction(secrets: readonly string[]): Redaction {
  const known = secretPattern(secrets);

  function text(value: string): string {
    const named = value.replace(authorization, `$1 ${mask}`).replace(userinfo, `//${mask}@`);
    const shown = known === undefined ? named : named.replace(known, mask);
    return shown.length > longestText
      ? `${shown.slice(0, longestText)}… (${shown.length} characters)`
      : shown;
  }

  function visit(value: unknown, around: readonly object[]): unknown {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'boolean' || value === null || value === undefined) return value;
    if (typeof value !== 'object') return text(String(value));
    if (around.includes(value)) return '[circular]';
    if (around.length >= deepest) return '[too deep]';
    return visitObject(value, [...around, value]);
  }

  function visitObject(value: object, around: readonly object[]): unknown {
    if (value instanceof Error) return mapValues(partsOf(value), around);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return text(value.href);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Map) return mapValues(Object.fromEntries(value), around);
    if (Array.isArray(value) || value instanceof Set) {
      return [...value].slice(0, mostItems).map((item: unknown) => visit(item, around));
    }
    return mapValues(value, around);
  }

  function mapValues(values: object, around: readonly object[]): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(values)
        .slice(0, mostItems)
        .map(([key, value]) => [text(key), secretKey.test(key) && value ? mask : visit(value, around)]),
    );
  }

  function fields(given: Fields): Record<string, unknown> {
    try {
      return mapValues(given, [given]);
    } catch {
      return { unreadable: true }; // a getter or a proxy threw: the message matters more than its fields
    }
  }

  return { text, fields };
}

/** One expression for all secrets, also as they look inside a URL or a JSON text; the longest first. */
function secretPattern(secrets: readonly string[]): RegExp | undefined {
  const forms = secrets
    .filter((secret) => secret.length >= leastSecret)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      JSON.stringify(secret).slice(1, -1),
    ]);
  if (forms.length === 0) return undefined;
  const longestFirst = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map(escape).join('|'), 'g');
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

const errorParts = ['reason', 'fault', 'code', 'status', 'operation', 'side'];

/** The stack only of an error that nobody expected: one without a reason or code. */
function partsOf(error: Error): Record<string, unknown> {
  const known = Object.entries(error).filter(
    ([key, value]) => errorParts.includes(key) && value !== undefined,
  );
  return {
    name: error.name,
    message: error.message,
    ...Object.fromEntries(known),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
    ...(error instanceof AggregateError ? { errors: error.errors } : {}),
    ...(known.length === 0 ? { stack: error.stack } : {}),
  };
}
