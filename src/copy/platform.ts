import { isObject, type JsonObject, objectOf, objectsOf } from '../oci/json.ts';

/** A name, alone or with what it must be followed by: `windows:10.0.17763.1`, `arm:v7`. */
interface Pattern {
  readonly name: string;
  readonly suffix?: string;
}

/** Which platforms are wanted; an empty list wants all. */
export interface PlatformFilter {
  readonly os: readonly Pattern[];
  readonly arch: readonly Pattern[];
}

/** What an index says of an entry, a config of its image, or a manifest of schema 1 of itself. */
interface Platform {
  readonly os?: unknown;
  readonly 'os.version'?: unknown;
  readonly architecture?: unknown;
  readonly variant?: unknown;
}

/**
 * Reads the values of `--os` and `--arch`, each of which may be a list with commas; `undefined` when they ask for
 * nothing. Throws `SyntaxError`.
 */
export function parsePlatforms(values: {
  os: readonly string[];
  arch: readonly string[];
}): PlatformFilter | undefined {
  const os = patternsOf(
    values.os,
    '--os: expected a system, or a system and its version, as linux or windows:10.0.17763.1',
  );
  const arch = patternsOf(
    values.arch,
    '--arch: expected an architecture, or an architecture and its variant, as amd64 or arm:v7',
  );
  return os.length + arch.length === 0 ? undefined : { os, arch };
}

const grammar = /^([A-Za-z0-9._-]+)(?::([A-Za-z0-9._-]+))?$/;

function patternsOf(values: readonly string[], expected: string): Pattern[] {
  const words = values.flatMap((value) => value.split(',')).map((word) => word.trim());
  return words
    .filter((word) => word !== '')
    .map((word) => {
      const [, name, suffix] = grammar.exec(word) ?? [];
      if (name === undefined) throw new SyntaxError(`${expected}, got ${JSON.stringify(word)}`);
      return suffix === undefined ? { name } : { name, suffix };
    });
}

/** Whether it is wanted. What does not say, or says nothing, is: only a platform that is named can be another one. */
export function fits(platform: Platform, { os, arch }: PlatformFilter): boolean {
  return (
    matches(os, platform.os, platform['os.version']) && matches(arch, platform.architecture, platform.variant)
  );
}

function matches(patterns: readonly Pattern[], name: unknown, suffix: unknown): boolean {
  if (patterns.length === 0 || isAbsent(name)) return true;
  return patterns.some((wanted) => {
    const any = wanted.suffix === undefined || isAbsent(suffix);
    return wanted.name === name && (any || wanted.suffix === suffix);
  });
}

function isAbsent(word: unknown): boolean {
  return typeof word !== 'string' || word === '';
}

/** What has become of the indexes within an index; `undefined` for those of which nothing is left. */
export type Reduced = ReadonlyMap<unknown, { readonly digest: string; readonly size: number } | undefined>;

/**
 * The index with those entries only that fit, `undefined` when none does. What is kept is as it was, in its order; the
 * same source makes the same bytes each time, and an index of which nothing is taken keeps its own.
 */
export function reduceIndex(
  bytes: Uint8Array,
  filter: PlatformFilter,
  nested: Reduced,
): Uint8Array | undefined {
  const document = objectOf(bytes);
  const entries = objectsOf(document['manifests']);
  const kept = entries
    .filter(({ platform }) => !isObject(platform) || fits(platform, filter))
    .flatMap((entry) => replaced(entry, nested));
  if (kept.length === entries.length && kept.every((entry, index) => entry === entries[index])) return bytes;
  return kept.length === 0 ? undefined : Buffer.from(JSON.stringify({ ...document, manifests: kept }));
}

function replaced(entry: JsonObject, nested: Reduced): JsonObject[] {
  if (!nested.has(entry['digest'])) return [entry];
  const now = nested.get(entry['digest']);
  if (now === undefined) return [];
  if (now.digest === entry['digest']) return [entry];
  // Embedded content would be that of the whole index.
  const { data: _, ...rest } = entry;
  return [{ ...rest, digest: now.digest, size: now.size }];
}
