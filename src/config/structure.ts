import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import type { Fault } from './fault.ts';
import { isObject } from '../oci/json.ts';

/*
 * What YAML allows and no configuration needs. Files made to fill the memory or the time end here, before anything
 * recursive or quadratic looks at them.
 */

/** Levels of nesting: a configuration has six. */
const maxDepth = 100;

/** Aliases, and those inside of something that has an anchor itself: each costs a look at the whole file. */
const maxAliases = 20_000;
const maxNested = 100;

/** Values, those behind an alias counted each time. */
const maxValues = 2_000_000;

interface Structure {
  faults: Fault[];
  /** The document cannot even be read. */
  fatal: boolean;
}

type Around = readonly unknown[];

/** One walk through the document, in its order. `lineOf` tells the line of an offset. */
export function structureFaults(document: Document.Parsed, lineOf: (offset: number) => number): Structure {
  const check = new Check(lineOf);
  visit(document, {
    Node: (_, node, around) => (check.node(node, around) ? undefined : visit.BREAK),
    Pair: (_, pair) => check.pair(pair),
  });
  return check;
}

class Check implements Structure {
  readonly faults: Fault[] = [];
  fatal = false;
  readonly #lineOf: (offset: number) => number;
  /** What an alias stands for: the last node before it with that anchor. */
  readonly #anchored = new Map<string, Node>();
  #aliases = 0;
  #nested = 0;

  constructor(lineOf: (offset: number) => number) {
    this.#lineOf = lineOf;
  }

  /** False when it is no use to go on. */
  node(node: Node, around: Around): boolean {
    if (around.length > 2 * maxDepth) return this.#stop(node, `at most ${maxDepth} levels`, 'more');
    if (isAlias(node)) return this.#alias(node, around);
    if (node.anchor !== undefined) this.#anchored.set(node.anchor, node);
    if (isMap(node)) this.#keys(node.items);
    return true;
  }

  /** Most often a text that begins with `*` was meant. */
  #alias(alias: Alias, around: Around): boolean {
    const anchored = this.#anchored.get(alias.source);
    if (anchored === undefined || around.includes(anchored)) {
      const got = `an alias ${anchored === undefined ? 'without an' : 'inside its own'} anchor`;
      this.#fault(alias, 'a text in quotes when it begins with *', got);
      this.fatal = true;
    }
    if (around.some((outer) => isCollection(outer) && outer.anchor !== undefined)) this.#nested++;
    if (++this.#aliases <= maxAliases && this.#nested <= maxNested) return true;
    return this.#stop(alias, 'a document of sensible size', 'aliases of aliases');
  }

  #keys(pairs: readonly Pair[]): void {
    const known = new Set<unknown>();
    for (const { key } of pairs) {
      if (!isScalar(key)) continue;
      if (known.has(key.value)) this.#fault(key, 'a key once', 'the same key again');
      known.add(key.value);
    }
  }

  /** `<<` takes mappings only. */
  pair({ key, value }: Pair): void {
    if (!isScalar(key) || !isMerge(key.value) || key.type !== 'PLAIN') return;
    const merged = this.#behind(value);
    const sources = isSeq(merged) ? merged.items.map((item) => this.#behind(item)) : [merged];
    if (sources.every(isMap)) return;
    this.#fault(key, 'a mapping behind <<, or a list of them', 'something else');
    this.fatal = true;
  }

  #behind(node: unknown): unknown {
    return isAlias(node) ? this.#anchored.get(node.source) : node;
  }

  #stop(node: Node, expected: string, got: string): false {
    this.#fault(node, expected, got);
    this.fatal = true;
    return false;
  }

  #fault(node: Node, expected: string, got: string): void {
    this.faults.push({ line: this.#lineOf(node.range?.[0] ?? 0), expected, got });
  }
}

/** The parser makes a symbol of it. */
function isMerge(key: unknown): boolean {
  return key === '<<' || (typeof key === 'symbol' && key.description === '<<');
}

/** Whether the document is small enough with all that its aliases bring. */
export function isSensible(document: unknown): boolean {
  const left = [document];
  for (let count = 0; left.length > 0; count++) {
    if (count > maxValues) return false;
    const value = left.pop();
    if (Array.isArray(value)) for (const item of value) left.push(item);
    else if (isObject(value)) for (const item of Object.values(value)) left.push(item);
  }
  return true;
}
