import { printable } from '../printable.ts';
import { longest, placed, SyncConfigError, type FileMistake } from './error.ts';

/** What is found while the files are read: warnings as they come, mistakes file by file and line by line. */
export class Findings {
  /** Each once: a parser may say the same again. */
  readonly #mistakes = new Map<string, FileMistake>();
  readonly #warnings = new Set<string>();
  #fatal = false;

  warn(message: string, file?: string, line?: number): void {
    this.#warnings.add(placed(mistakeOf(message, file, line)));
  }

  /** The whole run must be aborted. */
  abort(message: string, file?: string, line?: number): void {
    this.#fatal = true;
    this.#add(mistakeOf(message, file, line));
  }

  /** A rule is lost; the others may run. */
  lose(mistake: FileMistake): void {
    this.#add({ ...mistake, message: printable(mistake.message, longest) });
  }

  #add(mistake: FileMistake): void {
    this.#mistakes.set(JSON.stringify(mistake), mistake);
  }

  get warnings(): string[] {
    return [...this.#warnings];
  }

  /** Those of single rules. Throws `SyncConfigError` with all when one of them aborts the run. */
  mistakes(): readonly FileMistake[] {
    const found = [...this.#mistakes.values()];
    const files = [...new Set(found.map(({ file }) => file))];
    const mistakes = found.toSorted(
      (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || (a.line ?? 0) - (b.line ?? 0),
    );
    if (this.#fatal) throw new SyncConfigError(mistakes);
    return mistakes;
  }
}

function mistakeOf(message: string, file?: string, line?: number): FileMistake {
  return {
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    message: printable(message, longest),
  };
}
