import type { Bytes, Destination, Fetched, Source, WriteBlobOptions } from '../copy/repository.ts';
import { RegistryError } from '../copy/error.ts';
import { noSessions } from '../copy/upload-session.ts';
import type { UploadSessions } from '../copy/upload-session.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, isDigest } from '../oci/digest.ts';
import type { Algorithm, Digest } from '../oci/digest.ts';
import { mediaTypeOf } from '../oci/manifest.ts';
import { essence, isSchema1, manifestTypes, unknownBlob } from '../oci/media-type.ts';
import { isTag } from '../oci/reference.ts';
import { manifestDigest } from '../oci/schema1.ts';
import { formatScope } from '../oci/scope.ts';
import type { Clock } from '../clock.ts';
import { believeAbsent, caps, parseObject } from './body.ts';
import { download } from './download.ts';
import { refuseOtherLength } from './range.ts';
import { listed } from './list.ts';
import type { AnswerHeaders, Call } from './call.ts';
import type { Sender } from './transport.ts';
import type { Habits } from './upload-session.ts';
import { writeBlob } from './upload.ts';
import { shown } from './url.ts';

const accept = { accept: manifestTypes.join(', ') };

export interface RepositoryOptions {
  /** With the urgency of all that is asked here. */
  transport: Sender;
  origin: URL;
  name: string;
  /** `pull`, or both together from the first request on: a `pull` token for a repository that does not exist yet is empty on ACR. */
  actions: readonly ('pull' | 'push')[];
  clock: Clock;
  idleTimeout: number;
  /** Where uploads are remembered over a restart. */
  sessions?: UploadSessions | undefined;
  habits: Habits;
}

/** One repository of a registry, by the distribution specification 1.1. */
export class Repository implements Source, Destination {
  readonly #options: RepositoryOptions;
  readonly #transport: Sender;
  readonly #scope: string;

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.#scope = formatScope({ repository: options.name, actions: options.actions });
  }

  async resolve(reference: string, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const call = this.#call('HEAD', `manifests/${reference}`, [200, 404], signal);
    const answer = await this.#transport.send({ ...call, headers: accept }).catch((error: unknown) => {
      // A HEAD says nothing of a policy's reason; the GET that is refused too does, and counts as no pull.
      if (error instanceof RegistryError && error.fault === 'policy') return undefined;
      throw error;
    });
    // A source's HEAD does not say whose 404 it is, and a task ends with it; a destination's only means more work.
    if (answer?.status === 404 && this.#options.actions.includes('push')) return undefined;
    const descriptor = answer?.status === 200 ? descriptorOf(answer.headers) : undefined;
    return descriptor ?? (await this.fetch(reference, signal))?.descriptor;
  }

  async manifest(descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array> {
    const fetched = await this.fetch(descriptor.digest, signal);
    if (fetched !== undefined) return fetched.bytes;
    throw new RegistryError('not-found', `manifest ${descriptor.digest} is not in ${this.#options.name}`, {
      status: 404,
    });
  }

  async describe(blob: Digest, signal?: AbortSignal): Promise<Descriptor> {
    const call = this.#call('HEAD', `blobs/${blob}`, [200], signal);
    const { headers } = await this.#transport.send(call);
    const length = headers.get('content-length') ?? '';
    if (/^\d{1,15}$/.test(length)) return { mediaType: unknownBlob, digest: blob, size: Number(length) };
    throw new RegistryError('protocol', `HEAD ${shown(call.url)}: expected the blob's length, got none`);
  }

  async blob(descriptor: Descriptor, signal: AbortSignal, from = 0): Promise<Bytes> {
    const call = { ...this.#call('GET', `blobs/${descriptor.digest}`, [200], signal), signal };
    return download({ transport: this.#transport, clock: this.#options.clock, call, descriptor }, from);
  }

  async hasBlob(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean> {
    const call = this.#call('HEAD', `blobs/${descriptor.digest}`, [200, 404], signal);
    const answer = await this.#transport.send(call);
    if (answer.status === 404) return false;
    refuseOtherLength(descriptor, answer);
    return true;
  }

  async writeBlob(
    descriptor: Descriptor,
    open: (signal: AbortSignal, from: number) => Promise<Bytes>,
    options: WriteBlobOptions,
  ): ReturnType<Destination['writeBlob']> {
    const { transport, origin, name, clock, idleTimeout, habits, sessions = noSessions } = this.#options;
    const scope = this.#scope;
    const target = { transport, origin, repository: name, scope, clock, idleTimeout, sessions, habits };
    const isThere = (signal: AbortSignal | undefined): Promise<boolean> => this.hasBlob(descriptor, signal);
    return writeBlob({ ...target, isThere }, descriptor, open, options);
  }

  async putManifest(
    reference: string,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const call = this.#call('PUT', `manifests/${reference}`, [200, 201, 202, 204], signal);
    const headers = { 'content-type': descriptor.mediaType };
    const answer = await this.#transport.send({ ...call, headers, body: bytes }).catch((error: unknown) => {
      throw isSchema1(descriptor.mediaType) ? ofSchema1(error) : error;
    });
    const digest = answer.headers.get('docker-content-digest');
    if (digest === null || digest === descriptor.digest) return digest !== null;
    const message = `PUT of manifest ${reference}: expected ${descriptor.digest} to be stored, got ${digest.slice(0, 140)}`;
    throw new RegistryError('corrupt', message);
  }

  /** Every tag, page by page. Names that are no tags are left out: some registries list them. */
  async *tags(signal?: AbortSignal): AsyncGenerator<string> {
    const call = this.#call('GET', 'tags/list', [200, 404], signal);
    for await (const tag of listed(this.#transport, call, 'tags')) {
      if (isTag(tag)) yield tag;
    }
  }

  #call(
    method: Call['method'],
    path: string,
    expect: readonly number[],
    signal: AbortSignal | undefined,
  ): Call {
    const { origin, name } = this.#options;
    const url = new URL(`/v2/${name}/${path}`, origin);
    return { method, url, scopes: [this.#scope], expect, signal };
  }

  /**
   * A GET, for the bytes or where HEAD does not say enough; the digest is of the bytes, whatever the header claims. What was
   * garbled on its way is asked for once more.
   */
  async fetch(reference: string, signal?: AbortSignal): Promise<Fetched | undefined> {
    return this.#fetch(reference, signal).catch((error: unknown) => {
      if (error instanceof RegistryError && error.fault === 'corrupt') return this.#fetch(reference, signal);
      throw error;
    });
  }

  async #fetch(reference: string, signal: AbortSignal | undefined): Promise<Fetched | undefined> {
    const call = this.#call('GET', `manifests/${reference}`, [200, 404], signal);
    const { status, headers, bytes } = await this.#transport.send(
      { ...call, headers: accept },
      caps.manifest,
    );
    if (status === 404) {
      believeAbsent(bytes, shown(call.url));
      return undefined;
    }
    const mediaType = manifestType(bytes, headers.get('content-type') ?? undefined, shown(call.url));
    const named = isDigest(reference) ? reference : headers.get('docker-content-digest');
    const algorithm = named !== null && isDigest(named) ? algorithmOf(named) : 'sha256';
    const digest = digestAs(mediaType, bytes, algorithm, shown(call.url));
    if (named === null || named === digest) {
      return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
    }
    const message = `${shown(call.url)}: expected ${named.slice(0, 140)}, got bytes of ${digest}`;
    throw new RegistryError('corrupt', message);
  }
}

