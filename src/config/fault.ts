import type { Document, LineCounter } from 'yaml';

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
  KEY_OVER_1024_CHARS: { expected: 'a key of at most 1024 characters', got: 'a longer one' },
  MISSING_CHAR: { expected: 'the end of a quoted text, list or mapping', got: 'something else' },
  MULTIPLE_DOCS: { expected: 'one document', got: 'a second one after ---' },
  RESOURCE_EXHAUSTION: { expected: 'a document of sensible depth', got: 'a deeper one' },
  TAB_AS_INDENT: { expected: 'spaces as indentation', got: 'a tab' },
  TAG_RESOLVE_FAILED: { expected: 'a text in quotes when it begins with !', got: 'a YAML tag' },
};

/** What the parser says against the text, errors first; all but those whose code is among `passed`. */
export function syntaxFaults(
  document: Document.Parsed,
  lines: LineCounter,
  passed: ReadonlySet<string> = new Set(),
): Fault[] {
  return [...document.errors, ...document.warnings]
    .filter(({ code }) => !passed.has(code))
    .map(({ code, pos }) => ({
      line: lines.linePos(pos[0]).line,
      ...(faultsByCode[code] ?? { expected: 'YAML', got: `something else (${code})` }),
    }));
}
