import { isDeepStrictEqual } from 'node:util';
import { dockerList, essence, isIndex } from '../oci/media-type.ts';
import { isObject, type JsonObject, objectOf, objectsOf } from '../oci/json.ts';

/*
 * image-syncer writes the manifest of an image as it read it, but an index as its own library prints it: compact,
 * without the members that the library does not know, and with a `mediaType`. Such an index has another digest and
 * says the same. https://github.com/AliyunContainerService/image-syncer/blob/master/pkg/sync/manifest.go
 */

/** Whether `there` says what `wanted`, of the same media type, says; but for members that an index lost to image-syncer. */
export function isEquivalent(wanted: Uint8Array, there: Uint8Array, mediaType: string): boolean {
  try {
    const [one, other] = [objectOf(wanted), objectOf(there)];
    if (!isIndex(mediaType)) return isDeepStrictEqual(one, other);
    return isDeepStrictEqual(said(left(one, other, mediaType), mediaType), said(other, mediaType));
  } catch {
    // What cannot be read, or nests deeper than a stack is, is equal to nothing.
    return false;
  }
}

function said(index: JsonObject, delivered: string): unknown {
  const type = index['mediaType'];
  const mediaType = essence(typeof type === 'string' && type !== '' ? type : delivered);
  return stated({ ...index, mediaType, manifests: objectsOf(index['manifests']) });
}

/** The index without what its copy has not got and could have lost. */
function left(index: JsonObject, copy: JsonObject, delivered: string): JsonObject {
  const kept = essence(delivered) === dockerList ? known : [...known, 'annotations'];
  const entries = objectsOf(copy['manifests']);
  const manifests = objectsOf(index['manifests']).map((entry, place) =>
    remaining(entry, entries[place] ?? {}, kept),
  );
  return { ...remaining(index, copy, kept), manifests };
}

/**
 * Of an index and its entries. Docker's list has no annotations by its specification, though BuildKit writes some;
 * image-syncer drops them.
 */
const known = ['schemaVersion', 'mediaType', 'manifests', 'size', 'digest', 'urls', 'platform'];

function remaining(document: JsonObject, copy: JsonObject, kept: readonly string[]): JsonObject {
  const members = Object.entries(document);
  return Object.fromEntries(members.filter(([name]) => kept.includes(name) || Object.hasOwn(copy, name)));
}

/** Without what is empty: Go writes it or leaves it out. */
function stated(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(stated);
  if (!isObject(value)) return value === '' || value === null ? undefined : value;
  const members = Object.entries(value)
    .map(([name, member]): [string, unknown] => [name, stated(member)])
    .filter(([, member]) => member !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
