import { type Digest, isDigest } from '../../oci/digest.ts';
import type { Answer, Call } from './call.ts';
import type { Contents } from './contents.ts';
import { Refusal } from './error.ts';

/** Serves whole blobs and parts of them. */
export class Blobs {
  readonly #contents: Contents;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  get(call: Call, repository: string, reference: string): Answer {
    const digest = digestIn(reference);
    const blob = this.#contents.blob(repository, digest);
    const headers = {
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      etag: `"${digest}"`,
    };
    const range = rangeIn(call.headers.range, blob.size);
    if (range === 'unsatisfiable')
      throw new Refusal(416, 'RANGE_INVALID', { headers: { 'content-range': `bytes */${blob.size}` } });
    const { start, end } = range ?? { start: 0, end: blob.size - 1 };
    const length = { 'content-length': `${end - start + 1}` };
    const body = blob.read(start, end);
    if (!range) return { status: 200, headers: { ...headers, ...length }, body };
    const part = { 'content-range': `bytes ${start}-${end}/${blob.size}` };
    return { status: 206, headers: { ...headers, ...length, ...part }, body };
  }
}

/** A digest in a path; what is none names no content. */
export function digestIn(reference: string): Digest {
  if (isDigest(reference)) return reference;
  throw new Refusal(400, 'DIGEST_INVALID', { detail: reference });
}

/** One range of bytes; several at once, or nonsense, are ignored as RFC 9110 allows. */
function rangeIn(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? 'unsatisfiable' : { start, end };
}
