import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { hideReferences } from './environment.ts';
import type { Path } from './path.ts';

/** A parsed file that still knows its lines. `${NAME}` is not replaced yet. */
export interface ConfigDocument {
  /** Missing when the faults leave nothing that can be read. */
  value?: unknown;
  faults: Fault[];
  /** The line where the value at `path` stands, or where the nearest thing around it does. */
  lineOf(path: Path): number;
}

/** Something that is not YAML, or not the YAML that was meant. The words never quote the file. */
export interface Fault {
  line: number;
  expected: string;
  got: string;
}

/** The parser's own messages may quote the file, secrets included: these do not. */
const faultsByCode: Record<string, Omit<Fault, 'line'>> = {
  BAD_ALIAS: { expected: 'an alias to an anchor', got: 'a broken one; quote a text that begins with *' },
  BAD_DQ_ESCAPE: {
    expected: 'an escape that YAML knows',
    got: 'another one; use single quotes, or write \\\\',
  },
  BAD_INDENT: { expected: 'one indentation per level', got: 'another indentation, or a missing bracket' },
  BAD_SCALAR_START: { expected: 'a text', got: 'a character that none may begin with; quote the text' },
  BLOCK_AS_IMPLICIT_KEY: { expected: 'one key per line', got: 'a second ": "; quote a text that holds one' },
  DUPLICATE_KEY: { expected: 'a key once', got: 'the same key again' },
  MISSING_CHAR: { expected: 'the end of a quoted text, list or mapping', got: 'something else' },
  MULTIPLE_DOCS: { expected: 'one document', got: 'a second one after ---' },
  TAB_AS_INDENT: { expected: 'spaces as indentation', got: 'a tab' },
  TAG_RESOLVE_FAILED: { expected: 'a text in quotes when it begins with !', got: 'a YAML tag' },
};

/** With these the rest can be read nevertheless, so that its mistakes are reported as well. */
const harmless = new Set(['DUPLICATE_KEY', 'TAG_RESOLVE_FAILED']);

/** Against files made to fill the memory with aliases of aliases; ten thousand rules may share one list. */
const maxAliasCount = 100_000;

export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, merge: true };
  const document = parseDocument(hideReferences(text), options);
  const lineOf = (path: Path) => lines.linePos(offsetOf(document, path)).line;
  const aliases = aliasFaults(document, lines);
  const faults = [...syntaxFaults(document, lines), ...aliases];
  const readable = aliases.length === 0 && document.errors.every(({ code }) => harmless.has(code));
  if (!readable) return { faults, lineOf };
  try {
    return { value: document.toJS({ maxAliasCount }), faults, lineOf };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const bomb = { line: 1, expected: 'a document of sensible size', got: 'aliases of aliases' };
    return { faults: [...faults, bomb], lineOf };
  }
}

function syntaxFaults(document: Document.Parsed, lines: LineCounter): Fault[] {
  return [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    line: lines.linePos(pos[0]).line,
    ...(faultsByCode[code] ?? { expected: 'YAML', got: `something else (${code})` }),
  }));
}

/** Most often a text that begins with `*` was meant. */
function aliasFaults(document: Document.Parsed, lines: LineCounter): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Alias: (_, alias, around) => {
      const anchored = alias.resolve(document);
      if (anchored !== undefined && !around.includes(anchored)) return;
      const line = lines.linePos(alias.range?.[0] ?? 0).line;
      const got = `an alias ${anchored === undefined ? 'without an' : 'inside its own'} anchor`;
      faults.push({ line, expected: 'a text in quotes when it begins with *', got });
    },
  });
  return faults;
}

function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    const found = stepInto(isAlias(node) ? node.resolve(document) : node, step);
    if (!found) break;
    offset = found.offset ?? offset;
    node = found.node;
  }
  return offset;
}

/** In a mapping a value counts as standing where its key does. */
function stepInto(node: unknown, step: string | number): { node: unknown; offset?: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
    return pair && { node: pair.value, ...at(pair.key) };
  }
  if (!isSeq(node) || typeof step !== 'number') return undefined;
  const item = node.items[step];
  return item === undefined ? undefined : { node: item, ...at(item) };
}

function at(node: unknown): { offset?: number } {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range ? { offset: range[0] } : {};
}
