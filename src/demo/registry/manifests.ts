import { type Digest, algorithmOf, isDigest } from '../../oci/digest.ts';
import { type Successors, ManifestError, parseManifest } from '../../oci/manifest.ts';
import { dockerManifest, essence, isForeignLayer, manifestTypes } from '../../oci/media-type.ts';
import { isTag } from '../../oci/reference.ts';
import { manifestDigest } from '../../oci/schema1.ts';
import { type Answer, type Call, empty } from './call.ts';
import type { Contents, Repository, StoredManifest } from './contents.ts';
import { Refusal } from './error.ts';

const maxManifestSize = 4 * 1024 * 1024;

export type OnTag = (repository: string, tag: string, digest: Digest) => void;

/** Serves manifests by tag and by digest, and takes those whose blobs and manifests are there. */
export class Manifests {
  readonly #contents: Contents;
  readonly #onTag: OnTag;
  /** Whether `subject` is understood, and said so. */
  readonly #referrers: boolean;

  constructor(contents: Contents, options: { onTag: OnTag; referrers: boolean }) {
    this.#contents = contents;
    this.#onTag = options.onTag;
    this.#referrers = options.referrers;
  }

  get(call: Call, repository: string, reference: string): Answer {
    const { digest, mediaType, bytes } = this.#find(repository, reference);
    const headers = { 'docker-content-digest': digest, etag: `"${digest}"` };
    if (call.headers['if-none-match']?.includes(digest)) return { status: 304, headers };
    if (!accepts(call, mediaType))
      throw new Refusal(404, 'MANIFEST_UNKNOWN', {
        message: `manifest found, but accept header does not support ${mediaType}`,
      });
    const length = { 'content-type': mediaType, 'content-length': `${bytes.length}` };
    return { status: 200, headers: { ...headers, ...length }, body: bytes };
  }

  async put(call: Call, repository: string, reference: string): Promise<Answer> {
    const bytes = await readManifest(call);
    const manifest = this.#admit(call, repository, reference, bytes);
    const { manifests, tags } = this.#contents.open(repository);
    manifests.set(manifest.digest, manifest);
    if (!isDigest(reference)) {
      tags.set(reference, manifest.digest);
      this.#onTag(repository, reference, manifest.digest);
    }
    return empty(201, {
      location: `${call.origin}/v2/${repository}/manifests/${manifest.digest}`,
      'docker-content-digest': manifest.digest,
      ...(this.#referrers && manifest.subject && { 'oci-subject': manifest.subject }),
    });
  }

  #find(repository: string, reference: string): StoredManifest {
    const found = this.#contents.find(repository);
    const digest = isDigest(reference) ? reference : found?.tags.get(reference);
    const manifest = digest && found?.manifests.get(digest);
    if (manifest) return manifest;
    throw new Refusal(404, 'MANIFEST_UNKNOWN', { detail: { reference } });
  }

  #admit(call: Call, repository: string, reference: string, bytes: Uint8Array): StoredManifest {
    const mediaType = essence(call.headers['content-type'] ?? '');
    const successors = parse(bytes, mediaType);
    const digest = digestFor(reference, bytes, mediaType);
    const missing = missingIn(this.#contents.find(repository), successors);
    if (missing.length > 0) throw new Refusal(400, 'MANIFEST_BLOB_UNKNOWN', { detail: missing });
    return { digest, mediaType, bytes, subject: successors.subject?.digest };
  }
}

async function readManifest(call: Call): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of call.body) {
    size += chunk.length;
    if (size <= maxManifestSize) chunks.push(chunk);
  }
  if (size <= maxManifestSize) return Buffer.concat(chunks);
  throw new Refusal(413, 'SIZE_INVALID', {
    message: `expected at most ${maxManifestSize} bytes, got ${size}`,
  });
}

/** The digest under which the bytes are stored: by tag sha256, by digest the one that was named. */
function digestFor(reference: string, bytes: Uint8Array, mediaType: string): Digest {
  if (isTag(reference)) return manifestDigest(bytes, mediaType);
  if (isDigest(reference) && manifestDigest(bytes, mediaType, algorithmOf(reference)) === reference)
    return reference;
  throw new Refusal(400, 'DIGEST_INVALID', { detail: reference });
}

function parse(bytes: Uint8Array, mediaType: string): Successors {
  if (!manifestTypes.includes(mediaType))
    throw new Refusal(400, 'MANIFEST_INVALID', { detail: `unknown media type ${mediaType}` });
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    throw new Refusal(400, 'MANIFEST_INVALID', { detail: error.message });
  }
}

/** A subject may be missing, and so may layers that are not for registries. */
function missingIn(
  repository: Repository | undefined,
  { blobs, manifests, unsized = [] }: Successors,
): Digest[] {
  const needed = blobs.filter((blob) => !isForeignLayer(blob)).map(({ digest }) => digest);
  const blobless = [...needed, ...unsized].filter((digest) => !repository?.blobs.has(digest));
  const children = manifests
    .map(({ digest }) => digest)
    .filter((digest) => !repository?.manifests.has(digest));
  return [...blobless, ...children];
}

/**
 * The type has to be named, wildcards do not count: so Harbor and Distribution do. Docker's own manifest is
 * what old clients that send no `Accept` mean.
 */
function accepts(call: Call, mediaType: string): boolean {
  const accepted = (call.headers.accept ?? '').split(',').map(essence);
  return mediaType === dockerManifest || accepted.includes(mediaType);
}
