/*
 * What others write ends in logs, terminals and answers. Control characters end a line or command a terminal, format
 * characters hide text or turn its direction around, U+2028 and U+2029 end a line for some readers, and half a
 * surrogate pair is no text at all.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Others' words for a message: one line of at most `length` characters. */
export function printable(text: string, length: number): string {
  const cut = text.length > length ? `${text.slice(0, length - 1)}…` : text;
  return cut.replace(unprintable, ' ');
}

/** One line with nothing lost: such characters as `\uXXXX`. A JSON text without line breaks stays the same document. */
export function escaped(text: string): string {
  return text.replace(unprintable, escape);
}

function escape(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
