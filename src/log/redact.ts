export type Fields = Readonly<Record<string, unknown>>;

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

/** The last line of defence: whatever is written has passed it. */
export class Redaction {
  readonly #secrets: RegExp | undefined;

  /** Secrets shorter than four characters would black out half of every line: they are left alone. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secretPattern(secrets);
  }

  text(value: string): string {
    const named = value.replace(authorization, `$1 ${mask}`).replace(userinfo, `//${mask}@`);
    const shown = this.#secrets === undefined ? named : named.replace(this.#secrets, mask);
    return shown.length > longestText
      ? `${shown.slice(0, longestText)}… (${shown.length} characters)`
      : shown;
  }

  /** Plain values that `JSON.stringify` takes: no cycles, no errors with hidden parts. Never throws. */
  fields(fields: Fields): Record<string, unknown> {
    try {
      return this.#mapping(Object.entries(fields), [fields]);
    } catch {
      return { unreadable: true }; // a getter or a proxy threw: the message matters more than its fields
    }
  }

  #value(value: unknown, around: readonly object[]): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'boolean' || value === null || value === undefined) return value;
    if (typeof value === 'bigint' || typeof value === 'symbol') return this.text(String(value));
    if (typeof value === 'function') return '[function]';
    if (around.includes(value)) return '[circular]';
    if (around.length >= deepest) return '[too deep]';
    return this.#object(value, [...around, value]);
  }

  #object(value: object, around: readonly object[]): unknown {
    if (value instanceof Error) return this.#mapping(Object.entries(partsOf(value)), around);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof URL) return this.text(value.href);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Map) return this.#mapping([...value], around);
    if (!Array.isArray(value) && !(value instanceof Set)) return this.#mapping(Object.entries(value), around);
    return [...value].slice(0, mostItems).map((item: unknown) => this.#value(item, around));
  }

  #mapping(entries: (readonly [unknown, unknown])[], around: readonly object[]): Record<string, unknown> {
    return Object.fromEntries(
      entries.slice(0, mostItems).map(([name, value]) => {
        const key = String(name);
        return [this.text(key), secretKey.test(key) && value ? mask : this.#value(value, around)];
      }),
    );
  }
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
