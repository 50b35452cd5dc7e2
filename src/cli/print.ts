import { escaped } from '../printable.ts';

/*
 * Task messages hold the words of registries, and answers those of whatever server stands at the address. In a
 * terminal they must be no commands, and no lines of their own.
 */

/** One line on standard output. */
export function print(line: string): void {
  console.log(escaped(line));
}

/** Indented JSON on standard output, the same document with all that a terminal would obey escaped. */
export function printJson(value: unknown): void {
  console.log(linesOf(JSON.stringify(value, null, 2)));
}

/** A message whose line breaks are meant, on standard error. */
export function complain(message: string): void {
  console.error(linesOf(message));
}

function linesOf(text: string): string {
  return text.split('\n').map(escaped).join('\n');
}
