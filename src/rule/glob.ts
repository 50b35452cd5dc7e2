import { Minimatch } from 'minimatch';

/** One brace-free alternative of a glob. */
export interface Alternative {
  matches(text: string): boolean;
  /** The only text that it matches, when it has no wildcard. */
  literal?: string;
  /** The first part of every text that it matches, when the glob spells it out. */
  firstPart?: string;
  /** Whether a text whose first part this is may match; where that cannot be told, too. */
  mayBegin(part: string): boolean;
  /** Whether every text whose first part this is matches, and that can be told. */
  covers(part: string): boolean;
}

const maxAlternatives = 1_000;

/**
 * Compiles a glob with the meaning that it has in Harbor (bmatcuk/doublestar): `*` and `?` stay within a part,
 * `**` as a whole part crosses, `{a,b}` are alternatives and never ranges, `[..]` are classes, `\` escapes.
 * Throws `SyntaxError` with the reason.
 */
export function compileGlob(glob: string): Alternative[] {
  return new Expander(glob).alternatives().map(compileAlternative);
}

function compileAlternative(text: string): Alternative {
  const parts = text.split('/');
  if (parts.includes('')) throw new SyntaxError('a part between "/" is empty, so that nothing can match');
  if (parts.includes('.') || parts.includes('..'))
    throw new SyntaxError('"." and ".." are never parts of a name');
  const [first = ''] = parts;
  if (!isMagic(text)) {
    const literal = unescape(text);
    const firstPart = unescape(first);
    const matches = (other: string) => other === literal;
    return { literal, firstPart, matches, mayBegin: (part) => part === firstPart, covers: () => false };
  }
  const matcher = new Minimatch(text, options);
  const needed = longestPlainRun(text);
  const matches = (other: string) => other.includes(needed) && matcher.match(other);
  const mayBegin = beginning(first);
  const covers = ['**', `${first}/**`].includes(text) ? mayBegin : () => false;
  return { matches, mayBegin, covers, ...(!isMagic(first) && { firstPart: unescape(first) }) };
}

function beginning(first: string): (part: string) => boolean {
  if (first === '**') return () => true;
  const matcher = new Minimatch(first, options);
  return (part) => matcher.match(part);
}

/** What minimatch adds to doublestar is off; braces are expanded here, where `{1..3}` is no range. */
const options = {
  dot: true,
  nobrace: true,
  nocomment: true,
  noext: true,
  nonegate: true,
  platform: 'linux',
  preserveMultipleSlashes: true,
} as const;

function isMagic(text: string): boolean {
  return /[*?[]/.test(text.replace(/\\./g, ''));
}

/** Characters that are in every match: looking for them is far cheaper than matching. */
function longestPlainRun(text: string): string {
  const runs = text.replace(/\\.|\[(?:\\.|[^\]\\])+\]/g, '*').split(/[*?/]/);
  return runs.reduce((longest, run) => (run.length > longest.length ? run : longest));
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}

/** Reads a glob once from left to right, multiplying out its braces. */
class Expander {
  readonly #glob: string;
  #at = 0;
  #depth = 0;

  constructor(glob: string) {
    this.#glob = glob;
  }

  alternatives(): string[] {
    const all = this.#sequence();
    if (this.#at < this.#glob.length) throw new SyntaxError('"}" without "{"; write "\\}" for the character');
    return all;
  }

  #sequence(): string[] {
    let heads = [''];
    while (this.#at < this.#glob.length && !this.#endsAlternative()) {
      const tails = this.#glob[this.#at] === '{' ? this.#braces() : [this.#piece()];
      heads = heads.flatMap((head) => tails.map((tail) => head + tail));
      if (heads.length > maxAlternatives)
        throw new SyntaxError(`braces make more than ${maxAlternatives} alternatives`);
    }
    return heads;
  }

  #endsAlternative(): boolean {
    const character = this.#glob[this.#at];
    return character === '}' || (character === ',' && this.#depth > 0);
  }

  #braces(): string[] {
    const all: string[] = [];
    this.#depth++;
    do {
      this.#at++;
      all.push(...this.#sequence());
    } while (this.#glob[this.#at] === ',');
    if (this.#at === this.#glob.length) throw new SyntaxError('"{" without "}"');
    this.#at++;
    this.#depth--;
    return all;
  }

  /** A class, an escaped character or a plain one, as written. */
  #piece(): string {
    const start = this.#at;
    if (this.#glob[start] === '[') this.#at = this.#endOfClass();
    else this.#at += this.#glob[start] === '\\' ? 2 : 1;
    if (this.#at > this.#glob.length) throw new SyntaxError('"\\" at the end escapes nothing');
    return this.#glob.slice(start, this.#at);
  }

  #endOfClass(): number {
    const body = /^\[[!^]?(?:\\.|[^\]\\/])+\]/.exec(this.#glob.slice(this.#at))?.[0];
    if (body === undefined) throw new SyntaxError('"[" without "]", or an empty class, or one with "/"');
    return this.#at + body.length;
  }
}
