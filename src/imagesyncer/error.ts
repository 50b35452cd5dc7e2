import { printable } from '../printable.ts';

/** Characters of one message: names may be as long as the file. */
export const longest = 600;

/** One thing that is wrong in the files or in how they are given. `message` is one line, and holds no secret. */
export interface FileMistake {
  /** None for a mistake of the command line. */
  file?: string;
  /** The first is 1; a mistake of the whole file has none. */
  line?: number;
  message: string;
  /** Both ends as written, without passwords, of a mistake that has cost its rule only; no destination: all of that source. */
  source?: string;
  destination?: string;
}

/** The run must be aborted. `message` is ready to be printed: a line for each mistake of the files, in their order. */
export class SyncConfigError extends Error {
  override readonly name = 'SyncConfigError';
  readonly mistakes: readonly FileMistake[];

  constructor(mistakes: readonly FileMistake[]) {
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
    super([...mistakes.map(placed), `${count}; nothing has been copied`].join('\n'));
    this.mistakes = mistakes;
  }
}

/** `FILE:LINE: message` */
export function placed({ file, line, message }: FileMistake): string {
  const place = [file, line].filter((part) => part !== undefined).join(':');
  return place === '' ? message : `${printable(place, longest)}: ${message}`;
}
