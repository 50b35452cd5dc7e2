/*
 * What stands in a file, JSON or YAML, with its lines. Of a repeated key only the last value is there. In YAML one
 * value may stand in several places (aliases): this is a graph without cycles, not a tree.
 */

export type Written = Scalar | List | Mapping;

export interface Scalar {
  kind: 'scalar';
  line: number;
  type: 'text' | 'number' | 'boolean' | 'null';
  /** What counts where a text is wanted whatever the type: the source of any YAML scalar; only texts in JSON. */
  text?: string;
  /** As the file has it, without quotes. */
  source: string;
}

export interface List {
  kind: 'list';
  line: number;
  items: readonly Written[];
}

export interface Mapping {
  kind: 'mapping';
  line: number;
  entries: ReadonlyMap<string, Entry>;
  /** Field names match regardless of case, as they do in JSON for image-syncer. */
  anyCase: boolean;
}

export interface Entry {
  key: string;
  /** Of the key. */
  line: number;
  value: Written;
}

/** A whole file. */
export interface Reading {
  /** Missing for an empty file, and when the mistakes leave nothing that can be read. */
  value?: Written;
  /** Nothing here quotes the file: it may hold passwords. */
  mistakes: Remark[];
  warnings: Remark[];
}

export interface Remark {
  line: number;
  message: string;
}

/** Levels of nesting: a file of image-syncer has five. */
export const maxDepth = 100;

/** The fields with that name, of which the last one counts. */
export function fieldsOf(mapping: Mapping, name: string): Entry[] {
  const isNamed = ({ key }: Entry): boolean => (mapping.anyCase ? key.toLowerCase() : key) === name;
  return [...mapping.entries.values()].filter(isNamed);
}

export function isNothing(value: Written): boolean {
  return value.kind === 'scalar' && value.type === 'null';
}

/** The type in words, for a message that may not show the value. */
export function typeOf(value: Written): string {
  if (value.kind !== 'scalar') return `a ${value.kind}`;
  return value.type === 'null' ? 'nothing' : `a ${value.type}`;
}
