import { RE2JS } from 're2js';
import { printable } from '../printable.ts';
import { type Alternative, compileGlob } from './glob.ts';
import { firstPart } from '../oci/reference.ts';

/** A pattern that cannot be compiled: `message` says which and why. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  readonly pattern: string;

  constructor(pattern: string, reason: string, cause?: unknown) {
    super(printable(`pattern ${JSON.stringify(pattern.slice(0, 80))}: ${reason}`, 600), { cause });
    this.pattern = pattern;
  }
}

/** A list of patterns: a text matches with at least one including and no excluding pattern. */
export interface Patterns {
  /** The list itself. */
  readonly written: readonly string[];
  matches(text: string): boolean;
  /** The excluding pattern that keeps the text out, else the including one that lets it in, as written. */
  deciding(text: string): string | undefined;
  /** Texts that match and are spelled out by a pattern. */
  readonly literals: readonly string[];
  /** Whether nothing but `literals` can match. */
  readonly onlyLiterals: boolean;
  /** First parts (up to a `/`) of all that can match; `undefined` when they are not all spelled out. */
  readonly firstParts: readonly string[] | undefined;
  /** Whether a text with this first part may match: what cannot be told counts as if it may. */
  mayReach(firstPart: string): boolean;
}

const maxLength = 4_096;

/** Compiles `/re/`, globs, and both with `!` in front; only `!` includes everything else. Throws `PatternError`. */
export function compilePatterns(patterns: readonly string[]): Patterns {
  const including = new Side(patterns.filter((pattern) => !pattern.startsWith('!')));
  const excluding = new Side(patterns.filter((pattern) => pattern.startsWith('!')));
  const everything = including.isEmpty && !excluding.isEmpty;
  const matches = (text: string) =>
    excluding.find(text) === undefined && (everything || including.find(text) !== undefined);
  return {
    written: patterns,
    matches,
    deciding: (text) => excluding.find(text) ?? including.find(text),
    literals: including.literals.filter(matches),
    onlyLiterals: !everything && including.onlyLiterals,
    firstParts: everything ? undefined : including.firstParts,
    mayReach: (part) => (everything || including.mayBegin(part)) && !excluding.covers(part),
  };
}

/** The including or the excluding half of a list. Texts spelled out cost one look-up, however many there are. */
class Side {
  readonly #literals = new Map<string, string>();
  readonly #others: { pattern: string; alternative: Alternative }[] = [];
  readonly isEmpty: boolean;

  constructor(patterns: readonly string[]) {
    this.isEmpty = patterns.length === 0;
    for (const pattern of patterns)
      for (const alternative of compile(pattern)) this.#add(pattern, alternative);
  }

  #add(pattern: string, alternative: Alternative): void {
    if (alternative.literal === undefined) this.#others.push({ pattern, alternative });
    else if (!this.#literals.has(alternative.literal)) this.#literals.set(alternative.literal, pattern);
  }

  /** The first pattern that matches, as written. */
  find(text: string): string | undefined {
    return (
      this.#literals.get(text) ?? this.#others.find(({ alternative }) => alternative.matches(text))?.pattern
    );
  }

  mayBegin(part: string): boolean {
    return (
      this.literals.some((literal) => firstPart(literal) === part) ||
      this.#others.some(({ alternative }) => alternative.mayBegin(part))
    );
  }

  covers(part: string): boolean {
    return this.#others.some(({ alternative }) => alternative.covers(part));
  }

  get literals(): string[] {
    return [...this.#literals.keys()];
  }

  get onlyLiterals(): boolean {
    return this.#others.length === 0;
  }

  get firstParts(): string[] | undefined {
    const parts = new Set<string>();
    for (const literal of this.#literals.keys()) parts.add(firstPart(literal));
    for (const { alternative } of this.#others) {
      if (alternative.firstPart === undefined) return undefined;
      parts.add(alternative.firstPart);
    }
    return [...parts];
  }
}

/** An expression without "/" around it, unanchored. RE2: none takes more than linear time. Throws `PatternError`. */
export function compileExpression(expression: string): (text: string) => boolean {
  return explained(expression, expression, () => searching(expression));
}

function compile(pattern: string): Alternative[] {
  const body = pattern.startsWith('!') ? pattern.slice(1) : pattern;
  if (body === '') throw new PatternError(pattern, 'expected a glob or /re/, got nothing');
  if (body.startsWith('!')) throw new PatternError(pattern, 'expected at most one "!" in front');
  return explained(pattern, body, () => (body.startsWith('/') ? [betweenSlashes(body)] : compileGlob(body)));
}

/** Whatever is wrong with the body becomes a `PatternError` of the pattern. */
function explained<T>(pattern: string, body: string, compileBody: () => T): T {
  if (body.length > maxLength)
    throw new PatternError(pattern, `expected at most ${maxLength} characters, got ${body.length}`);
  try {
    return compileBody();
  } catch (cause) {
    throw new PatternError(pattern, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function betweenSlashes(body: string): Alternative {
  if (body.length < 3 || !body.endsWith('/'))
    throw new SyntaxError('expected a regular expression between two "/"; a name never begins with "/"');
  const expression = body.slice(1, -1);
  return { matches: searching(expression), mayBegin: beginning(expression), covers: () => false };
}

/** What stands between `^` and the first slash, if nothing in it can itself be a slash, nor be left out. */
const firstPartOf = /^\^((?:[\w-]|\\[dw.-]|\[(?:\w-\w|\w)+-?\]|[+*?]|\{\d+(?:,\d*)?\})+)\\?\/(?![*?{])/;

function beginning(expression: string): (part: string) => boolean {
  const first = expression.includes('|') ? undefined : firstPartOf.exec(expression)?.[1];
  return first === undefined ? () => true : searching(`^(?:${first})$`);
}

function searching(expression: string): (text: string) => boolean {
  const compiled = RE2JS.compile(expression);
  return (text) => compiled.test(text);
}
