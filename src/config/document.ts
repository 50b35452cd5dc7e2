import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { hideReferences } from './environment.ts';
import { syntaxFaults, type Fault } from './fault.ts';
import type { Path } from './path.ts';
import { isSensible, structureFaults } from './structure.ts';

/** A parsed file that still knows its lines. `${NAME}` is not replaced yet. */
export interface ConfigDocument {
  /** Missing when the faults leave nothing that can be read. */
  value?: unknown;
  faults: Fault[];
  /** The line where the value at `path` stands, or where the nearest thing around it does. */
  lineOf(path: Path): number;
}

/** With these the rest can be read nevertheless, so that its mistakes are reported as well. */
const harmless = new Set(['TAG_RESOLVE_FAILED']);

const options = {
  prettyErrors: false,
  merge: true,
  // The parser compares each key with all before it; `structureFaults` looks them up.
  uniqueKeys: false,
  // Its warnings quote the file, on standard error.
  logLevel: 'error',
} as const;

export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(hideReferences(text), { ...options, lineCounter: lines });
  const places: Places = new WeakMap();
  const lineOf = (path: Path) => lines.linePos(offsetOf(document, path, places)).line;
  const structure = structureFaults(document, (offset) => lines.linePos(offset).line);
  const faults = [...syntaxFaults(document, lines), ...structure.faults];
  const readable = !structure.fatal && document.errors.every(({ code }) => harmless.has(code));
  if (!readable) return { faults, lineOf };
  const value = valueOf(document);
  if (value !== undefined && isSensible(value)) return { value, faults, lineOf };
  const bomb = { line: 1, expected: 'a document of sensible size', got: 'aliases of aliases' };
  return { faults: [...faults, bomb], lineOf };
}

/** `undefined` for aliases made to fill the memory. Ten thousand rules may share one list. */
function valueOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100_000 });
  } catch (error) {
    if (error instanceof ReferenceError) return undefined;
    throw error;
  }
}

/** The pairs of the mappings looked into so far: a file may have as many mistakes as keys. */
type Places = WeakMap<YAMLMap, Map<string, Pair>>;

function offsetOf(document: Document.Parsed, path: Path, places: Places): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    const found = stepInto(isAlias(node) ? node.resolve(document) : node, step, places);
    if (!found) break;
    offset = found.offset ?? offset;
    node = found.node;
  }
  return offset;
}

/** In a mapping a value counts as standing where its key does. */
function stepInto(
  node: unknown,
  step: string | number,
  places: Places,
): { node: unknown; offset?: number } | undefined {
  if (isMap(node)) {
    const pair = pairsOf(node, places).get(String(step));
    return pair && { node: pair.value, ...at(pair.key) };
  }
  if (!isSeq(node) || typeof step !== 'number') return undefined;
  const item = node.items[step];
  return item === undefined ? undefined : { node: item, ...at(item) };
}

function pairsOf(map: YAMLMap, places: Places): Map<string, Pair> {
  const known = places.get(map);
  if (known !== undefined) return known;
  const pairs = new Map<string, Pair>();
  for (const pair of map.items)
    if (isScalar(pair.key) && !pairs.has(String(pair.key.value))) pairs.set(String(pair.key.value), pair);
  places.set(map, pairs);
  return pairs;
}

function at(node: unknown): { offset?: number } {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range ? { offset: range[0] } : {};
}
