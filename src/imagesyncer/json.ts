import { maxDepth, type Entry, type Reading, type Remark, type Written } from './written.ts';

/** Something that is not JSON. */
class JsonFault extends Error {
  override readonly name = 'JsonFault';
  readonly remark: Remark;

  constructor(line: number, message: string) {
    super(message);
    this.remark = { line, message };
  }
}

/**
 * Reads the first JSON value of a text, as Go's decoder does. `JSON.parse` knows neither lines nor repeated keys, and
 * refuses what stands behind the first value.
 */
export function readJson(text: string): Reading {
  const reader = new Reader(text);
  try {
    return { ...reader.first(), mistakes: [], warnings: reader.warnings };
  } catch (error) {
    if (error instanceof JsonFault) return { mistakes: [error.remark], warnings: reader.warnings };
    throw error;
  }
}

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const word = /[a-z]+/y;

class Reader {
  readonly warnings: Remark[] = [];
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  first(): { value?: Written } {
    if (this.#next() === undefined) return {};
    const value = this.#value(0);
    if (this.#next() !== undefined)
      this.warnings.push({ line: this.#line, message: 'what stands behind the first JSON value is ignored' });
    return { value };
  }

  #value(depth: number): Written {
    if (depth > maxDepth) this.#fail(`at most ${maxDepth} levels`, 'more');
    const next = this.#next();
    if (next === '{') return this.#mapping(depth);
    if (next === '[') return this.#list(depth);
    const line = this.#line;
    if (next === '"') {
      const text = this.#string();
      return { kind: 'scalar', line, type: 'text', text, source: text };
    }
    return this.#literal(line);
  }

  #literal(line: number): Written {
    const digits = this.#run(number);
    if (digits !== '') return { kind: 'scalar', line, type: 'number', source: digits };
    const source = this.#run(word);
    if (source === 'null') return { kind: 'scalar', line, type: 'null', source };
    if (source === 'true' || source === 'false') return { kind: 'scalar', line, type: 'boolean', source };
    return this.#fail('a JSON value', this.#text[this.#at] === undefined ? 'the end' : 'something else');
  }

  #list(depth: number): Written {
    const line = this.#line;
    const items: Written[] = [];
    this.#at++;
    if (!this.#takes(']'))
      do items.push(this.#value(depth + 1));
      while (this.#goesOn(']'));
    return { kind: 'list', line, items };
  }

  #mapping(depth: number): Written {
    const line = this.#line;
    const entries = new Map<string, Entry>();
    this.#at++;
    if (!this.#takes('}'))
      do this.#entry(entries, depth);
      while (this.#goesOn('}'));
    return { kind: 'mapping', line, entries, anyCase: true };
  }

  #entry(entries: Map<string, Entry>, depth: number): void {
    if (this.#next() !== '"') this.#fail('a key in double quotes', 'something else');
    const line = this.#line;
    const key = this.#string();
    if (!this.#takes(':')) this.#fail('":" behind a key', 'something else');
    if (entries.delete(key)) this.warnings.push(repeated(line, key));
    entries.set(key, { key, line, value: this.#value(depth + 1) });
  }

  /** After an item: whether another follows. */
  #goesOn(end: string): boolean {
    if (this.#takes(',')) return true;
    return this.#takes(end) ? false : this.#fail(`"," or "${end}"`, 'something else');
  }

  #takes(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#at++;
    return true;
  }

  /** No line ends inside a string: JSON wants it escaped. */
  #string(): string {
    const start = this.#at++;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"')
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    this.#at++;
    try {
      return String(JSON.parse(this.#text.slice(start, this.#at)));
    } catch {
      const got = 'one that does not end in its line, or an escape that JSON does not know';
      return this.#fail('a text in double quotes', got); // the parser's own words quote the file
    }
  }

  #run(expression: RegExp): string {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** The next character that is no space. */
  #next(): string | undefined {
    for (; ; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '\n') this.#line++;
      else if (character !== ' ' && character !== '\t' && character !== '\r') return character;
    }
  }

  #fail(expected: string, got: string): never {
    throw new JsonFault(this.#line, `not JSON: expected ${expected}, got ${got}`);
  }
}

export function repeated(line: number, key: string): Remark {
  return { line, message: `the key ${JSON.stringify(key)} stands here again: its last value counts` };
}
