import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Pair,
  type Scalar as ScalarNode,
  type YAMLMap,
} from 'yaml';
import { syntaxFaults } from '../config/fault.ts';
import { repeated } from './json.ts';
import {
  maxDepth,
  type Entry,
  type Mapping,
  type Reading,
  type Remark,
  type Scalar,
  type Written,
} from './written.ts';

/*
 * YAML 1.1 as image-syncer's parser (go-yaml) reads it. The document's nodes are walked, not its values: only they
 * know the source text of a scalar. An alias is the same value again, so that aliases of aliases cost nothing here;
 * what they stand for all together is counted.
 */

const options = {
  schema: 'yaml-1.1',
  merge: true,
  prettyErrors: false,
  // The parser compares each key with all before it; here they are looked up.
  uniqueKeys: false,
  // Its warnings quote the file, on standard error.
  logLevel: 'error',
} as const;

/** Only the first document counts; go-yaml reads an unknown tag's scalar as it stands. */
const passed = new Set(['MULTIPLE_DOCS', 'TAG_RESOLVE_FAILED']);

/** Values, those behind an alias counted each time. */
const maxValues = 500_000;

/** The first document of a text. */
export function readYaml(text: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...options, lineCounter: lines });
  const mistakes = syntaxFaults(document, lines, passed).map(({ line, expected, got }) => ({
    line,
    message: `not YAML: expected ${expected}, got ${got}`,
  }));
  if (mistakes.length > 0) return { mistakes, warnings: [] };
  return new Walk(document, lines).reading();
}

class Walk {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #warnings: Remark[] = [];
  readonly #mistakes: Remark[] = [];
  /** What an alias stands for: the last value before it with that anchor. */
  readonly #anchored = new Map<string, Written>();
  readonly #sizes = new Map<Written, number>();
  /** Entries that `<<` has brought. */
  #merged = 0;

  constructor(document: Document.Parsed, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  reading(): Reading {
    const contents: unknown = this.#document.contents;
    for (const { code, pos } of this.#document.errors)
      if (code === 'MULTIPLE_DOCS')
        this.#warnings.push({
          line: this.#lines.linePos(pos[0]).line,
          message: 'only the first YAML document counts; this one and what follows is ignored',
        });
    if (contents === null) return { mistakes: [], warnings: this.#warnings };
    const value = this.#value(contents, 0);
    if ((this.#sizes.get(value) ?? 0) > maxValues || this.#merged > maxValues)
      this.#fault(value.line, 'a document of sensible size', 'aliases of aliases');
    const usable = this.#mistakes.length === 0 ? { value } : {};
    return { ...usable, mistakes: this.#mistakes, warnings: this.#warnings };
  }

  #value(node: unknown, depth: number): Written {
    const line = this.#lineOf(node);
    if (depth > maxDepth) return this.#fault(line, `at most ${maxDepth} levels`, 'more');
    if (isAlias(node)) {
      const known = this.#anchored.get(node.source);
      return (
        known ?? this.#fault(line, 'a text in quotes when it begins with *', 'an alias without an anchor')
      );
    }
    const value = this.#collection(node, line, depth);
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined)
      this.#anchored.set(node.anchor, value);
    return value;
  }

  #collection(node: unknown, line: number, depth: number): Written {
    if (isMap(node)) return this.#mapping(node, line, depth);
    if (!isSeq(node)) return isScalar(node) ? scalar(node, line) : nothing(line);
    const items = node.items.map((item) => this.#value(item, depth + 1));
    const list: Written = { kind: 'list', line, items };
    this.#weigh(list, items);
    return list;
  }

  #mapping(node: YAMLMap, line: number, depth: number): Mapping {
    const own = new Map<string, Entry>();
    const merged = new Map<string, Entry>();
    for (const pair of node.items) {
      if (isMerge(pair)) this.#merge(pair, merged, depth);
      else this.#entry(pair, own, depth);
    }
    const entries = new Map([...merged, ...own]);
    const mapping: Mapping = { kind: 'mapping', line, entries, anyCase: false };
    this.#weigh(
      mapping,
      [...entries.values()].map(({ value }) => value),
    );
    return mapping;
  }

  #entry({ key, value }: Pair, own: Map<string, Entry>, depth: number): void {
    const line = this.#lineOf(key ?? value);
    const name = this.#value(key, depth + 1);
    const written = this.#value(value, depth + 1);
    if (name.kind !== 'scalar') {
      this.#fault(line, 'a text as key', `a ${name.kind}`);
      return;
    }
    if (own.delete(name.source)) this.#warnings.push(repeated(line, name.source));
    own.set(name.source, { key: name.source, line, value: written });
  }

  /** `<<` takes a mapping or a list of them; of two with the same key the first has it. */
  #merge({ key, value }: Pair, merged: Map<string, Entry>, depth: number): void {
    const written = this.#value(value, depth + 1);
    for (const source of written.kind === 'list' ? written.items : [written]) {
      if (source.kind !== 'mapping') {
        this.#fault(this.#lineOf(key), 'a mapping behind <<, or a list of them', 'something else');
        return;
      }
      this.#merged += source.entries.size;
      if (this.#merged > maxValues) return;
      for (const [name, entry] of source.entries) if (!merged.has(name)) merged.set(name, entry);
    }
  }

  #weigh(value: Written, parts: readonly Written[]): void {
    this.#sizes.set(
      value,
      parts.reduce((sum, part) => sum + (this.#sizes.get(part) ?? 1), 1),
    );
  }

  #lineOf(node: unknown): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
    return this.#lines.linePos(range?.[0] ?? 0).line;
  }

  #fault(line: number, expected: string, got: string): Written {
    this.#mistakes.push({ line, message: `not YAML for image-syncer: expected ${expected}, got ${got}` });
    return nothing(line);
  }
}

function nothing(line: number): Scalar {
  return { kind: 'scalar', line, type: 'null', text: '', source: '' };
}

function scalar(node: ScalarNode, line: number): Scalar {
  const source = node.source ?? '';
  return { kind: 'scalar', line, type: typeOfScalar(node.value), text: source, source };
}

function typeOfScalar(value: unknown): Scalar['type'] {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean') return 'boolean';
  return typeof value === 'number' || typeof value === 'bigint' ? 'number' : 'text';
}

function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.source === '<<' && key.type === 'PLAIN';
}
