import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { texts } from './corpus.ts';

const factor = Number(process.env['HOSTILE_RUNS'] ?? 1);

/** How often a property is tried: `HOSTILE_RUNS` times as often when that is set. */
export function runs(count: number): { numRuns: number } {
  return { numRuns: Math.max(1, Math.round(count * factor)) };
}

/** Nothing that ends a line, commands a terminal, hides or turns text. */
export const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** An error's message stands in logs, answers and terminals. */
export function assertLine(text: string, longest: number): void {
  assert.doesNotMatch(text, unprintable);
  assert.ok(text.length > 0 && text.length <= longest, `${text.length} characters: ${text.slice(0, 200)}`);
}

/** What `parse` gives, or `undefined` after its one error, whose message is a line. */
export function valueOrError<T>(
  parse: () => T,
  type: abstract new (...parts: never[]) => Error,
  longest: number,
): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof type)) throw error;
    assertLine(error.message, longest);
    return undefined;
  }
}

/** Any text: of the corpus, of the pieces that a parser looks for, of anything. */
export function anyText(...pieces: string[]): fc.Arbitrary<string> {
  const nasty = fc.constantFrom(...Object.values(texts));
  const short = fc.constantFrom(...Object.values(texts).filter((text) => text.length < 100));
  const piece = fc.oneof(fc.constantFrom(' ', ...pieces), fc.string({ unit: 'binary', maxLength: 4 }), short);
  return fc.oneof(
    { weight: 1, arbitrary: nasty },
    { weight: 4, arbitrary: fc.array(piece, { maxLength: 20 }).map((parts) => parts.join('')) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary' }) },
  );
}

/** As a header arrives: each byte a character, no control but the tabulator. */
export function headerText(...pieces: string[]): fc.Arbitrary<string> {
  return anyText(...pieces).map((text) =>
    Buffer.from(text)
      .toString('latin1')
      .replace(/[\x00-\x08\x0a-\x1f\x7f]/g, '')
      .slice(0, 16_000),
  );
}

/** A document's bytes with a few of them changed, left out or put in. */
export function damaged(document: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.nat(document.length),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 3 }),
  });
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) =>
      changes.reduce<Uint8Array>(
        (bytes, { at, remove, insert }) =>
          Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]),
        document,
      ),
    );
}

/** A JSON document with one of its members, wherever it is, replaced. */
export function replaced(document: unknown, value: unknown): unknown[] {
  if (typeof document !== 'object' || document === null) return [value];
  const outside = Array.isArray(document)
    ? []
    : [{ ...document, [typeof value === 'string' ? value : 'odd']: value }];
  const inside = Object.entries(document).flatMap(([key, member]) =>
    replaced(member, value).map((instead) =>
      Array.isArray(document) ? document.with(Number(key), instead) : { ...document, [key]: instead },
    ),
  );
  return [value, ...outside, ...inside];
}
