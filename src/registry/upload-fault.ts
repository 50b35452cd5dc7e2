import { RegistryError } from '../copy/error.ts';
import type { Session } from './upload-session.ts';

/* What the failures of an upload mean for its session. */

/** What passes by itself, or by somebody's hand, and says nothing against the session. */
export const outages: ReadonlySet<string> = new Set([
  'unreachable',
  'timeout',
  'tls',
  'rate-limited',
  'denied',
]);

/** A token that had run out was replaced after the first 401: the second one is a "no". */
export function meant(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.status !== 401) return error;
  return new RegistryError('denied', error.message, { status: 401, cause: error });
}

/** A session that cannot be gone on with: what is in it is wrong, or it is not there. */
export function isLost(error: unknown): boolean {
  const cause = causeOf(error);
  return cause?.fault === 'corrupt' || cause?.code?.toUpperCase() === 'BLOB_UPLOAD_UNKNOWN';
}

/** There is no such method, or none on such a path. */
export function isRefusalOfPieces(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  return [404, 405, 501].includes(error.status ?? 0) && !/^BLOB_UPLOAD_/i.test(error.code ?? '');
}

export function behind({ offset }: Session, sent: number): RegistryError {
  const message = `PATCH of a blob's upload: expected the registry to have ${sent} bytes, it says ${offset}`;
  return new RegistryError('unreachable', message, { status: 202 });
}

/** The source's failures come out of the stream wrapped; what to do is the same at either side. */
export function causeOf(error: unknown): RegistryError | undefined {
  if (error instanceof RegistryError) return error;
  return error instanceof Error && error.cause instanceof RegistryError ? error.cause : undefined;
}
