import { printable } from '../printable.ts';

/** Characters of a mistake's parts: keys and names may be as long as the file. */
const longest = 400;

/** One thing that is wrong in a configuration file. No field ever holds a secret. */
export interface Mistake {
  file: string;
  /** The first is 1; a mistake of the whole file has none. */
  line?: number | undefined;
  /** Where in the document, e.g. `rules[0].repositories[2]`; empty for the document itself. */
  path: string;
  expected: string;
  got: string;
  /** The known name that the wrong one was probably meant to be. */
  nearest?: string | undefined;
}

/** The configuration cannot be used. `message` is ready to be printed: a line for each mistake, by line number. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    const sorted = mistakes.map(shown).toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
    const count = sorted.length === 1 ? '1 mistake' : `${sorted.length} mistakes`;
    super(
      [...sorted.map(sentence), `${count} in ${file}; docs/configuration.md describes every key`].join('\n'),
    );
    this.mistakes = sorted;
  }
}

/** No file was named, and in the usual places there is none. */
export class NoConfigError extends ConfigError {
  constructor(places: readonly string[], nearby: string | undefined) {
    super(places.join(', '), []);
    const hint = nearby === undefined ? '' : `; did you mean --config ${nearby}?`;
    this.message = `no configuration: say --config FILE, set $TAGFERRY_CONFIG, or write ${places.join(' or ')}${hint}`;
  }
}

/** Keys, names and patterns are quoted from the file, which may hold anything. */
function shown({ path, expected, got, nearest, ...rest }: Mistake): Mistake {
  const texts = {
    path: printable(path, longest),
    expected: printable(expected, longest),
    got: printable(got, longest),
  };
  return { ...rest, ...texts, nearest: nearest && printable(nearest, longest) };
}

/** One line for a person. */
export function sentence({ file, line, path, expected, got, nearest }: Mistake): string {
  const place = line === undefined ? file : `${file}:${line}`;
  const question = nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`;
  return `${place}: ${path === '' ? '' : `${path}: `}expected ${expected}, got ${got}${question}`;
}