/**
 * The manifest's type. What is no manifest at all, a proxy's page perhaps, may be another thing at the next try; a
 * manifest that is none of ours stays what it is, so its copy can never work.
 */
function manifestType(bytes: Uint8Array, contentType: string | undefined, url: string): string {
  const mediaType = toldType(bytes, contentType, url);
  if (manifestTypes.includes(mediaType)) return mediaType;
  parseObject(bytes, url);
  const message = `${url}: expected a manifest of a type that was asked for, got ${mediaType.slice(0, 200)}`;
  throw new RegistryError('artifact-refused', message);
}

/** Registries have ceased to take schema 1: with it switched off Distribution 2 answers 500, with "unknown error". */
function ofSchema1(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  const { status = 0, code = '', message } = error;
  const isMeant = [400, 415].includes(status) || (status === 500 && code === 'UNKNOWN');
  if (!isMeant) return error;
  const why = `${message}; it takes no Docker schema 1, it seems: push the image again with a current tool`;
  return new RegistryError('artifact-refused', why, { status, code, cause: error });
}

function toldType(bytes: Uint8Array, contentType: string | undefined, url: string): string {
  try {
    return mediaTypeOf(bytes, contentType);
  } catch (cause) {
    // Only a manifest says which schema it follows: not the error that a proxy writes as JSON.
    const { schemaVersion } = parseObject(bytes, url);
    const fault = schemaVersion === undefined ? 'protocol' : 'artifact-refused';
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegistryError(fault, `${url}: expected a manifest whose type can be told; ${why}`, { cause });
  }
}

function digestAs(mediaType: string, bytes: Uint8Array, algorithm: Algorithm, url: string): Digest {
  try {
    return manifestDigest(bytes, mediaType, algorithm);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegistryError('artifact-refused', `${url}: expected a manifest with a digest; ${why}`, {
      cause,
    });
  }
}

/** From a HEAD's headers; `undefined` when they do not say all of it, or what they say is no digest. */
function descriptorOf(headers: AnswerHeaders): Descriptor | undefined {
  const digest = headers.get('docker-content-digest') ?? '';
  const type = headers.get('content-type');
  const length = headers.get('content-length') ?? '';
  if (!isDigest(digest) || type === null || !/^\d{1,9}$/.test(length)) return undefined;
  const mediaType = essence(type);
  return manifestTypes.includes(mediaType) ? { mediaType, digest, size: Number(length) } : undefined;
}
