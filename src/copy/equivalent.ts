import { isDeepStrictEqual } from 'node:util';
import { dockerList, essence, isIndex } from '../oci/media-type.ts';
import { isObject, type JsonObject, objectOf, objectsOf } from '../oci/json.ts';

/*
 * image-syncer writes the manifest of an image as it read it, but an index as its own library prints it: compact,
 * without the members that the library does not know, and with a `mediaType`. Such an index has another digest and
 * says the same. https://github.com/AliyunContainerService/image-syncer/blob/master/pkg/sync/manifest.go
 */

/** Whether both manifests, of the same media type, say the same. */
export function isEquivalent(one: Uint8Array, other: Uint8Array, mediaType: string): boolean {
  const comparable = isIndex(mediaType) ? (index: JsonObject) => said(index, mediaType) : whole;
  try {
    return isDeepStrictEqual(comparable(objectOf(one)), comparable(objectOf(other)));
  } catch {
    // What cannot be read, or nests deeper than a stack is, is equal to nothing.
    return false;
  }
}

function whole(document: JsonObject): unknown {
  return document;
}

/** What is left of an index by then. */
function said(index: JsonObject, delivered: string): unknown {
  const type = index['mediaType'];
  return stated({
    schemaVersion: index['schemaVersion'],
    mediaType: essence(typeof type === 'string' && type !== '' ? type : delivered),
    manifests: objectsOf(index['manifests']).map((child) => childSaid(child, delivered)),
    annotations: annotationsOf(index, delivered),
  });
}

function childSaid(child: JsonObject, delivered: string): unknown {
  const { mediaType, size, digest, urls, platform } = child;
  return { mediaType, size, digest, urls, platform, annotations: annotationsOf(child, delivered) };
}

/** Docker's list has none by its specification, though BuildKit writes some; image-syncer drops them. */
function annotationsOf({ annotations }: JsonObject, delivered: string): unknown {
  return essence(delivered) === dockerList ? undefined : annotations;
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
