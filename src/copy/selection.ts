import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts';
import { dockerManifest, isIndex, isSchema1 } from '../oci/media-type.ts';
import { Bounds } from './bounds.ts';
import { at, RegistryError } from './error.ts';
import { isObject, type JsonObject, objectOf } from '../oci/json.ts';
import { type Manifests, successorsOf, understood } from './manifests.ts';
import { fits, type PlatformFilter, reduceIndex } from './platform.ts';
import type { Source } from './repository.ts';

/** What a copy reads with: its source, and the manifests that it has already. */
export interface Reading {
  source: Source;
  manifests: Manifests;
  signal: AbortSignal;
}

/**
 * The index with the platforms that are wanted; itself when all are, `undefined` when none is. An index within it is
 * reduced the same way, and what is made is kept among the manifests.
 */
export async function reduce(
  index: Descriptor,
  filter: PlatformFilter,
  manifests: Manifests,
): Promise<Descriptor | undefined> {
  return new Reduction(filter, manifests).reduce(index, 0);
}

class Reduction {
  readonly #filter: PlatformFilter;
  readonly #manifests: Manifests;
  readonly #bounds = new Bounds();
  /** Of indexes within: what they have become. */
  readonly #reduced = new Map<Digest, Descriptor | undefined>();

  constructor(filter: PlatformFilter, manifests: Manifests) {
    this.#filter = filter;
    this.#manifests = manifests;
  }

  async reduce(index: Descriptor, depth: number): Promise<Descriptor | undefined> {
    this.#bounds.take(index, depth);
    const whole = await this.#manifests.read(index);
    for (const manifest of successorsOf(index, whole).manifests) await this.#successor(manifest, depth + 1);
    const bytes = understood(index, () => reduceIndex(whole, this.#filter, this.#reduced));
    if (bytes === undefined) return undefined;
    const digest = digestOf(bytes, algorithmOf(index.digest));
    const made = bytes === whole ? index : { ...index, digest, size: bytes.length };
    this.#manifests.keep(made, bytes);
    return made;
  }

  async #successor(manifest: Descriptor, depth: number): Promise<void> {
    if (!isIndex(manifest.mediaType) || this.#reduced.has(manifest.digest)) return;
    if (fits(manifest.platform ?? {}, this.#filter)) {
      this.#reduced.set(manifest.digest, await this.reduce(manifest, depth));
    }
  }
}

/**
 * Whether a manifest that is no index is of a platform that is not wanted. Only Docker's own are asked: an OCI manifest
 * may as well be a chart or a signature, and image-syncer copies them all.
 */
export async function isUnwanted(
  manifest: Descriptor,
  filter: PlatformFilter,
  reading: Reading,
): Promise<boolean> {
  const says = isSchema1(manifest.mediaType) || manifest.mediaType === dockerManifest;
  if (!says) return false;
  const bytes = await reading.manifests.read(manifest);
  reading.manifests.keep(manifest, bytes);
  if (isSchema1(manifest.mediaType))
    return !fits(
      understood(manifest, () => objectOf(bytes)),
      filter,
    );
  const config = await configOf(manifest, bytes, reading);
  return config !== undefined && !fits(config, filter);
}

/** `undefined` when there is none that could be read: a plugin's, for example. */
async function configOf(
  manifest: Descriptor,
  bytes: Uint8Array,
  { source, signal }: Reading,
): Promise<JsonObject | undefined> {
  const { blobs } = successorsOf(manifest, bytes);
  const { config } = objectOf(bytes);
  const descriptor = blobs.find(({ digest }) => isObject(config) && config['digest'] === digest);
  if (descriptor === undefined) return undefined;
  const operation = `read config ${descriptor.digest}`;
  const content = await at('source', operation, readConfig(descriptor, source, signal));
  try {
    return objectOf(content);
  } catch {
    return undefined;
  }
}

/** Far above what any config is, and still no burden. */
const maxConfig = 8 * 1024 * 1024;

async function readConfig(descriptor: Descriptor, source: Source, signal: AbortSignal): Promise<Buffer> {
  const { digest, size } = descriptor;
  if (size > maxConfig)
    throw new RegistryError(
      'artifact-refused',
      `config ${digest}: expected at most ${maxConfig} bytes, got ${size}`,
    );
  const stop = new AbortController();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of await source.blob(descriptor, AbortSignal.any([signal, stop.signal]))) {
      length += chunk.length;
      if (length > size) break;
      chunks.push(chunk);
    }
  } finally {
    stop.abort();
  }
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes, algorithmOf(digest)) === digest) return bytes;
  throw new RegistryError('corrupt', `config ${digest}: got other bytes than those of its digest`);
}
