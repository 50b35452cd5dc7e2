import { randomUUID } from 'node:crypto';
import { algorithmOf, isDigest } from '../../oci/digest.ts';
import { digestIn } from './blobs.ts';
import { type Answer, type Call, empty } from './call.ts';
import type { Contents } from './contents.ts';
import { Refusal } from './error.ts';
import { type Folder, Spool } from './spool.ts';

interface Upload {
  readonly id: string;
  readonly repository: string;
  readonly spool: Spool;
}

/**
 * Upload sessions. Each answer's `Location` carries the number of bytes received, so a client that goes on
 * with an older one is refused, as CNCF Distribution does; asking how far the upload is always works.
 */
export class Uploads {
  readonly #contents: Contents;
  readonly #folder: Folder;
  readonly #uploads = new Map<string, Upload>();

  constructor(contents: Contents, folder: Folder) {
    this.#contents = contents;
    this.#folder = folder;
  }

  /**
   * Mounts, or begins a session. Like Distribution, takes `?digest=` for an ordinary POST and drops the body,
   * and a mount that cannot be done for the beginning of an upload.
   */
  post(call: Call, repository: string): Answer {
    const mounted = this.#mount(call, repository);
    if (mounted) return mounted;
    const upload = { id: randomUUID(), repository, spool: new Spool(this.#folder) };
    this.#uploads.set(upload.id, upload);
    return this.#progress(202, call, upload);
  }

  async patch(call: Call, repository: string, id: string): Promise<Answer> {
    const upload = this.#current(call, repository, id);
    await append(call, upload);
    return this.#progress(202, call, upload);
  }

  /** Takes the last bytes, or all of them, and closes the session. */
  async put(call: Call, repository: string, id: string): Promise<Answer> {
    const upload = this.#current(call, repository, id);
    const digest = digestIn(call.query.get('digest') ?? '');
    await append(call, upload);
    this.#uploads.delete(id);
    const received = await upload.spool.finish(algorithmOf(digest));
    if (received !== digest) {
      await upload.spool.discard();
      throw new Refusal(400, 'DIGEST_INVALID', { detail: { expected: digest, received } });
    }
    const { blobs } = this.#contents.open(repository);
    if (blobs.has(digest)) await upload.spool.discard();
    else blobs.set(digest, upload.spool);
    return created(call, repository, digest);
  }

  get(call: Call, repository: string, id: string): Answer {
    return this.#progress(204, call, this.#find(repository, id));
  }

  async delete(_call: Call, repository: string, id: string): Promise<Answer> {
    const upload = this.#find(repository, id);
    this.#uploads.delete(id);
    await upload.spool.discard();
    return empty(204);
  }

  #mount(call: Call, repository: string): Answer | undefined {
    const digest = call.query.get('mount') ?? '';
    const from = this.#contents.find(call.query.get('from') ?? '');
    const blob = isDigest(digest) ? from?.blobs.get(digest) : undefined;
    if (!isDigest(digest) || !blob) return undefined;
    this.#contents.open(repository).blobs.set(digest, blob);
    return created(call, repository, digest);
  }

  #find(repository: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.repository === repository) return upload;
    throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', { detail: id });
  }

  /** The session, provided that the client knows how far it is. */
  #current(call: Call, repository: string, id: string): Upload {
    const upload = this.#find(repository, id);
    if (call.query.get('_state') === stateOf(upload)) return upload;
    throw new Refusal(404, 'BLOB_UPLOAD_INVALID', { detail: 'the Location is not the newest' });
  }

  #progress(status: number, call: Call, upload: Upload): Answer {
    const location = `${call.origin}/v2/${upload.repository}/blobs/uploads/${upload.id}`;
    return empty(status, {
      location: `${location}?_state=${stateOf(upload)}`,
      // `0-0` also for no byte at all, as Distribution has it.
      range: `0-${Math.max(0, upload.spool.size - 1)}`,
      'docker-upload-uuid': upload.id,
    });
  }
}

function stateOf({ id, spool }: Upload): string {
  return Buffer.from(JSON.stringify({ id, offset: spool.size })).toString('base64url');
}

/** Without `Content-Range` the body is appended; with it, it has to begin where the upload is. */
async function append(call: Call, { spool }: Upload): Promise<void> {
  const range = call.headers['content-range'];
  if (range !== undefined) expectRange(range, spool.size, call.headers['content-length']);
  for await (const chunk of call.body) await spool.append(chunk);
}

function expectRange(range: string, offset: number, length: string | undefined): void {
  const [, start, end] = /^(\d+)-(\d+)$/.exec(range) ?? [];
  if (start === undefined || Number(start) !== offset)
    throw new Refusal(416, 'RANGE_INVALID', { detail: { expected: `${offset}-`, got: range } });
  if (length !== undefined && Number(end) - Number(start) + 1 !== Number(length))
    throw new Refusal(400, 'SIZE_INVALID', { detail: { range, length } });
}

function created(call: Call, repository: string, digest: string): Answer {
  return empty(201, {
    location: `${call.origin}/v2/${repository}/blobs/${digest}`,
    'docker-content-digest': digest,
  });
}
