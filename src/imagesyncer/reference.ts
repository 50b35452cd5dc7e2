import { isDigest } from '../oci/digest.ts';
import { isTag } from '../oci/reference.ts';
import { compileExpression, PatternError } from '../rule/pattern.ts';
import { parsePlace, type Place } from './place.ts';

/** What a source or a destination says behind its repository. References are tags or digests, as often as written. */
export type Selection =
  | { kind: 'all' }
  | { kind: 'listed'; references: readonly string[] }
  | { kind: 'matching'; matches(tag: string): boolean };

/** A source or destination, understood. */
export interface Reference {
  place: Place;
  selection: Selection;
  /** The registry is Docker Hub only because none is named. */
  isImplied: boolean;
  /** A tag that stands beside a digest, and means nothing. */
  droppedTag?: string;
}

/*
 * In this order: a digest, a tag, neither; then what no reference is: `:/`, a regular expression; then a list. Every
 * message begins with image-syncer's words where it has some.
 */

/** Reads a source or destination of the rules file. Throws `SyntaxError` with the whole text of the mistake. */
export function parseReference(url: string): Reference {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0];
  if (scheme !== undefined)
    throw new SyntaxError(`${expressionFormat(url)}; if it is none, leave out ${JSON.stringify(scheme)}`);
  const colon = url.indexOf(':/');
  if (colon >= 0) return parseMatching(url, colon);
  const elements = url.split(',');
  if (elements.length > 1) return parseList(url, elements);
  return explained(url, () => parseSingle(url));
}

/** As it is written, but for a password in front of an `@`. */
export function masked(url: string): string {
  return url.replace(/^([a-z0-9+.-]*:\/\/)?[^/]*@(?!sha\d+:)/i, '$1***@');
}

/** For messages: quoted as image-syncer quotes it. */
export function shown(url: string): string {
  return masked(url).slice(0, 200);
}

function parseMatching(url: string, colon: number): Reference {
  const written = url.slice(colon + 1);
  if (written.length < 2 || !written.endsWith('/')) throw new SyntaxError(expressionFormat(url));
  const expression = written.slice(1, -1);
  if (/\/\s*[,:].*\//s.test(expression))
    throw new SyntaxError(
      `invalid tag regex url format ${shown(url)}, only one regex is possible: join them as (?:A|B), or make two rules`,
    );
  const { place, isImplied } = explained(url, () => parsePlace(url.slice(0, colon)));
  return {
    place,
    isImplied,
    selection: { kind: 'matching', matches: compiled(url, expression) },
  };
}

function expressionFormat(url: string): string {
  return `invalid tag regex url format ${shown(url)}, regex must start and end with "/"`;
}

function compiled(url: string, expression: string): (tag: string) => boolean {
  try {
    return compileExpression(expression);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new SyntaxError(`invalid tag regex of ${shown(url)}: ${error.message}`, { cause: error });
  }
}

/** `REPOSITORY:TAG,…`: further elements are tags or digests. */
function parseList(url: string, elements: readonly string[]): Reference {
  const [first = '', ...further] = elements.map((element) => element.trim());
  const { place, isImplied, selection } = explained(url, () => parseSingle(elements[0]?.trimEnd() ?? ''));
  if (first.includes('@'))
    throw unparsable(url, 'a list begins with REPOSITORY:TAG; digests may follow, or write a rule for each');
  if (selection.kind !== 'listed')
    throw unparsable(url, 'a list begins with REPOSITORY:TAG, and the first tag is missing');
  for (const element of further) {
    if (element === '')
      throw new SyntaxError(
        `failed to parese canonical url ${shown(url)}: a tag of the list is empty; take its comma away`,
      );
    if (!isTag(element) && !isDigest(element))
      throw new SyntaxError(`failed to parese canonical url ${shown(url)}: ${wrongTag(element)}`);
  }
  return {
    place,
    isImplied,
    selection: { kind: 'listed', references: [...selection.references, ...further] },
  };
}

/** `REPOSITORY[:TAG][@DIGEST]` */
function parseSingle(text: string): Reference {
  if (text !== text.trim()) throw new SyntaxError('there is a space at one of its ends; take it away');
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const { place, isImplied } = parsePlace(colon < 0 ? named : named.slice(0, colon));
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag === '') throw new SyntaxError('no tag stands behind the last ":"');
  if (tag !== undefined && !isTag(tag)) throw new SyntaxError(wrongTag(tag));
  if (digest !== undefined && !isDigest(digest))
    throw new SyntaxError('a digest is sha256: and 64, or sha512: and 128 lower-case hexadecimal digits');
  const reference = digest ?? tag;
  const selection: Selection =
    reference === undefined ? { kind: 'all' } : { kind: 'listed', references: [reference] };
  const isDropped = digest !== undefined && tag !== undefined;
  return { place, isImplied, selection, ...(isDropped ? { droppedTag: tag } : {}) };
}

function wrongTag(tag: string): string {
  const expected = 'a tag is at most 128 letters, digits, "_", "." and "-", the first not "." or "-"';
  return `${expected}, got ${JSON.stringify(tag.slice(0, 80))}`;
}

function explained<T>(url: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof SyntaxError ? unparsable(url, error.message) : error;
  }
}

function unparsable(url: string, why: string): SyntaxError {
  return new SyntaxError(`failed to parse first tag with url ${shown(url)}: ${why}`);
}
