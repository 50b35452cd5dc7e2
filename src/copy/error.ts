import { printable } from '../printable.ts';

/** Characters of a message: an address or a name may be far longer. */
const maxMessage = 1_500;

/** Error reasons: the same words in API, metrics, logs and `explain`. */
export const reasons = [
  'source-denied',
  'source-policy',
  'destination-denied',
  'destination-immutable',
  'artifact-refused',
  'name-invalid',
  'name-collision',
  'not-found',
  'rate-limited',
  'unreachable',
  'timeout',
  'tls',
  'corrupt',
  'protocol',
  'internal',
] as const;

export type Reason = (typeof reasons)[number];

export type Side = 'source' | 'destination';

/** What a registry did to one request, before it is known which end of a copy the registry is. */
export type Fault =
  | 'denied'
  | 'policy'
  | 'immutable'
  | 'artifact-refused'
  | 'name-invalid'
  | 'not-found'
  | 'rate-limited'
  | 'unreachable'
  | 'timeout'
  | 'tls'
  | 'corrupt'
  | 'protocol';

/**
 * A failure of one registry: what, where and what it answered; never a credential or a query string. The message holds
 * others' words, and is one printable line all the same.
 */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly fault: Fault;
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined;
  /** The registry's own error code, e.g. `MANIFEST_BLOB_UNKNOWN`. */
  readonly code: string | undefined;
  /** The registry asked to be left alone until then; milliseconds since 1970. */
  readonly retryAt: number | undefined;

  constructor(
    fault: Fault,
    message: string,
    options: { status?: number; code?: string; retryAt?: number; cause?: unknown } = {},
  ) {
    super(printable(message, maxMessage), 'cause' in options ? { cause: options.cause } : undefined);
    this.fault = fault;
    this.status = options.status;
    this.code = options.code;
    this.retryAt = options.retryAt;
  }
}

/** An answer has more bytes than may be read of it. */
export class OversizedError extends RegistryError {
  constructor(message: string) {
    super('protocol', message);
  }
}

/** A copy that failed: the step, the side it failed on and the reason. `cause` is what happened there. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
  readonly operation: string;
  readonly side: Side;
  readonly reason: Reason;
  readonly retryAt: number | undefined;

  constructor(operation: string, side: Side, cause: RegistryError) {
    super(`${operation} at the ${side}: ${cause.message}`, { cause });
    this.operation = operation;
    this.side = side;
    this.reason = reasonOf(side, cause.fault);
    this.retryAt = cause.retryAt;
  }

  /** An error that knows its side already stays what it is; so does an abort, which is nobody's fault. */
  static of(operation: string, side: Side, cause: unknown): unknown {
    return cause instanceof RegistryError ? new CopyError(operation, side, cause) : cause;
  }
}

/** What is said of any failure: what is no `CopyError` is a mistake of this program. */
export function failureOf(error: unknown): { reason: Reason; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { reason: error instanceof CopyError ? error.reason : 'internal', message };
}

/** Waits for one step of a copy; its failure says which step it was, and at which end. */
export async function at<T>(side: Side, operation: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    throw CopyError.of(operation, side, error);
  }
}

function reasonOf(side: Side, fault: Fault): Reason {
  switch (fault) {
    case 'denied':
      return side === 'source' ? 'source-denied' : 'destination-denied';
    case 'policy':
      return side === 'source' ? 'source-policy' : 'destination-denied';
    case 'immutable':
      return 'destination-immutable';
    default:
      return fault;
  }
}
